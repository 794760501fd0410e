"""Provider type `openrouter`: OpenRouter's images API, one key for many makers' models."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_openrouter.provider import OpenRouter, OpenRouterSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="openrouter",
            create=OpenRouter,
            settings=OpenRouterSettings,
            summary="OpenRouter: many makers' models by one key; tells what each picture cost",
        )
    ]
