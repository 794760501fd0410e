"""Decodes a JSON body while it arrives: long base64 strings go straight to their sinks, the small rest to `json`.

Which strings are decoded (bytes are counted as sent, escapes included; keys never are):

1. A value whose first `BodyLimits.window` bytes are base64: of either alphabet, padded or not, in any way JSON can
   write it, with white space or raw line ends in it.
2. A value with `;base64,` in those first bytes, followed by at least as many bytes of base64.

The first character that is not base64 ends the picture and is text again: `![image](data:image/png;base64,iVBO…)`.
Every other string stays text. Whether a picture is whole is for those to say who look at its end.

Of what stands under the name of a signature (`thoughtSignature`) only a sample is kept, unless it is a picture.
The rest must be what `json.loads` accepts, in UTF-8; beside a picture, raw control characters and bytes that are no
UTF-8 pass as well. An integer of more than 4,000 digits is a float.
"""

import binascii
import json
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO, Final

from pixroute.content import Content
from pixroute.http.body import scanner
from pixroute.http.body.blob import Blob, Picture, reserve_memory
from pixroute.http.body.limits import BodyError, BodyFault, BodyLimits

__all__ = ["Blob", "BodyDecoder", "BodyError", "BodyFault", "BodyLimits"]

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_SIGNATURE: Final = re.compile(rb'(?i)signature"[ \t\r\n]*:[ \t\r\n]*"$')
_LONGEST_NAME: Final = 64  # enough to see how it ends
_LONGEST_INTEGER: Final = 4000  # digits; Python refuses those above 4,300, and JSON sets no limit
_ESCAPE: Final = 6  # bytes of the longest
_STEP: Final = 128 * 1024  # base64 decoded at a time: fits the processor's cache, and bounds the memory of a step


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
        self._open_sink = open_sink or reserve_memory
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

    @property
    def has_picture(self) -> bool:
        """Whether something in it begins as a picture."""
        return any(picture.is_picture for picture in self._pictures)

    def says(self, what: re.Pattern[bytes]) -> bool:
        """Whether this stands beside its pictures."""
        return what.search(self._skeleton) is not None

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
            document = self._read_skeleton()
        except ValueError as error:
            # Not chained: the original carries the whole text, prompts included.
            raise BodyError(BodyFault.NOT_JSON, f"the body (without its pictures) is not JSON: {error}") from None
        return self._with_blobs(document) if self._pictures else document

    def _read_skeleton(self) -> Any:
        """Read what stands beside the pictures: strictly where there are none, else in any way it can be read."""
        lenient = self.has_picture
        text = self._skeleton.decode(errors="replace" if lenient else "strict")
        return json.loads(text, strict=not lenient, parse_int=_integer, object_pairs_hook=self._object)

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Give a name that stands twice its last value, unless only an earlier one holds a picture."""
        found = dict(pairs)
        if len(found) < len(pairs) and self._pictures:
            found |= {name: value for name, value in pairs if self._mark in str(value)}
        return found

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
        picture = self._pictures[-1]
        try:
            if picture.is_plain:
                decoded = picture.decode(memoryview(data)[at:stop])
        except binascii.Error:
            picture.is_plain = False
        if not picture.is_plain:
            decoded, stop, last = self._base64_with_more(data, at, stop, closed=last)
        if last:
            decoded += picture.decode_loosely(b"", last=True)
        self._write(decoded, at)
        if last:
            picture.finish()
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
        wanted = not _SIGNATURE.search(self._skeleton[-_LONGEST_NAME:])
        self._pictures.append(Picture(self._open_sink, wanted=wanted, in_data_uri=in_data_uri))
        self._skeleton += f"{self._mark}{index};".encode()
        self._step = BodyDecoder._base64

    def _write(self, decoded: bytes, at: int) -> None:
        picture = self._pictures[-1]
        picture.write(decoded)
        if picture.kept and picture.size > self._limits.decoded:
            raise self._error(BodyFault.DECODED_LIMIT, f"a picture has more than {self._limits.decoded} bytes", at)

    def _base64_with_more(self, data: bytes, at: int, stop: int, *, closed: bool) -> tuple[bytes, int, bool]:
        """Decode base64 that is not plainly so: what it is, where it ends, and if for good.

        Tried are, the cheapest first, escapes, then white space and the other alphabet, then all that may be base64.
        """
        if not closed and (escape := data.rfind(b"\\", max(at + 1, stop - _ESCAPE), stop)) > 0:
            stop = escape  # it may go on beyond
        picture = self._pictures[-1]
        with suppress(ValueError):
            symbols = scanner.unescaped(data, at, stop)
            with suppress(binascii.Error):
                return picture.decode(symbols), stop, closed
            return picture.decode(scanner.standard(symbols)), stop, closed
        symbols, end, unfinished = scanner.read_base64(data, at, stop)
        last = closed or not unfinished
        return picture.decode_loosely(symbols, last=last), end, last

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


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_INTEGER else float(text)
