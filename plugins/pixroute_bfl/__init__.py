"""Provider type `bfl`: FLUX.2 at Black Forest Labs itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_bfl.provider import Bfl, BflSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [ProviderSpec(name="bfl", create=Bfl, settings=BflSettings, summary="FLUX, from Black Forest Labs")]
