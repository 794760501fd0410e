"""Provider type `gemini`: Nano Banana Pro and its kin at Google itself."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_gemini.provider import Gemini, GeminiSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="gemini",
            create=Gemini,
            settings=GeminiSettings,
            summary="Gemini images, from Google",
            sure="documented",
        )
    ]
