"""Provider type `replicate`: image models at Replicate, waited for and, where that ends, polled."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="replicate",
            create="pixroute_replicate.provider:Replicate",
            settings="pixroute_replicate.provider:ReplicateSettings",
            summary="Replicate: any of its image models",
            sure="documented",
        )
    ]
