"""Provider type `vertex`: Gemini's image models on Google Cloud's Vertex AI."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_vertex.provider import Vertex, VertexSettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="vertex",
            create=Vertex,
            settings=VertexSettings,
            summary="Gemini images, from Vertex AI",
            sure="captured",
            example={"project": "PROJECT"},
        )
    ]
