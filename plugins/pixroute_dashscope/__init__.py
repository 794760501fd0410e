"""Provider type `dashscope`: Qwen-Image and Wan, at Alibaba Cloud's Model Studio."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="dashscope",
            create="pixroute_dashscope.provider:create",
            settings="pixroute_dashscope.provider:DashScopeSettings",
            summary="Qwen-Image and Wan, from Alibaba Cloud",
            sure="documented",
        )
    ]
