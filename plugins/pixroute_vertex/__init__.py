"""Provider type `vertex`: Gemini's image models on Google Cloud's Vertex AI."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="vertex",
            create="pixroute_vertex.provider:Vertex",
            settings="pixroute_vertex.provider:VertexSettings",
            summary="Gemini images, from Vertex AI",
            sure="captured",
            example={"project": "PROJECT"},
        )
    ]
