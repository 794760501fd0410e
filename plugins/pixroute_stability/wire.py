"""Stability's dialect (docs/provider-types.md)."""

from __future__ import annotations

from collections.abc import Iterator

from pixroute import Billing, Failure, ImageRequest
from pixroute.dialects.references import data_of, media_type_of
from pixroute.http import Call, Part, Reply, declined

ASPECT_RATIOS = frozenset({"1:1", "16:9", "9:16", "21:9", "9:21", "2:3", "3:2", "4:5", "5:4"})
ROUTES = ("ultra", "core")
"""Models with a route of their own; all others are a field of `sd3`."""
FILTERED = "CONTENT_FILTERED"


def call(request: ImageRequest, *, model: str, answer: str, strength: float) -> Call:
    """Ask for one picture, always by a form."""
    route = model if model in ROUTES else "sd3"
    accept = "image/*" if answer == "image" else "application/json"
    parts = tuple(_parts(request, model=model, strength=strength))
    return Call.post(f"stable-image/generate/{route}", form=parts, headers={"Accept": accept})


def _parts(request: ImageRequest, *, model: str, strength: float) -> Iterator[Part]:
    yield Part(name="prompt", value=request.prompt)
    if model not in ROUTES:
        yield Part(name="model", value=model)
    if request.output_format:
        yield Part(name="output_format", value=request.output_format)
    if not request.references:
        shape = request.size.aspect_ratio if request.size else None
        if shape:
            yield Part(name="aspect_ratio", value="{}:{}".format(*shape))
        return
    if model not in ROUTES:
        yield Part(name="mode", value="image-to-image")
    media_type = media_type_of(request.references[0])
    filename = f"reference.{media_type.rpartition('/')[2]}"
    yield Part(name="image", value=data_of(request.references[0]), filename=filename, media_type=media_type)
    yield Part(name="strength", value=str(strength))


def filtered(reply: Reply, *, who: str) -> Failure | None:
    """Find a picture that was filtered; nobody says whether it is billed."""
    document = reply.json if isinstance(reply.json, dict) else {}
    reason = document.get("finish_reason") or reply.headers.get("finish-reason")
    if not reply.ok or reason != FILTERED:
        return None
    return declined(FILTERED, reply, who=who, billing=Billing.AMBIGUOUS)
