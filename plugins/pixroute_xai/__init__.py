"""Provider type `xai`: Grok Imagine, at xAI itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_xai.provider import XAI, XAISettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(name="xai", create=XAI, settings=XAISettings, summary="Grok Imagine, from xAI", sure="captured")
    ]
