"""How a size is said to an images endpoint (upstreams §1.1)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor, log, sqrt

from pixroute import Size

FIXED_SIZES = ("1024x1024", "1536x1024", "1024x1536")
"""All that the GPT image models before gpt-image-2 take."""
LARGEST_PIXELS = 3840 * 2160
"""The largest free size, of gpt-image-2 and later."""
_STEP = 16


def free_size(size: Size) -> str:
    """Say it as gpt-image-2 takes it: sides divisible by 16.

    The long side is rounded down and the short side up, so that no shape becomes more extreme than 3:1 by rounding.
    """
    width, height = _sides(size)
    long = floor(max(width, height) / _STEP) * _STEP
    short = ceil(min(width, height) / _STEP) * _STEP
    long = max(long, short)
    return f"{long}x{short}" if width >= height else f"{short}x{long}"


def listed_size(size: Size, listed: Sequence[Size]) -> str:
    """Say the listed size of the same class that is nearest in shape, the largest of those."""
    same_class = [one for one in listed if one.resolution == size.resolution]
    return str(min(same_class, key=lambda one: (abs(log(_ratio(one) / _ratio(size))), -(one.pixels or 0))))


def shape_of(size: Size) -> str:
    """Name the shape of a listed size: `1536x1024` is 3:2."""
    shape = Fraction(_ratio(size)).limit_denominator(100)
    return f"{shape.numerator}:{shape.denominator}"


def _sides(size: Size) -> tuple[float, float]:
    if size.width and size.height:
        return size.width, size.height
    pixels, ratio = size.pixels or 1024 * 1024, _ratio(size)
    return sqrt(pixels * ratio), sqrt(pixels / ratio)


def _ratio(size: Size) -> float:
    return size.ratio or 1.0
