"""Provider type `dashscope`: Qwen-Image and Wan, at Alibaba Cloud's Model Studio."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_dashscope.provider import DashScopeSettings, create


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="dashscope",
            create=create,
            settings=DashScopeSettings,
            summary="Qwen-Image and Wan, from Alibaba Cloud",
            sure="documented",
        )
    ]
