"""Decodes a JSON body while it arrives: long base64 strings go straight to their sinks, the small rest to `json`.

Which strings are decoded (bytes are counted as sent, escapes included; keys never are):

1. A value whose first `BodyLimits.window` bytes are base64, in any way JSON can write it: alphabet, padding, white
   space. It must then be base64 to its end.
2. A value with `;base64,` in those first bytes, followed by at least as many bytes of base64. There the first
   character that is not base64 ends the picture and is text again: `![image](data:image/png;base64,iVBO…)`.

Every other string stays text. White space is dropped; what is left of the base64 must be what
`base64.b64decode(…, validate=True)` accepts (standard alphabet, padded, nothing after the padding), without padding
that is not needed, which that lets pass.
The rest must be what `json.loads` accepts, in UTF-8.
"""

import binascii
import json
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO, Final

from pixroute.content import Content
from pixroute.http.body import scanner
from pixroute.http.body.blob import Blob, Picture, reserve_memory
from pixroute.http.body.limits import BodyError, BodyFault, BodyLimits

__all__ = ["Blob", "BodyDecoder", "BodyError", "BodyFault", "BodyLimits"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STEP: Final = 64 * 1024  # base64 decoded at a time: fits the processor's cache, and bounds the memory of a step


class BodyDecoder:
    """Decodes one JSON object or array from pieces of any size; the module says what becomes a `Blob`.

    Args:
        limits: what is too much.
        open_sink: called for every picture; memory by default. A file is open for reading and writing and has a name.

    """

    def __init__(
        self, *, limits: BodyLimits | None = None, open_sink: Callable[[], Content | BinaryIO] | None = None
    ) -> None:
        self.complete = False
        self._limits = limits or BodyLimits()
        self._open_sink = open_sink or partial(reserve_memory, self._limits.decoded)
        self._structure = scanner.structure(self._limits.window)
        self._step: Callable[[BodyDecoder, bytes, int], int] = BodyDecoder._byte_order_mark  # unbound: no cycle
        self._rest = b""  # what the step cannot judge yet, two windows at most
        self._offset = 0  # of the rest, in the body
        self._brackets: list[bytes] = []
        self._last = b""  # the last significant byte outside the text of strings
        self._skeleton = bytearray()
        self._pictures: list[Picture] = []
        self._mark = secrets.token_hex(16)  # stands in the skeleton for a picture; no sender can guess it

    @property
    def held(self) -> int:
        """Bytes of decoded pictures in memory now."""
        return sum(picture.held for picture in self._pictures)

    def feed(self, chunk: bytes) -> bool:
        """Take the next piece; true once the document is complete. What follows it is not looked at.

        Raises:
            BodyError: this can never become a document within the limits.

        """
        if self.complete:
            return True
        data = self._rest + chunk
        at = 0
        while at < len(data) and not self.complete:
            step, begin = self._step, at
            at = step(self, data, begin)
            if at == begin and self._step is step:
                break  # it needs more
        self._rest = data[at:]
        self._offset += at
        return self.complete

    def result(self) -> Any:
        """Return the document, with a `Blob` for each picture.

        Raises:
            BodyError: it is not complete, or not JSON after all.

        """
        if not self.complete:
            raise self._error(BodyFault.INCOMPLETE, "the body ends before its JSON does", len(self._rest))
        try:
            document = json.loads(self._skeleton.decode())
        except ValueError as error:
            # Not chained: the original carries the whole text, prompts included.
            raise BodyError(BodyFault.NOT_JSON, f"the body (without its pictures) is not JSON: {error}") from None
        return self._with_blobs(document) if self._pictures else document

    def close(self) -> None:
        """Discard every picture, those in the result as well: take what is wanted first."""
        for picture in self._pictures:
            picture.blob().discard()

    # A step looks at data[at:] and returns how far it has got. No further and no new step means: it needs more.

    def _byte_order_mark(self, data: bytes, at: int) -> int:
        if len(data) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(data):
            return at
        self._step = BodyDecoder._leading_space
        return len(_BYTE_ORDER_MARK) if data.startswith(_BYTE_ORDER_MARK) else at

    def _leading_space(self, data: bytes, at: int) -> int:
        at = scanner.match_end(scanner.LEADING_SPACE, data, at, len(data))
        if at < len(data):
            if data[at] not in b"{[":
                raise self._error(BodyFault.NOT_JSON, "the body is not a JSON object or array", at)
            self._step = BodyDecoder._outside
        return at

    def _outside(self, data: bytes, at: int) -> int:
        end, in_string = at, False
        for token in self._structure.finditer(data, at):
            end = token.end()
            if token.lastindex == scanner.OPENED:
                self._open(token[scanner.OPENED], end)
            elif token.lastindex == scanner.CLOSED:
                self._brackets.pop()
            in_string = token.lastindex == scanner.QUOTE
            self.complete = not self._brackets
            if in_string or self.complete:
                break
        self._last = data[at : end - in_string].rstrip(b" \t\n\r")[-1:] or self._last
        if in_string:
            self._step = BodyDecoder._value if self._expects_value() else BodyDecoder._text
        return self._keep(data, at, end)

    def _value(self, data: bytes, at: int) -> int:
        begin = scanner.find_base64(data, at, self._limits.window)
        if begin is None:
            return at
        if begin < 0:
            self._step = BodyDecoder._text
            return at
        self._keep(data, at, begin)
        self._begin_picture(begin, in_data_uri=begin > at)
        return begin

    def _base64(self, data: bytes, at: int) -> int:
        stop = min(at + _STEP, len(data))
        quote = data.find(b'"', at, stop)
        last = quote >= 0
        if last:
            stop = quote
        try:
            self._decode(memoryview(data)[at:stop], at, last=last)
        except binascii.Error:
            stop, last = self._base64_with_more(data, at, stop, closed=last)
        if last:
            self._pictures[-1].finish()
            self._step = BodyDecoder._text
        return stop

    def _text(self, data: bytes, at: int) -> int:
        end = scanner.match_end(scanner.STRING_TEXT, data, at, min(at + _STEP, len(data)))
        if data[end : end + 1] == b'"':
            self._step = BodyDecoder._outside
            self._last = b'"'
            end += 1
        return self._keep(data, at, end)

    # What the steps share.

    def _open(self, bracket: bytes, at: int) -> None:
        self._brackets.append(bracket)
        if len(self._brackets) > self._limits.depth:
            raise self._error(BodyFault.SKELETON_LIMIT, f"brackets stand more than {self._limits.depth} deep", at)

    def _expects_value(self) -> bool:
        return self._last in {b":", b"["} or (self._last == b"," and self._brackets[-1] == b"[")

    def _begin_picture(self, at: int, *, in_data_uri: bool) -> None:
        index = len(self._pictures)
        if index == self._limits.pictures:
            raise self._error(BodyFault.TOO_MANY, f"there are more than {index} pictures", at)
        self._pictures.append(Picture(self._open_sink(), in_data_uri=in_data_uri))
        self._skeleton += f"{self._mark}{index};".encode()
        self._step = BodyDecoder._base64

    def _decode(self, symbols: bytes | memoryview, at: int, *, last: bool) -> None:
        picture = self._pictures[-1]
        decoded = picture.decode(symbols, last=last)
        if picture.size + len(decoded) > self._limits.decoded:
            raise self._error(BodyFault.DECODED_LIMIT, f"a picture has more than {self._limits.decoded} bytes", at)
        picture.write(decoded)

    def _base64_with_more(self, data: bytes, at: int, stop: int, *, closed: bool) -> tuple[int, bool]:
        """Decode base64 with escapes, with white space, or with text after it: where it ends, and if for good."""
        symbols, end, unfinished = scanner.read_base64(data, at, stop)
        last = closed or not unfinished
        if last and end < stop and not self._pictures[-1].in_data_uri:
            raise self._error(BodyFault.BAD_BASE64, "a picture contains what is not base64", end)
        try:
            self._decode(symbols, at, last=last)
        except binascii.Error as error:
            raise self._error(BodyFault.BAD_BASE64, f"the base64 of a picture is wrong ({error})", at) from error
        return end, last

    def _keep(self, data: bytes, start: int, end: int) -> int:
        if len(self._skeleton) + end - start > self._limits.skeleton:
            raise self._error(
                BodyFault.SKELETON_LIMIT,
                f"there are more than {self._limits.skeleton} bytes beside the pictures",
                start,
            )
        self._skeleton += data[start:end]
        return end

    def _with_blobs(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._with_blobs(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._with_blobs(item) for item in value]
        if isinstance(value, str) and self._mark in value:
            prefix, _, rest = value.partition(self._mark)
            index, _, suffix = rest.partition(";")
            return self._pictures[int(index)].blob(prefix, suffix)
        return value

    def _error(self, fault: BodyFault, what: str, at: int) -> BodyError:
        return BodyError(fault, f"{what} (at byte {self._offset + at})")
