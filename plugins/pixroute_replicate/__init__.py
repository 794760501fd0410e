"""Provider type `replicate`: image models at Replicate, waited for and, where that ends, polled."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_replicate.provider import Replicate, ReplicateSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="replicate",
            create=Replicate,
            settings=ReplicateSettings,
            summary="Replicate: any of its image models",
        )
    ]
