"""An answer in parts (`multipart/…`, RFC 2046), each read as a body of its own while it arrives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

from pixroute.http.body.blob import Blob
from pixroute.http.body.limits import BodyError, BodyFault

_MOST: Final = 64
_LONGEST_HEAD: Final = 16 * 1024  # bytes of a part's headers, and of what stands before the first part
_TYPE: Final = re.compile(rb"(?im)^content-type:[ \t]*([^;\s]+)")


class BodySink(Protocol):
    """What takes the body of a part."""

    @property
    def held(self) -> int:
        """Bytes of pictures in memory now."""

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece."""

    def finish(self) -> None:
        """Take note that it has ended."""

    def document(self) -> Any:
        """Give the JSON document."""

    def picture(self) -> Blob | None:
        """Give the picture that it is."""


class Parts:
    """Takes the parts as they come; the line that the body begins with divides them.

    Args:
        open_part: called with the declared type of every part.
    """

    def __init__(self, *, open_part: Callable[[str], BodySink]) -> None:
        self.complete = False
        self._open_part = open_part
        self._parts: list[BodySink] = []
        self._line = b""  # what divides them
        self._in_head = True
        self._rest = b""

    @property
    def held(self) -> int:
        """Bytes of pictures in memory now."""
        return sum(part.held for part in self._parts)

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; true once the last part has ended.

        Raises:
            BodyError: there are too many parts, their headers have no end, or as the part's own `feed`.
        """
        self._rest += chunk
        if not self._line and b"\n" in self._rest:
            self._line = b"\n" + self._rest.split(b"\n", 1)[0].rstrip(b"\r")
            self._rest = self._rest[len(self._line) - 1 :]
        while self._line and not self.complete and (self._head() if self._in_head else self._body()):
            pass
        return self.complete

    def result(self) -> tuple[list[Any], Blob | None]:
        """Give the documents of all parts and the first picture that is one by itself."""
        pictures = (part.picture() for part in self._parts)
        documents = (part.document() for part in self._parts)
        return [one for one in documents if one is not None], next((one for one in pictures if one), None)

    def _head(self) -> bool:
        """Read the headers of a part; false if more must come."""
        if self._rest.startswith(b"--"):
            self.complete = True
            return False
        head, blank, rest = self._rest.partition(b"\r\n\r\n" if b"\r\n" in self._rest else b"\n\n")
        if len(head) > _LONGEST_HEAD or len(self._parts) == _MOST:
            raise BodyError(BodyFault.TOO_MANY, "its parts are too many, or their headers have no end")
        if not blank:
            return False
        declared = _TYPE.search(head)
        self._parts.append(self._open_part(declared[1].decode("ascii", "replace").lower() if declared else ""))
        self._in_head, self._rest = False, rest
        return True

    def _body(self) -> bool:
        """Hand on what belongs to a part for certain; false if more must come."""
        part, end = self._parts[-1], self._rest.find(self._line)
        if end < 0:
            certain = max(0, len(self._rest) - len(self._line) - 1)  # a line end may belong to what divides them
            part.feed(self._rest[:certain])
            self._rest = self._rest[certain:]
            return False
        part.feed(self._rest[:end].removesuffix(b"\r"))
        part.finish()
        self._in_head, self._rest = True, self._rest[end + len(self._line) :]
        return True
