"""xAI's images dialect, as it is asked; it answers as OpenAI's does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixroute import ImageRequest, Size
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call

SHAPES: Mapping[tuple[int, int], str] = {(13, 6): "19.5:9", (6, 13): "9:19.5"}
"""Shapes that it names with a fraction."""


def call(request: ImageRequest, *, model: str) -> Call:
    """Ask for base64 by `images/generations`, or with references, in JSON as well, by `images/edits`.

    References beside `images/generations` would be dropped without a word, and the picture billed.
    """
    body: dict[str, Any] = {"model": model, "prompt": request.prompt, "n": request.n, "response_format": "b64_json"}
    body |= _size(request.size) if request.size else {}
    pictures = [{"url": data_uri_of(reference), "type": "image_url"} for reference in request.references]
    if pictures:
        body |= {"image": pictures[0]} if len(pictures) == 1 else {"images": pictures}
    return Call.post("images/edits" if pictures else "images/generations", json=body)


def _size(size: Size) -> dict[str, str]:
    said = {"resolution": size.resolution.lower()}
    if size.aspect_ratio:
        said["aspect_ratio"] = SHAPES.get(size.aspect_ratio, "{}:{}".format(*size.aspect_ratio))
    return said
