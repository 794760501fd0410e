"""Gemini's `generateContent` as Vertex AI takes it (upstreams-more, Vertex Gemini)."""

from __future__ import annotations

from urllib.parse import urlsplit

from attrs import evolve

from pixroute import ImageRequest
from pixroute.dialects import gemini
from pixroute.http import Call


def base_url_of(location: str) -> str:
    """Give the host of a region; "global" has one of its own."""
    host = "" if location == "global" else f"{location}-"
    return f"https://{host}aiplatform.googleapis.com/v1beta1"


def is_of_another_region(base_url: str, location: str) -> bool:
    """Tell whether the host is Google's, and not that of the location."""
    host = urlsplit(base_url).hostname or ""
    return host.endswith("aiplatform.googleapis.com") and host != urlsplit(base_url_of(location)).hostname


def call(request: ImageRequest, *, project: str, location: str, model: str) -> Call:
    """Ask by shape and class, and for a format, which Google's own API does not take."""
    root = f"projects/{project}/locations/{location}/publishers/google/"
    asked = gemini.call(request, root=root, model=model)
    if request.output_format is None:
        return asked
    config = asked.json["generationConfig"]
    wanted = {"imageOutputOptions": {"mimeType": f"image/{request.output_format}"}}
    changed = {**config, "imageConfig": {**config["imageConfig"], **wanted}}
    return evolve(asked, json={**asked.json, "generationConfig": changed})
