"""A picture that is the body itself, not base64 in a document."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO, Final

from pixroute.content import Content
from pixroute.http.body.blob import Blob, content_of
from pixroute.http.body.limits import BodyError, BodyFault, BodyLimits

_MAGIC: Final = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_BOXES: Final = (b"ftypavif", b"ftypheic", b"ftypheix", b"ftypmif1")


def begins_picture(head: bytes) -> bool:
    """Tell whether these first bytes are a picture's, of a format that is taken or known by name."""
    return head.startswith(_MAGIC) or head[4:12] in _BOXES


class Raw:
    """Takes a picture's bytes as they come.

    Args:
        open_sink: called with the first byte.
        media_type: as the answer declares it.
    """

    complete = False  # its end is the body's

    def __init__(self, *, open_sink: Callable[[], Content | BinaryIO], media_type: str) -> None:
        self._content = content_of(open_sink())
        self._prefix = f"data:{media_type};base64," if media_type.startswith("image/") else ""

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self._content.held

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece.

        Raises:
            BodyError: it is larger than any picture.
        """
        if self._content.size + len(chunk) > BodyLimits().decoded:
            raise BodyError(BodyFault.DECODED_LIMIT, f"the picture has more than {BodyLimits().decoded} bytes")
        self._content.write(chunk)
        return False

    def picture(self) -> Blob:
        """Return what came."""
        self._content.truncate()
        return Blob(prefix=self._prefix, suffix="", size=self._content.size, sink=self._content)
