"""How a size is said to OpenAI's image models (upstreams §1.1), and the setting that lists sizes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor, log, sqrt

from attrs import Attribute

from pixroute.request import Size

FIXED_SIZES = ("1024x1024", "1536x1024", "1024x1536")
"""All that the GPT image models before gpt-image-2 take."""
LARGEST_PIXELS = 3840 * 2160
"""The largest free size, of gpt-image-2 and later."""
_STEP = 16


def sizes_of(model: str) -> tuple[str, ...]:
    """Give the only sizes that a model takes; empty: gpt-image-2's rule."""
    return FIXED_SIZES if model.startswith(("gpt-image-1", "chatgpt-image-")) else ()


def exact(_: object, attribute: Attribute[tuple[str, ...]], sizes: tuple[str, ...]) -> None:
    """Refuse a setting that lists what is no `WIDTHxHEIGHT`."""
    for text in sizes if isinstance(sizes, tuple | list) else ():  # whatever else stands there is told by its type
        if isinstance(text, str) and not _is_exact(text):
            raise ValueError(f"{attribute.name} holds {text!r}, which is not WIDTHxHEIGHT, such as 1536x1024")


@lru_cache(maxsize=256)
def said_size(size: Size | None, listed: tuple[Size, ...]) -> str:
    """Say a size as the model takes it: one of those listed, else free; none is 1K."""
    size = size or Size("1K")
    return listed_size(size, listed) if listed else free_size(size)


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


def _is_exact(text: str) -> bool:
    try:
        return Size.parse(text).width is not None
    except ValueError:
        return False


def _sides(size: Size) -> tuple[float, float]:
    if size.width and size.height:
        return size.width, size.height
    pixels, ratio = size.pixels or 1024 * 1024, _ratio(size)
    return sqrt(pixels * ratio), sqrt(pixels / ratio)


def _ratio(size: Size) -> float:
    return size.ratio or 1.0
