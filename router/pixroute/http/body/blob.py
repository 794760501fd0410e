"""A picture on its way from base64 to memory or a file, and what can be asked of it there."""

import binascii
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import pybase64
from attrs import field, frozen

from pixroute.content import Content
from pixroute.http.body.scanner import ALPHABET, standard

_ENDS: Final = 64 * 1024
_RESERVE: Final = 72 * 1024**2
"""Bytes: room for the largest picture, and more than glibc keeps free in its heap, 64 MiB at most."""


def content_of(sink: Content | BinaryIO) -> Content:
    """Give what is written to, as the one owner of its bytes."""
    return sink if isinstance(sink, Content) else Content(sink, size=0)


def _whole(sink: Content | BinaryIO) -> Content:
    return sink if isinstance(sink, Content) else Content(sink)


@frozen(kw_only=True, eq=False)
class Blob:
    """What stands in a decoded document where a long base64 string stood.

    Args:
        prefix: the string's text before the base64, such as `data:image/png;base64,`; usually empty.
        suffix: its text after the base64; usually empty.
        size: decoded bytes.
        sink: the picture itself, which whoever takes it owns.

    """

    prefix: str
    suffix: str
    size: int
    sink: Content = field(converter=_whole)

    @property
    def head(self) -> bytes:
        """The first 64 KiB, for a picture's header."""
        return self.sink.read_at(0, _ENDS)

    @property
    def tail(self) -> bytes:
        """The last 64 KiB, for a picture's end marker."""
        return self.sink.read_at(max(0, self.size - _ENDS), _ENDS)

    @property
    def path(self) -> Path | None:
        """The picture's file, or nothing if it is in memory."""
        return self.sink.path

    def data(self) -> bytes:
        """Return the whole picture; one in memory is not copied."""
        return self.sink.data()

    def discard(self) -> None:
        """Give back the memory or delete the file; bytes got from `data` and a file renamed since stay."""
        self.sink.discard()


def reserve_memory() -> BytesIO:
    """Return a sink that takes any picture without ever moving the bytes it has.

    Left to grow, `BytesIO` is reallocated: now and then that copies all it holds, which takes milliseconds and, for
    the time, twice the memory. Of the reserve the system provides page by page what is written, if it comes from the
    system: out of free memory of the heap it would be zeroed at once, which takes 13 ms.
    """
    return BytesIO(bytes(_RESERVE))


_MAGIC: Final = (b"\x89PN", b"\xff\xd8\xff", b"RIF", b"GIF")  # three bytes, which one group of base64 makes
_SAMPLE: Final = 4096
_DATA_URI: Final = re.compile(r"data:[^,]*;base64,")


def decode_base64(text: bytes) -> bytes:
    """Decode base64 of the standard alphabet that may lack padding or have it within, and may be cut.

    Raises:
        binascii.Error: there is something else in it.
    """
    if len(text) % 4 == 0 and b"=" not in text[:-2] and (text[-2:-1] != b"=" or text[-1:] == b"="):
        return pybase64.b64decode(text, validate=True)
    pieces = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in text.split(b"="))
    return b"".join(pybase64.b64decode(piece + b"=" * (-len(piece) % 4), validate=True) for piece in pieces if piece)


def written(text: str) -> tuple[str, bytes]:
    """Read a picture that is written as text and was too short to be decoded on its way; what stands before it, too.

    Raises:
        ValueError: it is no base64.
    """
    text = text.strip()
    uri = _DATA_URI.match(text)
    begin = uri.end() if uri else 0
    symbols = text[begin:].encode("ascii")
    data = b"" if b" " in symbols else decode_base64(standard(symbols))
    if data[:3] not in _MAGIC:  # a word is nearly base64, too
        data = pybase64.b64decode(symbols, validate=True)
    return text[:begin], data


def blob_of(text: str) -> Blob:
    """Read such a picture as what one that was decoded on its way is.

    Raises:
        ValueError: it is no base64.
    """
    prefix, data = written(text)
    return Blob(prefix=prefix, suffix="", size=len(data), sink=Content(data))


class Picture:
    """Base64 that arrives in pieces of any length.

    Args:
        open_sink: called with the first byte.
        wanted: false where nobody asks for it, unless it is a picture: then no more than a sample is kept.
        in_data_uri: whether text stood before it.
    """

    def __init__(
        self, open_sink: Callable[[], Content | BinaryIO], *, wanted: bool = True, in_data_uri: bool = False
    ) -> None:
        self.in_data_uri = in_data_uri
        self.size = 0  # bytes decoded
        self.is_picture = False  # by its first bytes
        self.is_plain = True  # as far as it has come: neither escapes nor white space, the standard alphabet
        self._open_sink = open_sink
        self._wanted = wanted
        self._content: Content | None = None
        self._pending = b""  # up to three symbols, until their fourth comes

    @property
    def kept(self) -> bool:
        """Whether all of it is kept."""
        return self._wanted or self.is_picture

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self._content.held if self._content else 0

    def decode(self, symbols: bytes | memoryview) -> bytes:
        """Decode what is complete; where that is not base64 raise `binascii.Error`, having changed nothing."""
        symbols = self._pending + symbols
        whole = len(symbols) // 4 * 4
        pending = symbols[whole:]
        if pending.translate(None, ALPHABET):
            raise binascii.Error("not base64")
        decoded = pybase64.b64decode(memoryview(symbols)[:whole], validate=True)
        self._pending = pending
        return decoded

    def decode_loosely(self, symbols: bytes, *, last: bool) -> bytes:
        """Decode what is complete, whatever padding stands in it; with the last of them all that there is."""
        symbols = self._pending + symbols
        begun = symbols[symbols.rfind(b"=") + 1 :]
        self._pending = b"" if last else begun[len(begun) // 4 * 4 :]
        return decode_base64(symbols[: len(symbols) - len(self._pending)])

    def write(self, decoded: bytes) -> None:
        """Add to the sink."""
        if not decoded:
            return
        if self._content is None:
            self.is_picture = decoded[:3] in _MAGIC
            self._content = content_of(self._open_sink()) if self.kept else Content(BytesIO(), size=0)
        self._content.write(decoded if self.kept else decoded[: max(0, _SAMPLE - self.size)])
        self.size += len(decoded)

    def finish(self) -> None:
        """Cut off what was reserved and not needed."""
        if self._content is not None:
            self._content.truncate()

    def blob(self, prefix: str = "", suffix: str = "") -> Blob:
        """Return what can be asked of the picture."""
        return Blob(prefix=prefix, suffix=suffix, size=self.size, sink=self._content or Content(b""))
