"""Provider type `xai`: Grok Imagine, at xAI itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="xai",
            create="pixroute_xai.provider:XAI",
            settings="pixroute_xai.provider:XAISettings",
            summary="Grok Imagine, from xAI",
            sure="captured",
        )
    ]
