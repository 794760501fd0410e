"""What a picture is, read from its header and its end, never the whole: format, pixels, completeness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import BinaryIO, Literal

from attrs import frozen

from pixroute.request import Size

Format = Literal["png", "jpeg", "webp", "gif"]

MOST_PIXELS = 64_000_000
"""More than this is refused: decoding it would cost whoever does 256 MB."""
LONGEST_SIDE = 32_768
"""A longer side is refused: viewers and libraries stop there, and a row of it is what a decoder takes at once."""

_HEAD = 64
_TAIL = 4096
_PADDING = b"\0 \r\n"  # some writers round a file up; none of these ends a picture
_MOST_SEGMENTS = 2048  # before a JPEG's picture data: profiles and provenance come in pieces of 64 KiB


class BadPicture(ValueError):
    """Bytes that are no complete picture; the text says why."""


class CutPicture(BadPicture):
    """A picture that begins well and has no end."""


@frozen
class PictureInfo:
    """What the header says."""

    format: Format
    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def media_type(self) -> str:
        """Such as `image/jpeg`."""
        return f"image/{self.format}"

    @property
    def suffix(self) -> str:
        """Such as `.jpg`."""
        return ".jpg" if self.format == "jpeg" else f".{self.format}"


@frozen
class Shortfall:
    """Fewer pixels than were asked."""

    delivered: int
    asked: int

    @property
    def missing(self) -> float:
        """Share of the asked pixels that is missing, 0 to 1."""
        return 1 - self.delivered / self.asked

    def __str__(self) -> str:
        return f"{self.delivered / 1e6:.3g} of {self.asked / 1e6:.3g} megapixels"


def judge(info: PictureInfo, asked: Size | None, tolerance: float) -> Shortfall | None:
    """Tell whether more than `tolerance` (a share) of the asked pixels is missing; a class asks its nominal area."""
    if asked is None or asked.pixels is None or info.pixels >= asked.pixels * (1 - tolerance):
        return None
    return Shortfall(info.pixels, asked.pixels)


def inspect(source: BinaryIO, size: int) -> PictureInfo:
    """Read format and dimensions, and check that the end is there.

    Args:
        source: seekable; where it stands afterwards is undefined.
        size: its bytes.

    Raises:
        BadPicture: it is none of PNG, JPEG, WebP and GIF, it is broken or cut, or it has more than 64 megapixels or
            a side of more than 32,768. `CutPicture` if only its end is missing.
    """
    head = _read(source, 0, _HEAD)
    for kind in _KINDS:
        if head.startswith(kind.magic):
            break
    else:
        raise BadPicture(_stranger(head))
    info = PictureInfo(kind.name, *kind.dimensions(source, head))
    if wrong := _too_much(info.width, info.height):
        raise BadPicture(f"the {kind.name.upper()} has {wrong}")
    tail = _read(source, max(0, size - _TAIL), _TAIL).rstrip(_PADDING)
    if not kind.complete(head, tail, size):
        raise CutPicture(f"the {kind.name.upper()} is cut: its end is missing")
    return info


def _too_much(width: int, height: int) -> str | None:
    if not width * height:
        return f"no pixels ({width}x{height})"
    if width * height > MOST_PIXELS:
        return f"{width}x{height} pixels, more than {MOST_PIXELS:,}"
    if max(width, height) > LONGEST_SIDE:
        return f"{width}x{height} pixels, a side of more than {LONGEST_SIDE:,}"
    return None


def _read(source: BinaryIO, offset: int, count: int) -> bytes:
    source.seek(offset)
    return source.read(count)


def _png(_: BinaryIO, head: bytes) -> tuple[int, int]:
    if head[12:16] != b"IHDR" or len(head) < 24:
        raise BadPicture("the PNG is broken: it does not begin with its header")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def _gif(_: BinaryIO, head: bytes) -> tuple[int, int]:
    return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")


def _webp(_: BinaryIO, head: bytes) -> tuple[int, int]:
    if len(head) >= 30 and head[8:12] == b"WEBP":
        if head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
            return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
        if head[12:16] == b"VP8L" and head[20] == 0x2F:
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        if head[12:16] == b"VP8X":
            return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    raise BadPicture("the WebP is broken: its first chunk holds no picture")


_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame, every coding
_DATA = 0xDA


def _jpeg(source: BinaryIO, _: bytes) -> tuple[int, int]:
    """Walk the segments up to the picture data, which must be there."""
    found, offset = None, 2
    for _segment in range(_MOST_SEGMENTS):
        header = _read(source, offset, 9)
        if len(header) < 9 or header[0] != 0xFF:
            break
        marker, length = header[1], int.from_bytes(header[2:4], "big")
        if marker == 0xFF:
            offset += 1
            continue
        if marker in _SIZES:
            found = int.from_bytes(header[7:9], "big"), int.from_bytes(header[5:7], "big")
        if marker == _DATA and found:
            return found
        offset += 2 + length
    raise BadPicture("the JPEG is broken: its header leads to no picture data")


@frozen
class _Kind:
    """How a format begins, where its dimensions stand, and whether its end is there: `complete(head, tail, size)`."""

    name: Format
    magic: bytes
    dimensions: Callable[[BinaryIO, bytes], tuple[int, int]]
    complete: Callable[[bytes, bytes, int], bool]


def _ends(mark: bytes) -> Callable[[bytes, bytes, int], bool]:
    return lambda _head, tail, _size: tail.endswith(mark)


def _riff_length(head: bytes, _tail: bytes, size: int) -> bool:
    return size >= int.from_bytes(head[4:8], "little") + 8


_KINDS = (
    _Kind("png", b"\x89PNG\r\n\x1a\n", _png, _ends(b"IEND\xaeB`\x82")),
    _Kind("jpeg", b"\xff\xd8\xff", _jpeg, _ends(b"\xff\xd9")),
    _Kind("webp", b"RIFF", _webp, _riff_length),
    _Kind("gif", b"GIF8", _gif, _ends(b";")),
)

_STRANGERS: Mapping[bytes, str] = MappingProxyType(
    {
        b"<!doctype": "an HTML page",
        b"<html": "an HTML page",
        b"<svg": "SVG",
        b"<?xml": "XML",
        b"{": "JSON",
        b"%pdf": "PDF",
        b"bm": "BMP",
        b"ii*\0": "TIFF",
        b"mm\0*": "TIFF",
    }
)


def _stranger(head: bytes) -> str:
    if not head:
        return "the picture is empty: not a byte"
    start = head.lstrip().lower()
    name = next((name for magic, name in _STRANGERS.items() if start.startswith(magic)), None)
    if head[4:8] == b"ftyp":
        name = head[8:12].decode("ascii", "replace").strip().upper()
    begin = f"something that begins with {head[:8].hex(' ')}"
    return f"these bytes are {name or begin}, not PNG, JPEG, WebP or GIF"
