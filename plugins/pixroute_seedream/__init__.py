"""Provider type `seedream`: ByteDance's models, at APIYI or at BytePlus ModelArk."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="seedream",
            create="pixroute_seedream.provider:Seedream",
            settings="pixroute_seedream.provider:SeedreamSettings",
            summary="Seedream, at APIYI or at BytePlus ModelArk",
            sure="documented",
        )
    ]
