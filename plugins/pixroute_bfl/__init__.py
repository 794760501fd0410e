"""Provider type `bfl`: FLUX.2 at Black Forest Labs itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="bfl",
            create="pixroute_bfl.provider:Bfl",
            settings="pixroute_bfl.provider:BflSettings",
            summary="FLUX, from Black Forest Labs",
            sure="documented",
        )
    ]
