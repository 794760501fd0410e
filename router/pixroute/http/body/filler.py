"""What stands before a document and says no more than that somebody is at work (semantics §6)."""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 1024**2
"""Bytes of it that are read before one answer."""
_FILLER: Final = re.compile(rb"(?:[ \t\r\n]+|:[^\n]*\n)*")


class Filler:
    """Takes white space and SSE comments (`: ...`) off the beginning of a body that comes in pieces of any size.

    The first byte of anything else begins the document, whatever that is: JSON, a picture, a page.
    """

    def __init__(self) -> None:
        self.size = 0
        self.begun = False
        self._in_comment = False

    def strip(self, chunk: bytes) -> bytes:
        """Give what of the next piece belongs to the document."""
        if self.begun:
            return chunk
        at = 0
        if self._in_comment:
            at = chunk.find(b"\n") + 1
            self._in_comment = at == 0
        if not self._in_comment:
            match = _FILLER.match(chunk, at)
            assert match
            at = match.end()
            self._in_comment = chunk[at : at + 1] == b":"
            self.begun = at < len(chunk) and not self._in_comment
        document = chunk[at:] if self.begun else b""
        self.size += len(chunk) - len(document)
        return document
