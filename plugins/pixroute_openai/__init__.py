"""Provider type `openai-images`: OpenAI, and any endpoint that is compatible with its images API."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="openai-images",
            create=OpenAIImages,
            settings=OpenAIImagesSettings,
            summary="OpenAI, and any compatible images endpoint",
            sure="documented",
        )
    ]
