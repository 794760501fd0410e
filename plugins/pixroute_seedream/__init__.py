"""Provider type `seedream`: ByteDance's models, at APIYI or at BytePlus ModelArk."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_seedream.provider import Seedream, SeedreamSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="seedream",
            create=Seedream,
            settings=SeedreamSettings,
            summary="Seedream, at APIYI or at BytePlus ModelArk",
            sure="documented",
        )
    ]
