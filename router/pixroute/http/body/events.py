"""JSON in the events of a stream (`data: {…}`), or one document a line (NDJSON), decoded while it arrives."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from pixroute.content import Content
from pixroute.http.body.decoder import BodyDecoder
from pixroute.http.body.limits import BodyError, BodyFault
from pixroute.http.body.scanner import PICTURE

_DATA: Final = b"data:"
_DONE: Final = b"[DONE]"
_LONGEST_FIELD: Final = len(_DATA) + 1 + len(_DONE)  # what must be there to tell one line from another
_SEPARATOR: Final = b"\x1e"  # before each document of a JSON text sequence (RFC 7464)
_DRAFT: Final = re.compile(rb'partial_image|"thought"\s*:\s*true')
_SHORT: Final = re.compile(b'"' + PICTURE + rb'|"url"\s*:\s*"http')
MOST_EVENTS: Final = 4096


class Events:
    """Takes the lines of a stream; lines of data that are no JSON, and all other lines, are passed over.

    Args:
        open_sink: called for every picture.
        bare: every line is data, without a name before it.
    """

    def __init__(self, *, open_sink: Callable[[], Content | BinaryIO], bare: bool = False) -> None:
        self.complete = False
        self._bare = bare
        self._open_sink = open_sink
        self._decoders: list[BodyDecoder] = []
        self._open: BodyDecoder | None = None  # of a document that is not complete yet
        self._within: bool | None = None  # a line of data, another line, or a line whose kind is not known yet
        self._rest = b""

    @property
    def held(self) -> int:
        """Bytes of decoded pictures in memory now."""
        return sum(decoder.held for decoder in self._decoders)

    @property
    def usable(self) -> bool:
        """Whether a picture came whole, even if the stream broke off after it."""
        return any(map(_has_picture, self._decoders))

    @property
    def has_result(self) -> bool:
        """Whether one of them is no draft."""
        return any(_has_picture(one) and not one.says(_DRAFT) for one in self._decoders)

    @property
    def count(self) -> int:
        """How many documents have begun."""
        return len(self._decoders)

    @property
    def settled(self) -> bool:
        """Whether every event that came ended, `[DONE]` or not: an error event has nothing after it."""
        return bool(self._decoders) and self._open is None

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; true once `[DONE]` has come.

        Raises:
            BodyError: a document in it exceeds the limits.
        """
        data, at = self._rest + chunk, 0
        self._rest = b""
        while at < len(data) and not self.complete:
            if self._within is None and self._bare:
                self._within = True
            elif self._within is None:
                line = data[at : at + _LONGEST_FIELD]
                if len(line) < _LONGEST_FIELD and b"\n" not in line:
                    self._rest = line
                    break
                self._within = line.startswith(_DATA)
                self.complete = self._within and line[len(_DATA) :].lstrip().startswith(_DONE)
                at += len(_DATA) if self._within else 0
            end = data.find(b"\n", at) + 1 or len(data)
            if self._within and not self.complete:
                self._take(data[at:end])
            if data[end - 1 : end] == b"\n":
                self._within = None
            at = end
        return self.complete

    def result(self) -> Any:
        """Return the document, or a list of them where there are several.

        Raises:
            BodyError: there is none.
        """
        documents = []
        for decoder in self._decoders:
            try:
                documents.append(decoder.result())
            except BodyError as error:
                broken = error
        if not documents:
            raise broken if self._decoders else BodyError(BodyFault.NOT_JSON, "no event carries JSON")
        return documents[0] if len(documents) == 1 else documents

    def _take(self, text: bytes) -> None:
        decoder = self._open
        if decoder is None:
            text = text.lstrip(_SEPARATOR)
            if not text.strip() or len(self._decoders) == MOST_EVENTS:
                return
            decoder = self._open = BodyDecoder(open_sink=self._open_sink)
            self._decoders.append(decoder)
        try:
            if decoder.feed(text):
                self._open = None
                self._within = False  # what follows it on its line is nothing
        except BodyError as error:
            if error.fault is not BodyFault.NOT_JSON:
                raise
            self._decoders.remove(decoder)
            self._open = None
            self._within = False  # the rest of the line is no JSON either


def _has_picture(decoder: BodyDecoder) -> bool:
    return decoder.complete and (decoder.has_picture or decoder.says(_SHORT))
