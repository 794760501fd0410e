"""The body of an answer on its way to a `Reply`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from pixroute.content import Content
from pixroute.http.body.blob import Blob, blob_of
from pixroute.http.body.decoder import BodyDecoder, BodyError, BodyFault
from pixroute.http.body.events import Events
from pixroute.http.body.limits import BodyLimits
from pixroute.http.body.parts import Parts
from pixroute.http.body.raw import Raw, begins_picture
from pixroute.http.body.scanner import PICTURE

_SNIPPET: Final = 4 * 1024  # more than is shown: what is taken out of it must not be cut in two
_MOST_TEXT: Final = 64 * 1024
_BEFORE: Final = b" \t\r\n\xef\xbb\xbf"  # what may stand before a document
_COMMENT: Final = re.compile(rb":[^\n]*\n\s*")
_FIELDS: Final = (b"data:", b"event:", b"id:", b"retry:")
_LINES: Final = re.compile(r"application/(x-)?(ndjson|jsonl|jsonlines|json-lines|json-seq|stream\+json)")
_WRITTEN: Final = re.compile(b'"?' + PICTURE)
_SMALL: Final = 4000  # bytes: less than a string needs to be a picture, and an integer to be a float
_DEEPEST: Final = BodyLimits().depth
_ENOUGH: Final = 24  # bytes that tell which form it is, whatever that is


def small_document(body: bytes) -> Any:
    """Read a body that is all there, if it is a document too small to hold a picture that is decoded on its way.

    None leaves it to `Incoming`, which comes to the same.
    """
    if body[:1] not in {b"{", b"["} or len(body) >= _SMALL or body.count(b"{") + body.count(b"[") > _DEEPEST:
        return None
    try:
        return json.loads(body.decode())
    except ValueError:
        return None


class Incoming:
    """Takes a body as it comes: JSON with its pictures apart, a picture itself, or the beginning of anything else.

    JSON may come as the data of events; a picture as its bytes or as base64, in quotes or not. What it is, its first
    bytes say; the declared type is asked only where they do not, for it is often wrong.

    Args:
        picture_expected: the status says success; otherwise JSON that cannot be decoded is text, too.
        open_sink: called for every picture.
        media_type: as the answer declares it.
    """

    def __init__(
        self, *, picture_expected: bool, open_sink: Callable[[], Content | BinaryIO], media_type: str = ""
    ) -> None:
        self._open_sink = open_sink
        self._strict = picture_expected
        self._media_type = media_type.lower()
        self._taker: BodyDecoder | Events | Parts | Raw | None = None
        self._is_text = False
        self._ends = b""  # what ends a body that is base64 and no document
        self._received = 0
        self._snippet = self._first = b""

    @property
    def held(self) -> int:
        """Bytes of pictures in memory now."""
        return self._taker.held if self._taker else 0

    @property
    def half_json(self) -> bool:
        """Whether what has come so far begins a document and does not end it, and no picture is whole."""
        if isinstance(self._taker, Events) and self._taker.settled:
            return False
        return isinstance(self._taker, BodyDecoder | Events) and not (self._taker.complete or self._ends or self.usable)

    @property
    def usable(self) -> bool:
        """Whether a picture is there whole, even if the body broke off after it."""
        return isinstance(self._taker, Events) and self._taker.usable

    @property
    def has_result(self) -> bool:
        """Whether a stream has brought a whole picture that is no draft: it may end."""
        return isinstance(self._taker, Events) and self._taker.settled and self._taker.has_result

    @property
    def events(self) -> int:
        """How many documents a stream has brought."""
        return self._taker.count if isinstance(self._taker, Events) else 0

    @property
    def snippet(self) -> str:
        """The beginning, to be redacted and cut; of what is no text, nothing."""
        is_binary = isinstance(self._taker, Raw) or b"\0" in self._snippet
        return "" if is_binary else self._snippet.decode("utf-8", "replace")

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; true once no more is wanted.

        Raises:
            BodyError: a picture in it cannot be decoded, or is too large.
        """
        self._received += len(chunk)
        self._snippet += chunk[: _SNIPPET - len(self._snippet)]
        if self._taker is None and not self._is_text:
            self._first = self._without_filler(self._first + chunk)
            if not self._begin(at_end=False):
                return False
            chunk, self._first = self._first, b""
        return self._take(chunk)

    def finish(self) -> None:
        """Take note that the body has ended.

        Raises:
            BodyError: as `feed`.
        """
        if self._first and self._begin(at_end=True):
            self._take(self._first)
        if self._ends and not self._is_text:
            self._take(self._ends)

    def document(self) -> Any:
        """Return the JSON document; None if the body is none.

        Raises:
            BodyError: as `feed`.
        """
        if isinstance(self._taker, Parts) and not self._is_text:
            documents = self._taker.result()[0]
            return documents[0] if len(documents) == 1 else documents or None
        if self._is_text or self._ends or not isinstance(self._taker, BodyDecoder | Events):
            return None
        return self._result(self._taker) if self._taker.complete or isinstance(self._taker, Events) else None

    def picture(self) -> Blob | None:
        """Return the picture that the body itself is; None if it is none.

        Raises:
            BodyError: as `feed`.
        """
        if isinstance(self._taker, Raw):
            return self._taker.picture()
        if isinstance(self._taker, Parts):
            return self._taker.result()[1]
        if not self._ends or self._is_text or not isinstance(self._taker, BodyDecoder):
            return None
        [value] = self._result(self._taker) or [None]
        try:
            return blob_of(value) if isinstance(value, str) else value
        except ValueError:
            return None

    @staticmethod
    def _without_filler(first: bytes) -> bytes:
        text = first.lstrip(_BEFORE)
        while comment := _COMMENT.match(text):
            text = text[comment.end() :]
        return text

    def _begin(self, *, at_end: bool) -> bool:
        """Find out what takes the body, from its first bytes; false if more must tell."""
        first = self._first
        if first and _LINES.match(self._media_type):
            self._taker = Events(open_sink=self._open_sink, bare=True)
        elif first[:1] in {b"{", b"["}:
            self._taker = BodyDecoder(open_sink=self._open_sink)
        elif (len(first) < _ENOUGH or (first[:1] == b":" and b"\n" not in first)) and not at_end:
            return False
        elif first.startswith(_FIELDS) and not _WRITTEN.match(first):
            self._taker = Events(open_sink=self._open_sink)
        elif not self._strict:
            self._is_text = True
        elif first.startswith(b"--") and self._media_type.startswith("multipart/"):
            self._taker = Parts(open_part=self._part)
        elif begins_picture(first):
            self._taker = Raw(open_sink=self._open_sink, media_type=self._media_type)
        elif _WRITTEN.match(first):
            # Taken as if it were a document: a list of one string.
            before, self._ends = (b"[", b"]") if first[:1] == b'"' else (b'["', b'"]')
            self._taker = BodyDecoder(open_sink=self._open_sink)
            self._first = before + first
        elif self._media_type.startswith("image/") and first[:1] != b"<":
            self._taker = Raw(open_sink=self._open_sink, media_type=self._media_type)
        else:
            self._is_text = True
        return True

    def _part(self, media_type: str) -> Incoming:
        return Incoming(picture_expected=True, open_sink=self._open_sink, media_type=media_type)

    def _take(self, chunk: bytes) -> bool:
        if self._taker is None or self._is_text:
            return self._received >= _MOST_TEXT
        try:
            return self._taker.feed(chunk)
        except BodyError as error:
            self._take_as_text(error)
            return False

    def _result(self, taker: BodyDecoder | Events) -> Any:
        try:
            return taker.result()
        except BodyError as error:
            self._take_as_text(error)
            return None

    def _take_as_text(self, error: BodyError) -> None:
        if self._strict and error.fault not in {BodyFault.NOT_JSON, BodyFault.INCOMPLETE}:
            raise error
        self._is_text = True
