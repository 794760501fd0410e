"""Provider type `gemini`: Nano Banana Pro and its kin at Google itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="gemini",
            create="pixroute_gemini.provider:Gemini",
            settings="pixroute_gemini.provider:GeminiSettings",
            summary="Gemini images, from Google",
            sure="documented",
        )
    ]
