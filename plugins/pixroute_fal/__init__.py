"""Provider type `fal`: image models behind fal's queue, which takes a job and is asked until it is done."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="fal",
            create="pixroute_fal.provider:Fal",
            settings="pixroute_fal.provider:FalSettings",
            summary="fal's queue: any of its image models",
            sure="documented",
        )
    ]
