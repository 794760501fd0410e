"""A picture on its way from base64 to memory or a file, and what can be asked of it there."""

import binascii
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


class Picture:
    """Base64 that arrives in pieces of any length, decoded as strictly as if it came whole."""

    def __init__(self, sink: BinaryIO, *, in_data_uri: bool) -> None:
        self.in_data_uri = in_data_uri
        self.size = 0
        self._sink = sink
        self._pending = b""  # up to three symbols, until their fourth comes
        self._padded = False

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self.size if isinstance(self._sink, BytesIO) and not self._sink.closed else 0

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
        self._sink.write(decoded)
        self.size += len(decoded)

    def finish(self) -> None:
        """Cut off what was reserved and not needed."""
        self._sink.truncate()

    def blob(self, prefix: str = "", suffix: str = "") -> Blob:
        """Return what can be asked of the picture."""
        return Blob(prefix=prefix, suffix=suffix, size=self.size, sink=self._sink)
