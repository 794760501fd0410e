"""Provider type `openrouter`: OpenRouter's images API, one key for many makers' models."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="openrouter",
            create="pixroute_openrouter.provider:OpenRouter",
            settings="pixroute_openrouter.provider:OpenRouterSettings",
            summary="OpenRouter: many makers' models by one key; tells what each picture cost",
            sure="captured",
        )
    ]
