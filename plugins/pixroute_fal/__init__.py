"""Provider type `fal`: image models behind fal's queue, which takes a job and is asked until it is done."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_fal.provider import Fal, FalSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [ProviderSpec(name="fal", create=Fal, settings=FalSettings, summary="fal's queue: any of its image models")]
