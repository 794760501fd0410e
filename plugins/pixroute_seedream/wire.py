"""Ark's images dialect, as it is asked; it answers as OpenAI's does (upstreams §4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixroute import ImageRequest, Size
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call
from pixroute_seedream.models import MOST_PICTURES

PRESETS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "2K": ((2048, 2048), (2304, 1728), (2496, 1664), (2560, 1440), (3024, 1296)),
    "4K": ((4096, 4096), (4694, 3520), (4992, 3328), (5404, 3040), (6198, 2656)),
}
"""The sizes the models were made for; upright with the sides exchanged (upstreams §4.3)."""
_SAME_SHAPE = 0.02


def call(request: ImageRequest, *, model: str, output_format: str | None = None) -> Call:
    """Ask for one picture, or for a series of up to `n` where n is above 1.

    Sizes go as exact pixels, never as a class, whose shape would have to be asked for in the prompt.
    """
    body: dict[str, Any] = {"model": model, "prompt": request.prompt}
    if request.references:
        body["image"] = [data_uri_of(reference) for reference in request.references]
    body |= {"size": _pixels(request.size or Size("2K")), "response_format": "url", "watermark": False}
    if output_format:
        body["output_format"] = output_format
    if request.n > 1:
        body["sequential_image_generation"] = "auto"
        most = min(request.n, MOST_PICTURES - len(request.references))
        body["sequential_image_generation_options"] = {"max_images": most}
    return Call.post("images/generations", json=body)


def _pixels(size: Size) -> str:
    width, height = (None if size.width else _preset(size)) or size.nominal()
    return f"{width}x{height}"


def _preset(size: Size) -> tuple[int, int] | None:
    ratio = size.ratio or 1.0
    for long, short in PRESETS.get(size.resolution, ()):
        if abs(max(ratio, 1 / ratio) * short / long - 1) <= _SAME_SHAPE:
            return (long, short) if ratio >= 1 else (short, long)
    return None
