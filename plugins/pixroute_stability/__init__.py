"""Provider type `stability`: Stability AI's Stable Image models."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_stability.provider import Stability, StabilitySettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="stability", create=Stability, settings=StabilitySettings, summary="Stable Image, from Stability AI"
        )
    ]
