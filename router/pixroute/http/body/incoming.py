"""The body of an answer on its way to a `Reply`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from pixroute.content import Content
from pixroute.http.body.decoder import BodyDecoder, BodyError, BodyFault

_SNIPPET = 4 * 1024  # more than is shown: what is taken out of it must not be cut in two
_ENOUGH = 64 * 1024


class Incoming:
    """Takes a body as it comes: JSON with its pictures apart, or the beginning of anything else.

    Args:
        picture_expected: the status says success; otherwise JSON that cannot be decoded is text, too.
        open_sink: called for every picture.
    """

    def __init__(self, *, picture_expected: bool, open_sink: Callable[[], Content | BinaryIO]) -> None:
        self._decoder = BodyDecoder(open_sink=open_sink)
        self._strict = picture_expected
        self._is_text = False
        self._received = 0
        self._snippet = b""

    @property
    def held(self) -> int:
        """Bytes of pictures in memory now."""
        return self._decoder.held

    @property
    def half_json(self) -> bool:
        """Whether what has come so far begins a document and does not end it."""
        return bool(self._snippet.strip()) and not self._is_text and not self._decoder.complete

    @property
    def snippet(self) -> str:
        """The beginning, to be redacted and cut."""
        return self._snippet.decode("utf-8", "replace")

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; true once no more is wanted.

        Raises:
            BodyError: a picture in it cannot be decoded, or is too large.
        """
        self._received += len(chunk)
        self._snippet += chunk[: _SNIPPET - len(self._snippet)]
        if self._is_text:
            return self._received >= _ENOUGH
        try:
            return self._decoder.feed(chunk)
        except BodyError as error:
            self._take_as_text(error)
            return False

    def document(self) -> Any:
        """Return the JSON document; None if the body is none.

        Raises:
            BodyError: as `feed`.
        """
        if self._is_text or not self._decoder.complete:
            return None
        try:
            return self._decoder.result()
        except BodyError as error:
            self._take_as_text(error)
            return None

    def _take_as_text(self, error: BodyError) -> None:
        if self._strict and error.fault is not BodyFault.NOT_JSON:
            raise error
        self._is_text = True
