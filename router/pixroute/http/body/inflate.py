"""Compression of a body, undone as its first bytes say: what a gateway declares is often not what it sends."""

from __future__ import annotations

import re
import zlib
from typing import Final

_PIECE: Final = 256 * 1024
"""Bytes given at a time, whatever they inflate to: a bomb is met by the limits of the body."""
_GZIP: Final = b"\x1f\x8b"  # begins no picture and no text
_ENOUGH: Final = 12  # bytes that tell
_PLAIN: Final = re.compile(rb'[\s{\["<:]|data|event|id|retry|iVBOR|/9j/|UklGR|\x89PNG|\xff\xd8\xff|RIFF|GIF8|.{4}ftyp')


class BrokenStream(Exception):
    """What began as compressed cannot be inflated."""


class Inflater:
    """Inflates gzip, declared or not, and deflate where it is declared and no plain text or picture comes.

    Args:
        declared: `Content-Encoding`.
    """

    def __init__(self, declared: str) -> None:
        self._deflate = "deflate" in declared.lower()
        self._zlib: zlib._Decompress | None = None
        self._plain = False
        self._rest = b""
        self.waiting = False
        """Whether more can be taken before the next chunk."""

    def take(self, chunk: bytes) -> bytes:
        """Give the next piece of what the chunk, empty at the end, and those before it hold.

        Raises:
            Broken: it is not what it began as.
        """
        if self._plain:
            return chunk
        data, self._rest = self._rest + chunk, b""
        if self._zlib is None:
            if chunk and len(data) < _ENOUGH and (self._deflate or _GZIP.startswith(data[:2])):
                self._rest = data
                return b""
            self._zlib = self._begun(data)
            self._plain = self._zlib is None
            if self._zlib is None:
                return data
        return self._inflated(self._zlib, data)

    def _begun(self, data: bytes) -> zlib._Decompress | None:
        if data.startswith(_GZIP):
            return zlib.decompressobj(16 + zlib.MAX_WBITS)
        if not self._deflate or not data or _PLAIN.match(data):
            return None
        has_header = data[0] & 15 == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)

    def _inflated(self, inflating: zlib._Decompress, data: bytes) -> bytes:
        if inflating.eof:
            return b""  # what follows it is nothing
        try:
            found = inflating.decompress(data, _PIECE)
        except zlib.error:
            raise BrokenStream from None
        self._rest = inflating.unconsumed_tail
        if inflating.unused_data.startswith(_GZIP):  # one more of them
            self._rest, self._zlib = inflating.unused_data, self._begun(_GZIP)
        self.waiting = bool(self._rest) or len(found) == _PIECE
        return found
