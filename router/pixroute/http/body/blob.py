"""A picture on its way from base64 to memory or a file, and what can be asked of it there."""

import binascii
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import pybase64
from attrs import frozen

from pixroute.http.body.scanner import ALPHABET

_ENDS: Final = 64 * 1024


@frozen(kw_only=True, eq=False)
class Blob:
    """What stands in a decoded document where a long base64 string stood.

    Args:
        prefix: the string's text before the base64, such as `data:image/png;base64,`; usually empty.
        suffix: its text after the base64; usually empty.
        size: decoded bytes.
        sink: where they are.

    """

    prefix: str
    suffix: str
    size: int
    sink: BinaryIO

    @property
    def head(self) -> bytes:
        """The first 64 KiB, for a picture's header."""
        return self._read(0, _ENDS)

    @property
    def tail(self) -> bytes:
        """The last 64 KiB, for a picture's end marker."""
        return self._read(max(0, self.size - _ENDS), _ENDS)

    @property
    def path(self) -> Path | None:
        """The sink's file, or nothing if it is memory; close `sink` before renaming it."""
        return None if isinstance(self.sink, BytesIO) else Path(self.sink.name)

    def data(self) -> bytes:
        """Return the whole picture; one in memory is not copied."""
        return self.sink.getvalue() if isinstance(self.sink, BytesIO) else self._read(0, self.size)

    def discard(self) -> None:
        """Give back the memory or delete the file; bytes got from `data` and a file renamed since stay."""
        self.sink.close()
        if self.path:
            self.path.unlink(missing_ok=True)

    def _read(self, start: int, length: int) -> bytes:
        self.sink.seek(start)
        return self.sink.read(length)


def reserve_memory(size: int) -> BytesIO:
    """Return a sink that takes up to `size` bytes without ever moving those it has.

    Left to grow, `BytesIO` is reallocated: now and then that copies all it holds, which takes milliseconds and, for
    the time, twice the memory. `bytes(size)` is memory the system provides page by page, where it is written.
    """
    return BytesIO(bytes(size))


_MAGIC: Final = (b"\x89PN", b"\xff\xd8\xff", b"RIF", b"GIF")  # three bytes, which one group of base64 makes
_SAMPLE: Final = 4096


def decode_base64(text: bytes) -> bytes:
    """Decode base64 of the standard alphabet that may lack padding or have it within, and may be cut.

    Raises:
        binascii.Error: there is something else in it.
    """
    pieces = (piece[: len(piece) - (len(piece) % 4 == 1)] for piece in text.split(b"="))
    return b"".join(pybase64.b64decode(piece + b"=" * (-len(piece) % 4), validate=True) for piece in pieces if piece)


class Picture:
    """Base64 that arrives in pieces of any length.

    Args:
        open_sink: called with the first byte.
        wanted: false where nobody asks for it, unless it is a picture: then no more than a sample is kept.
        in_data_uri: whether text stood before it.
    """

    def __init__(self, open_sink: Callable[[], BinaryIO], *, wanted: bool = True, in_data_uri: bool = False) -> None:
        self.in_data_uri = in_data_uri
        self.size = 0
        self.is_picture = False  # by its first bytes
        self.is_plain = True  # as far as it has come: neither escapes nor white space, the standard alphabet
        self._open_sink = open_sink
        self._wanted = wanted
        self._sink: BinaryIO | None = None
        self._pending = b""  # up to three symbols, until their fourth comes

    @property
    def kept(self) -> bool:
        """Whether all of it is kept."""
        return self._wanted or self.is_picture

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        if not isinstance(self._sink, BytesIO) or self._sink.closed:
            return 0
        return self.size if self.kept else min(self.size, _SAMPLE)

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
        if self._sink is None:
            self.is_picture = decoded[:3] in _MAGIC
            self._sink = self._open_sink() if self.kept else BytesIO()
        self._sink.write(decoded if self.kept else decoded[: max(0, _SAMPLE - self.size)])
        self.size += len(decoded)

    def finish(self) -> None:
        """Cut off what was reserved and not needed."""
        if self._sink is not None:
            self._sink.truncate()

    def blob(self, prefix: str = "", suffix: str = "") -> Blob:
        """Return what can be asked of the picture."""
        return Blob(prefix=prefix, suffix=suffix, size=self.size, sink=self._sink or BytesIO())
