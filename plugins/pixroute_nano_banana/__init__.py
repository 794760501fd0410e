"""Provider types `nano-banana-pro-http` and `nano-banana-pro-https`: one aggregator, one model, two ports."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer both types."""
    return [
        ProviderSpec(
            name="nano-banana-pro-http",
            create="pixroute_nano_banana.provider:create",
            settings="pixroute_nano_banana.provider:NanoBananaProHttpSettings",
            summary="Nano Banana Pro at APIYI, HTTP port 16888: the key travels in clear",
            sure="documented",
        ),
        ProviderSpec(
            name="nano-banana-pro-https",
            create="pixroute_nano_banana.provider:create",
            settings="pixroute_nano_banana.provider:NanoBananaProHttpsSettings",
            summary="Nano Banana Pro at APIYI, HTTPS",
            sure="documented",
        ),
    ]
