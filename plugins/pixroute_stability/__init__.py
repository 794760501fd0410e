"""Provider type `stability`: Stability AI's Stable Image models."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="stability",
            create="pixroute_stability.provider:Stability",
            settings="pixroute_stability.provider:StabilitySettings",
            summary="Stable Image, from Stability AI",
            sure="second hand",
        )
    ]
