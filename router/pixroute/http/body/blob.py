"""A picture on its way from base64 to memory or a file, and what can be asked of it there."""

import binascii
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

import pybase64
from attrs import field, frozen

from pixroute.content import Content
from pixroute.http.body.scanner import ALPHABET

_ENDS: Final = 64 * 1024


def _content(sink: Content | BinaryIO) -> Content:
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
    sink: Content = field(converter=_content)

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


def reserve_memory(size: int) -> BytesIO:
    """Return a sink that takes up to `size` bytes without ever moving those it has.

    Left to grow, `BytesIO` is reallocated: now and then that copies all it holds, which takes milliseconds and, for
    the time, twice the memory. `bytes(size)` is memory the system provides page by page, where it is written.
    """
    return BytesIO(bytes(size))


class Picture:
    """Base64 that arrives in pieces of any length, decoded as strictly as if it came whole."""

    def __init__(self, sink: Content | BinaryIO, *, in_data_uri: bool) -> None:
        self.in_data_uri = in_data_uri
        self._content = sink if isinstance(sink, Content) else Content(sink, size=0)
        self._pending = b""  # up to three symbols, until their fourth comes
        self._padded = False

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self._content.held

    @property
    def size(self) -> int:
        """Bytes decoded."""
        return self._content.size

    def decode(self, symbols: bytes | memoryview, *, last: bool) -> bytes:
        """Decode what is complete; where that is not base64 raise `binascii.Error`, having changed nothing."""
        after_padding = self._padded and len(symbols) > 0
        symbols = self._pending + symbols
        whole = len(symbols) if last else len(symbols) // 4 * 4
        pending = symbols[whole:]
        padded = self._padded or symbols[whole - 1 : whole] == b"="
        if after_padding or (padded and pending) or pending.translate(None, ALPHABET):
            raise binascii.Error("not base64")
        decoded = pybase64.b64decode(memoryview(symbols)[:whole], validate=True)
        self._pending, self._padded = pending, padded
        return decoded

    def write(self, decoded: bytes) -> None:
        """Add to the sink."""
        self._content.write(decoded)

    def finish(self) -> None:
        """Cut off what was reserved and not needed."""
        self._content.truncate()

    def blob(self, prefix: str = "", suffix: str = "") -> Blob:
        """Return what can be asked of the picture."""
        return Blob(prefix=prefix, suffix=suffix, size=self.size, sink=self._content)
