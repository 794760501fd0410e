"""Whether a provider can serve a request, and as what: pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import Literal

from attrs import evolve, field, frozen

from pixroute.provider import Capabilities
from pixroute.request import RESOLUTIONS, ImageRequest, Resolution, Size, parse_ratio
from pixroute.result import Adjustment

SHAPE_TOLERANCE = 0.02
"""How far two shapes may differ and still be called the same aspect ratio."""


@frozen(kw_only=True)
class Fit:
    """A request as a provider will be asked, and what differs from the wish."""

    request: ImageRequest
    resolution: Resolution
    adjustments: tuple[Adjustment, ...] = field(default=())


@frozen
class Unfit:
    """Why a provider cannot serve a request."""

    reason: str


def fit(request: ImageRequest, can: Capabilities, *, upgrade: Literal["allow", "refuse"] = "allow") -> Fit | Unfit:
    """Give the request as this provider would be asked, or why it cannot be.

    A class that it does not make becomes the next larger one where `upgrade` allows; nothing is ever made smaller.
    Exact pixels outside its exact range are served by a class of the same shape. No size becomes its smallest class.
    """
    if can.max_prompt is not None and len(request.prompt) > can.max_prompt:
        return Unfit(f"takes prompts of at most {can.max_prompt} characters, not {len(request.prompt)}")
    if len(request.references) > can.references:
        return Unfit(f"takes at most {can.references} reference pictures, not {len(request.references)}")
    if request.size is None:
        size = Size(_smallest(can.resolutions)) if can.resolutions else None
        return Fit(request=evolve(request, size=size), resolution=size.resolution if size else "other")
    sent = _fit_size(request.size, can, upgrade)
    if isinstance(sent, Unfit):
        return sent
    adjustments: tuple[Adjustment, ...] = ()
    if sent.resolution != request.size.resolution:
        adjustments = (Adjustment("size", str(request.size), str(sent), "the provider makes no smaller pictures"),)
    return Fit(request=evolve(request, size=sent), resolution=sent.resolution, adjustments=adjustments)


def _fit_size(size: Size, can: Capabilities, upgrade: Literal["allow", "refuse"]) -> Size | Unfit:
    shape = _fit_shape(size, can)
    if isinstance(shape, Unfit):
        return shape
    larger = [r for r in RESOLUTIONS[RESOLUTIONS.index(size.resolution) :] if r in can.resolutions]
    resolution = size.resolution if not can.resolutions else next(iter(larger), None)
    if resolution is None:
        return Unfit(f"makes {', '.join(sorted(can.resolutions))}, not {size.resolution}")
    if resolution != size.resolution and upgrade == "refuse":
        return Unfit(f"would make {resolution} where {size.resolution} is asked")
    if size.width and size.height and can.exact_pixels and resolution == size.resolution:
        least, most = can.exact_pixels
        if least <= size.width * size.height <= most:
            return size
        if size.width * size.height > most:
            return Unfit(f"makes at most {most} pixels, not {size}")
    return Size(resolution, shape)


def _fit_shape(size: Size, can: Capabilities) -> tuple[int, int] | Unfit | None:
    if size.ratio is None:
        return None
    if not can.aspect_ratios:
        return size.aspect_ratio or _reduced(size.width or 1, size.height or 1)
    for text in sorted(can.aspect_ratios):
        width, height = parse_ratio(text)
        if abs(size.ratio * height / width - 1) <= SHAPE_TOLERANCE:
            return width, height
    return Unfit(f"makes {', '.join(sorted(can.aspect_ratios))}, not the shape of {size}")


def _reduced(width: int, height: int) -> tuple[int, int]:
    common = gcd(width, height)
    return width // common, height // common


def _smallest(resolutions: Iterable[Resolution]) -> Resolution:
    return min(resolutions, key=RESOLUTIONS.index)
