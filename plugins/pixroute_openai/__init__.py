"""Provider type `openai-images`: OpenAI, and any endpoint that is compatible with its images API."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="openai-images",
            create="pixroute_openai.provider:OpenAIImages",
            settings="pixroute_openai.provider:OpenAIImagesSettings",
            summary="OpenAI, and any compatible images endpoint",
            sure="documented",
        )
    ]
