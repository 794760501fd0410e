"""OpenRouter's images dialect as it is asked (docs/provider-types.md)."""

from __future__ import annotations

from typing import Any

from pixroute import ImageRequest
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call


def call(request: ImageRequest, *, model: str) -> Call:
    """Ask for pictures; `aspect_ratio`, `resolution` and `n` stand in its documents and were not seen on a wire."""
    body: dict[str, Any] = {"model": model, "prompt": request.prompt}
    if request.references:
        body["input_references"] = [
            {"type": "image_url", "image_url": {"url": data_uri_of(reference)}} for reference in request.references
        ]
    if request.size:
        body["resolution"] = request.size.resolution
        if request.size.aspect_ratio:
            body["aspect_ratio"] = "{}:{}".format(*request.size.aspect_ratio)
    return Call.post("images", json=body)
