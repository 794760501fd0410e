"""What a caller asks for: frozen values, no I/O."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Iterable, Mapping
from math import sqrt
from os import PathLike, fspath
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import Annotated, Any, BinaryIO, Literal, Self, get_args

from attrs import field, frozen
from attrs import fields as fields_of

from pixroute.values import (
    NO_ENTRIES,
    Count,
    Form,
    Mistake,
    Range,
    as_table,
    check,
    check_one,
    fits,
    mistake,
    unreadable,
)
from pixroute.words import join, shown

Resolution = Literal["1K", "2K", "4K", "other"]
"""A class of sizes; "other" stands where none was asked and the provider's own default is not known."""
RESOLUTIONS: tuple[Resolution, ...] = get_args(Resolution)
LARGEST_PIXELS: Mapping[Resolution, int] = MappingProxyType({"1K": 2_100_000, "2K": 8_400_000})
NOMINAL_SIDE: Mapping[Resolution, int] = MappingProxyType({"1K": 1024, "2K": 2048, "4K": 4096})
LARGEST_SIDE = 32_768
LARGEST_REFERENCE = 50_000_000
"""Bytes of a reference picture."""

OutputFormat = Literal["png", "jpeg", "webp"]
ReferenceFormat = Literal["png", "jpeg", "webp", "gif"]
Side = Annotated[int, Range(1, LARGEST_SIDE)]
AspectRatio = Annotated[str, Form(r"\s*0*[1-9]\d{0,2}\s*:\s*0*[1-9]\d{0,2}\s*", "of the form W:H, such as 16:9")]

_SIZE = re.compile(
    r"(?:(?P<width>\d{2,5})\s*[x×*]\s*(?P<height>\d{2,5})|(?P<named>[124])\s*k)(?:\s+(?P<ratio>\S.*))?",
    re.IGNORECASE | re.DOTALL,
)
_RATIO = re.compile(r"(\d{1,3})\s*:\s*(\d{1,3})")
_URL = re.compile(r"\s*(data:|[a-z][a-z0-9+.-]+:/)", re.IGNORECASE)
_BASE64 = re.compile(r"(?:iVBORw0KGgo|/9j/|UklGR|R0lGOD)[A-Za-z0-9+/_=\s-]{40,}|[A-Za-z0-9+/=\s]{200,}")
_LONGEST_PATH = 4096
_DEEPEST = 64
_MOST_BITS = 1024


class SizeError(ValueError):
    """A size or aspect ratio that cannot be read; the text says what may stand there."""


def resolution_of(width: int, height: int) -> Resolution:
    """Give the class of an exact size: 1K up to 2.1 megapixels, 2K up to 8.4, 4K above."""
    pixels = width * height
    if pixels <= LARGEST_PIXELS["1K"]:
        return "1K"
    return "2K" if pixels <= LARGEST_PIXELS["2K"] else "4K"


def _said(text: object) -> str:
    return repr(text[:60]) if isinstance(text, str) else shown(text)


def parse_ratio(text: str) -> tuple[int, int]:
    """Read `"16:9"`.

    Raises:
        SizeError: it is not two whole numbers above 0 with a colon between.
    """
    match = _RATIO.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None or not int(match[1]) or not int(match[2]):
        raise SizeError(f"aspect_ratio {_said(text)} is not W:H, for example 16:9")
    return int(match[1]), int(match[2])


@frozen
class Size:
    """What size is asked: a class with an optional aspect ratio, or exact pixels.

    `resolution` is always known; `width` and `height` are None unless exact pixels were asked; `aspect_ratio` is
    `(16, 9)` or None where the provider may choose (exact pixels carry their own).
    """

    resolution: Resolution
    aspect_ratio: tuple[Count, Count] | None = None
    width: Side | None = None
    height: Side | None = None

    def __attrs_post_init__(self) -> None:
        try:
            check(self)
        except Mistake as error:
            raise SizeError(f"size: {error}") from None
        if (self.width is None) != (self.height is None):
            raise SizeError("size: width and height are given together")

    @classmethod
    def parse(cls, text: str, aspect_ratio: str | None = None) -> Size:
        """Read `4K`, `4096x4096` or `2K 16:9`; a separate `aspect_ratio` may stand beside a class.

        Raises:
            SizeError: unreadable, or an aspect ratio beside exact pixels that contradicts them.
        """
        if not isinstance(text, str):
            raise SizeError(f"size must be a Size, or text such as 4K, 2048x2048 or '2K 16:9', not {shown(text)}")
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise SizeError(f"size {_said(text)} is none of 1K, 2K, 4K, WIDTHxHEIGHT (such as 2048x2048), or '2K 16:9'")
        tail = match["ratio"]
        ratio = parse_ratio(aspect_ratio or tail) if (aspect_ratio or tail) else None
        if tail and aspect_ratio and parse_ratio(tail) != ratio:
            raise SizeError(f"size {_said(text)} and aspect_ratio {_said(aspect_ratio)} contradict each other")
        if match["named"]:
            resolution: Resolution = f"{int(match['named'])}K"  # type: ignore[assignment]  # the pattern admits 1, 2, 4
            return cls(resolution, ratio)
        return cls._exact(int(match["width"]), int(match["height"]), ratio)

    @classmethod
    def _exact(cls, width: int, height: int, ratio: tuple[int, int] | None) -> Size:
        for side in (width, height):
            if not 1 <= side <= LARGEST_SIDE:
                raise SizeError(f"size {width}x{height} has a side that is not 1 to {LARGEST_SIDE:,} pixels")
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


def _as_bytes(data: bytes | bytearray | memoryview | None) -> bytes | None:
    whole = bytes(data) if isinstance(data, bytearray | memoryview) else data
    if isinstance(whole, bytes) and len(whole) > LARGEST_REFERENCE:
        raise Mistake(f"has more than {LARGEST_REFERENCE // 1_000_000} MB")
    return whole


@frozen
class Reference:
    """A picture that the new one is to follow: its bytes, or the path they are read from when the request starts."""

    data: bytes | None = field(
        default=None, converter=_as_bytes, repr=lambda data: f"<{len(data)} bytes>" if data else "None"
    )
    path: Path | None = None
    media_type: str | None = None

    __attrs_post_init__ = check

    @property
    def format(self) -> str | None:
        """Such as `"png"`; None before it has been looked at."""
        return self.media_type.removeprefix("image/") if self.media_type else None

    @classmethod
    def of(cls, source: Reference | bytes | bytearray | memoryview | str | PathLike[str] | BinaryIO) -> Reference:
        """Take bytes, a path, a binary file from where it stands, or a Reference as it is.

        Raises:
            ValueError: it is none of these; the text never shows what was given.
        """
        if isinstance(source, Reference):
            return source
        if isinstance(source, bytes | bytearray | memoryview):
            return cls(data=source)
        if isinstance(source, str | PathLike):
            return cls(path=_path(fspath(source)))
        if callable(read := getattr(source, "read", None)):
            return cls(data=_contents(read))
        raise Mistake(f"must be the picture's bytes, a path or a binary file, not {shown(source)}")


def _path(text: object) -> Path:
    if not isinstance(text, str) or not text.strip():
        raise Mistake("is an empty path" if isinstance(text, str) else "must be a path of text, not of bytes")
    if match := _URL.match(text):
        what = "a data URI" if match[1].lower() == "data:" else "a URL"
        raise Mistake(f"is {what}; give the picture's bytes, or the path of a file")
    if len(text) > _LONGEST_PATH or "\0" in text or _BASE64.fullmatch(text):
        raise Mistake("is no path of a file; give the picture's bytes as bytes, not as text")
    check_one(Path(text), Path, "")
    return Path(text)


def _contents(read: Any) -> bytes:
    try:
        data = read(LARGEST_REFERENCE + 1)
    except (OSError, ValueError, TypeError) as error:  # a closed file's, or another `read` than a file's
        raise Mistake(f"is a file that cannot be read: {error}") from error
    if isinstance(data, Coroutine):
        data.close()
        raise Mistake("is read with `await`; give its bytes")
    if not isinstance(data, bytes | bytearray | memoryview):
        raise Mistake("is a file that gives no bytes; open it with mode 'rb'")
    return bytes(data)


def _size(value: Size | str | None) -> Size | None:
    if value is None or isinstance(value, Size):
        return value
    return Size.parse(value)


def _references(values: Iterable[Any]) -> tuple[Reference, ...]:
    if isinstance(values, tuple) and (not values or all(isinstance(value, Reference) for value in values)):
        return values
    single = isinstance(values, str | bytes | bytearray | memoryview | PathLike | Reference | Mapping)
    if single or hasattr(values, "read") or not isinstance(values, Iterable):
        raise Mistake("must be a list of pictures; a single one stands in a list, too", "references")
    found: list[Reference] = []
    try:
        found.extend(map(Reference.of, values))  # those before the wrong one stand in it
    except Mistake as error:
        raise Mistake(str(error), join("references", len(found))) from error.__cause__
    except Exception as error:
        raise unreadable(error, join("references", len(found))) from error
    return tuple(found)


def _mask(value: Any) -> Any:
    if value is None:
        return None
    try:
        return Reference.of(value)
    except Mistake as error:
        raise Mistake(str(error), "mask") from error.__cause__


def _extra(values: Any) -> Any:
    """Hold it against what JSON can say, so that no wire finds out later."""
    if values is NO_ENTRIES or not isinstance(values, Mapping):
        return values
    try:
        _check_fields(values)
    except Mistake:
        raise
    except Exception as error:
        raise unreadable(error, "extra") from error
    return as_table(values)


def _check_fields(values: Mapping[Any, Any]) -> None:
    for name, fields in values.items():
        if not isinstance(fields, Mapping):
            raise Mistake(f"must be a table of fields, not {shown(fields)}", join("extra", name))
        _check_json(fields, join("extra", name))


def _check_json(value: object, path: str, depth: int = _DEEPEST) -> None:
    if not depth:
        raise Mistake("is nested too deeply", path)
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not fits(str)(key):
                raise mistake(key, str, path)
            _check_json(item, join(path, key), depth - 1)
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            _check_json(item, join(path, at), depth - 1)
    elif isinstance(value, str | float):
        kind: Any = str if isinstance(value, str) else float
        if not fits(kind)(value):
            raise mistake(value, kind, path)
    elif not isinstance(value, int | NoneType) or (value or 0).bit_length() > _MOST_BITS:
        raise Mistake(f"must be what JSON can say, not {shown(value)}", path)


def _not_empty(_request: object, _field: object, prompt: Any) -> None:
    if isinstance(prompt, str) and not prompt.strip():
        raise ValueError("the prompt is empty; say what to draw")


@frozen(kw_only=True)
class ImageRequest:
    """One wish for pictures.

    Args:
        prompt: what to draw; appears in no log, event or error.
        size: `"4K"`, `"2048x2048"`, `"2K 16:9"` or a `Size`; None leaves it to the provider.
        n: how many pictures, 1 to 100.
        references: pictures to edit or follow, each of at most 50 MB: paths, bytes, binary files, or `Reference`.
        mask: where the first reference is to be changed: a picture as a reference is, in its sides, whose transparent
            pixels are painted anew. Providers that take none are skipped.
        output_format: `"png"`, `"jpeg"` or `"webp"`: asked of the provider, else converted, else told.
        sensitive: never over a plaintext connection.
        tags: carried to record, events and ledger.
        extra: per provider name, fields added to the wire as they are.
    """

    prompt: str = field(kw_only=False, validator=_not_empty, repr=lambda text: f"<{len(text)} characters>")
    size: Size | None = field(default=None, converter=_size)
    n: Annotated[int, Range(1, 100)] = 1
    references: tuple[Reference, ...] = field(default=(), converter=_references)
    mask: Reference | None = field(default=None, converter=_mask)
    output_format: OutputFormat | None = None
    sensitive: bool = False
    tags: Mapping[str, str] = field(default=NO_ENTRIES, converter=as_table)
    extra: Mapping[str, Mapping[str, Any]] = field(default=NO_ENTRIES, converter=_extra)

    def __attrs_post_init__(self) -> None:
        check(self)
        if self.mask and not self.references:
            raise Mistake("says where a reference picture is to be changed, and there is none", "mask")

    @property
    def pictures(self) -> tuple[Reference, ...]:
        """All that are sent: the references and the mask."""
        return (*self.references, self.mask) if self.mask else self.references

    def altered(self, **changes: Any) -> Self:
        """Give this request with other fields that are known to be right: nothing is checked a second time."""
        made = object.__new__(type(self))
        for name in _FIELDS:
            object.__setattr__(made, name, changes[name] if name in changes else getattr(self, name))
        return made

    @property
    def resolution(self) -> Resolution:
        """The class asked for; "other" where no size was asked."""
        return self.size.resolution if self.size else "other"

    @property
    def fingerprint(self) -> int:
        """Tell requests apart as evidence: equal prompts, sizes and pictures are one (within this process)."""
        return hash((self.prompt, self.size, tuple([(r.path, r.data and hash(r.data[:4096])) for r in self.pictures])))


_FIELDS = tuple(one.name for one in fields_of(ImageRequest))
