"""What the body decoder looks for in JSON text: the brackets, the strings, and the base64 inside them."""

import re
from json import JSONDecoder
from re import Pattern
from typing import Final

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_DATA_URI: Final = b";base64,"
LEADING_SPACE: Final = re.compile(rb"[ \t\n\r]*")
# Inside a string: up to its closing quote, or to a backslash whose character has not arrived.
STRING_TEXT: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
# Both alphabets, the padding and white space, in every way JSON can write them, and raw line ends, which it cannot.
_WRITTEN_SYMBOLS: Final = re.compile(
    rb"(?:[A-Za-z0-9+/=_ \t\n\r\f-]+|\\[/nrtf]"
    rb"|\\u00(?:0[9aAcCdD]|20|2[bBdDfF]|3[0-9dD]|[46][1-9a-fA-F]|5[0-9aAfF]|7[0-9aA]))*"
)
_UNFINISHED_ESCAPE: Final = re.compile(rb"(?:\\(?:u[0-9a-fA-F]{0,3})?)?")
_LENIENT: Final = JSONDecoder(strict=False)  # raw line ends pass
_AS_STANDARD: Final = (
    *((space, b"") for space in (b"\n", b"\r", b" ", b"\t", b"\f")),
    (b"-", b"+"),
    (b"_", b"/"),
)

PICTURE: Final = rb"(?:data:image/|iVBORw0KGgo|/9j/|_9j_|UklGR|R0lGOD)"
"""What a picture that is written as text begins with."""

# The groups of `structure`.
OPENED, CLOSED, QUOTE = 1, 2, 3


def structure(window: int) -> Pattern[bytes]:
    """Match, from outside the strings, up to and with the next bracket or notable quote, or to the end of the data.

    Not notable are strings under `window` bytes without an escape, which is to say nearly all: they are passed over.
    """
    return re.compile(rb'[^"\[\]{}]*(?:"[^"\\]{0,%d}"[^"\[\]{}]*)*(?:([\[{])|([\]}])|(")|\Z)' % (window - 1))


def match_end(pattern: Pattern[bytes], data: bytes, start: int, stop: int) -> int:
    """Where the match of a pattern that also matches nothing ends."""
    match = pattern.match(data, start, stop)
    assert match
    return match.end()


def unescaped(data: bytes, start: int, stop: int) -> bytes:
    """Undo what JSON escapes, perhaps without line ends; `ValueError` if that is not possible or not ASCII."""
    text = data[start:stop]
    plain = text.replace(b"\\", b"")
    # Where all slashes and nothing else are escaped, and where lines are even: a third of what a JSON reader takes.
    if plain == text or plain.replace(b"/", b"\\/") == text:
        return plain
    if lines := _joined(text):
        return lines
    characters: str = _LENIENT.decode(f'"{str(text, "ascii")}"')
    return characters.encode("ascii")


def _joined(text: bytes) -> bytes | None:
    """Drop the escaped line ends of lines of one length; None if something else is escaped as well."""
    first = text.find(b"\\")
    end = b"\\r\\n" if text.startswith(b"\\r\\n", first) else b"\\n"
    period = text.find(end, first + len(end)) - first
    if period < len(end):
        return None
    lines = bytearray(text)
    count = len(text[first::period])
    for place, symbol in enumerate(end):
        if text[first + place :: period] != bytes([symbol]) * count:
            return None
        del lines[first :: period - place]
    return None if b"\\" in lines else bytes(lines)


def standard(symbols: bytes) -> bytes:
    """Drop white space, and write the URL-safe alphabet as the standard one."""
    for found, meant in _AS_STANDARD:  # a third of what `translate` takes
        symbols = symbols.replace(found, meant)
    return symbols


def read_base64(data: bytes, start: int, stop: int) -> tuple[bytes, int, bool]:
    """Return the symbols at `start`, where they end, and whether at most an unfinished escape is left to `stop`."""
    end = match_end(_WRITTEN_SYMBOLS, data, start, stop)
    return standard(unescaped(data, start, end)), end, _UNFINISHED_ESCAPE.fullmatch(data, end, stop) is not None


def find_base64(data: bytes, start: int, window: int) -> int | None:
    """Where in the string whose text begins at `start` a picture begins: -1 nowhere, None if more data must tell."""
    begin = start
    first = _window(data, start, window)
    if first and (uri := first.lower().find(_DATA_URI)) >= 0:
        begin = start + uri + len(_DATA_URI)
        first = _window(data, begin, window)
    if first is None:
        return None
    return begin if first and read_base64(first, 0, window)[2] else -1


def _window(data: bytes, start: int, window: int) -> bytes | None:
    """Return the bytes that decide; none if the string is shorter, None if they are not all there."""
    stop = start + window
    end = match_end(STRING_TEXT, data, start, stop)
    if end < stop and data[end : end + 1] == b'"':
        return b""
    return data[start:stop] if len(data) >= stop else None
