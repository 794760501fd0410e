"""What a caller asks for: frozen values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import sqrt
from os import PathLike
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from attrs import field, frozen

Resolution = Literal["1K", "2K", "4K", "other"]
"""A class of sizes; "other" stands where none was asked and the provider's own default is not known."""
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)
LARGEST_PIXELS: Mapping[Resolution, int] = MappingProxyType({"1K": 2_100_000, "2K": 8_400_000})
NOMINAL_SIDE: Mapping[Resolution, int] = MappingProxyType({"1K": 1024, "2K": 2048, "4K": 4096})

_EXACT = re.compile(r"(\d{2,5})\s*[x×*]\s*(\d{2,5})")
_CLASS = re.compile(r"([124])\s*k", re.IGNORECASE)
_RATIO = re.compile(r"(\d{1,3})\s*:\s*(\d{1,3})")


class SizeError(ValueError):
    """A size or aspect ratio that cannot be read; the text says what may stand there."""


def resolution_of(width: int, height: int) -> Resolution:
    """Give the class of an exact size: 1K up to 2.1 megapixels, 2K up to 8.4, 4K above."""
    pixels = width * height
    if pixels <= LARGEST_PIXELS["1K"]:
        return "1K"
    return "2K" if pixels <= LARGEST_PIXELS["2K"] else "4K"


def parse_ratio(text: str) -> tuple[int, int]:
    """Read `"16:9"`.

    Raises:
        SizeError: it is not two whole numbers above 0 with a colon between.
    """
    match = _RATIO.fullmatch(text.strip())
    if match is None or "0" in match.groups():
        raise SizeError(f"aspect ratio {text!r} is not W:H, for example 16:9")
    return int(match[1]), int(match[2])


@frozen
class Size:
    """What size is asked: a class with an optional aspect ratio, or exact pixels.

    `resolution` is always known; `width` and `height` are None unless exact pixels were asked; `aspect_ratio` is
    `(16, 9)` or None where the provider may choose (exact pixels carry their own).
    """

    resolution: Resolution
    aspect_ratio: tuple[int, int] | None = None
    width: int | None = None
    height: int | None = None

    @classmethod
    def parse(cls, text: str, aspect_ratio: str | None = None) -> Size:
        """Read `4K`, `4096x4096` or `2K 16:9`; a separate `aspect_ratio` may stand beside a class.

        Raises:
            SizeError: unreadable, or an aspect ratio beside exact pixels that contradicts them.
        """
        head, _, tail = text.strip().partition(" ")
        ratio = parse_ratio(aspect_ratio or tail) if (aspect_ratio or tail.strip()) else None
        if tail.strip() and aspect_ratio and parse_ratio(tail) != ratio:
            raise SizeError(f"size {text!r} and aspect ratio {aspect_ratio!r} contradict each other")
        if exact := _EXACT.fullmatch(head):
            return cls._exact(int(exact[1]), int(exact[2]), ratio)
        if named := _CLASS.fullmatch(head):
            resolution: Resolution = f"{named[1]}K"  # type: ignore[assignment]  # the pattern admits 1, 2, 4 only
            return cls(resolution, ratio)
        raise SizeError(f"size {text!r} is none of 1K, 2K, 4K, WIDTHxHEIGHT (such as 2048x2048), or '2K 16:9'")

    @classmethod
    def _exact(cls, width: int, height: int, ratio: tuple[int, int] | None) -> Size:
        if ratio is not None and abs(width * ratio[1] / (height * ratio[0]) - 1) > 0.02:
            raise SizeError(f"{width}x{height} is not {ratio[0]}:{ratio[1]}; leave one of the two out")
        return cls(resolution_of(width, height), None, width, height)

    @property
    def ratio(self) -> float | None:
        """Width over height, where known."""
        if self.width and self.height:
            return self.width / self.height
        return self.aspect_ratio[0] / self.aspect_ratio[1] if self.aspect_ratio else None

    @property
    def pixels(self) -> int | None:
        """How many pixels were asked: exactly, else the nominal square of the class; None for "other"."""
        if self.width and self.height:
            return self.width * self.height
        side = NOMINAL_SIDE.get(self.resolution)
        return side * side if side else None

    def nominal(self) -> tuple[int, int]:
        """Give pixels of this size: the exact ones, else the class's area in the asked shape, sides divisible by 16.

        For wires that know exact pixels only. "other" counts as 1K.
        """
        if self.width and self.height:
            return self.width, self.height
        side, ratio = NOMINAL_SIDE.get(self.resolution, 1024), self.ratio or 1.0
        return max(16, int(side * sqrt(ratio)) // 16 * 16), max(16, int(side / sqrt(ratio)) // 16 * 16)

    def __str__(self) -> str:
        if self.width:
            return f"{self.width}x{self.height}"
        return (
            f"{self.resolution} {self.aspect_ratio[0]}:{self.aspect_ratio[1]}" if self.aspect_ratio else self.resolution
        )


@frozen
class Reference:
    """A picture that the new one is to follow: its bytes, or the path they are read from when the request starts."""

    data: bytes | None = field(default=None, repr=lambda data: f"<{len(data)} bytes>" if data else "None")
    path: Path | None = None
    media_type: str | None = None

    @classmethod
    def of(cls, source: Reference | bytes | str | PathLike[str]) -> Reference:
        """Take bytes, a path, or a Reference as it is."""
        if isinstance(source, Reference):
            return source
        return cls(data=source) if isinstance(source, bytes) else cls(path=Path(source))


def _size(value: Size | str | None) -> Size | None:
    return Size.parse(value) if isinstance(value, str) else value


def _references(values: Iterable[Reference | bytes | str | PathLike[str]]) -> tuple[Reference, ...]:
    return tuple(Reference.of(value) for value in values)


def _frozen_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(value))


def _not_empty(_request: object, _field: object, prompt: str) -> None:
    if not prompt.strip():
        raise ValueError("the prompt is empty; say what to draw")


def _a_count(_request: object, _field: object, n: int) -> None:
    if not 1 <= n <= 100:
        raise ValueError(f"n must be 1 to 100, not {n}")


@frozen(kw_only=True)
class ImageRequest:
    """One wish for pictures.

    Args:
        prompt: what to draw; appears in no log, event or error.
        size: `"4K"`, `"2048x2048"`, `"2K 16:9"` or a `Size`; None leaves it to the provider.
        n: how many pictures, 1 to 100.
        references: pictures to edit or follow: paths, bytes, or `Reference`.
        output_format: `"png"`, `"jpeg"` or `"webp"`: asked of the provider, else converted, else told.
        sensitive: never over a plaintext connection.
        tags: carried to record, events and ledger.
        extra: per provider name, fields added to the wire as they are.
    """

    prompt: str = field(kw_only=False, validator=_not_empty, repr=lambda text: f"<{len(text)} characters>")
    size: Size | None = field(default=None, converter=_size)
    n: int = field(default=1, validator=_a_count)
    references: tuple[Reference, ...] = field(default=(), converter=_references)
    output_format: Literal["png", "jpeg", "webp"] | None = None
    sensitive: bool = False
    tags: Mapping[str, str] = field(factory=dict, converter=_frozen_mapping)
    extra: Mapping[str, Mapping[str, Any]] = field(factory=dict, converter=_frozen_mapping)

    @property
    def resolution(self) -> Resolution:
        """The class asked for; "other" where no size was asked."""
        return self.size.resolution if self.size else "other"

    @property
    def fingerprint(self) -> int:
        """Tell requests apart as evidence: equal prompts, sizes and references are one (within this process)."""
        return hash((self.prompt, self.size, tuple((r.path, r.data and hash(r.data[:4096])) for r in self.references)))
