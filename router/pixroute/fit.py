"""Whether a provider can serve a request, and as what: pure."""

from __future__ import annotations

from collections.abc import Iterable
from math import gcd
from typing import Literal

from attrs import field, frozen

from pixroute.provider import Capabilities
from pixroute.request import RESOLUTIONS, ImageRequest, Reference, Resolution, Size, parse_ratio
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
    if strange := _strange_format(request, can):
        return Unfit(f"takes reference pictures as {', '.join(sorted(can.reference_formats))}, not {strange}")
    if request.mask and (why := _strange_mask(request.mask, can)):
        return Unfit(why)
    if request.size is None:
        size = Size(_smallest(can.resolutions)) if can.resolutions else None
        return Fit(request=_sized(request, size), resolution=size.resolution if size else "other")
    sent = _fit_size(request.size, can, upgrade)
    if isinstance(sent, Unfit):
        return sent
    adjustments: tuple[Adjustment, ...] = ()
    if sent.resolution != request.size.resolution:
        adjustments = (Adjustment("size", str(request.size), str(sent), "the provider makes no smaller pictures"),)
    return Fit(request=_sized(request, sent), resolution=sent.resolution, adjustments=adjustments)


def _strange_format(request: ImageRequest, can: Capabilities) -> str | None:
    formats = (reference.format for reference in request.references if can.reference_formats)
    return next((each for each in formats if each and each not in can.reference_formats), None)


def _strange_mask(mask: Reference, can: Capabilities) -> str | None:
    if not can.mask_formats:
        return "takes no mask"
    if mask.format and mask.format not in can.mask_formats:
        return f"takes masks as {', '.join(sorted(can.mask_formats))}, not {mask.format}"
    return None


def _sized(request: ImageRequest, size: Size | None) -> ImageRequest:
    return request if size == request.size else request.altered(size=size)


def _fit_size(size: Size, can: Capabilities, upgrade: Literal["allow", "refuse"]) -> Size | Unfit:
    shape = _fit_shape(size, can)
    if isinstance(shape, Unfit):
        return shape
    if _takes_exactly(size, can):
        return size
    enough = (r for r in RESOLUTIONS if (not can.resolutions or r in can.resolutions) and _is_enough(r, size, can))
    resolution = next(enough, None)
    if resolution is None:
        return Unfit(f"makes {_most(can)}, not {size}")
    if resolution != size.resolution and upgrade == "refuse":
        return Unfit(f"would make {resolution} where {size} is asked")
    return Size(resolution, shape)


def _takes_exactly(size: Size, can: Capabilities) -> bool:
    if not size.width or not size.height:
        return False
    if (size.width, size.height) in can.exact_sizes:
        return True
    if any(side % can.multiple_of or not _within(side, can.sides) for side in (size.width, size.height)):
        return False
    if can.exact_pixels is None:
        return not can.resolutions or can.sides is not None
    return can.exact_pixels[0] <= size.width * size.height <= can.exact_pixels[1]


def _within(side: int, sides: tuple[int, int] | None) -> bool:
    return sides is None or sides[0] <= side <= sides[1]


def _is_enough(resolution: Resolution, size: Size, can: Capabilities) -> bool:
    """Tell whether a class is as large as asked: by its name for a class, by its area for exact pixels."""
    if size.width is None:
        return RESOLUTIONS.index(resolution) >= RESOLUTIONS.index(size.resolution)
    return (Size(resolution).pixels or 0) >= (size.pixels or 0) * (1 - can.size_tolerance)


def _most(can: Capabilities) -> str:
    if can.exact_pixels is not None:
        return f"at most {can.exact_pixels[1]} pixels"
    return ", ".join(sorted(can.resolutions)) or "at most 4K"


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
