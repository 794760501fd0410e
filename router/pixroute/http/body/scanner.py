"""What the body decoder looks for in JSON text: the brackets, the strings, and the base64 inside them."""

import json
import re
from re import Pattern
from typing import Final

ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_DATA_URI: Final = b";base64,"
LEADING_SPACE: Final = re.compile(rb"[ \t\n\r]*")
# Inside a string: up to its closing quote, or to a backslash whose character has not arrived.
STRING_TEXT: Final = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
# The alphabet, the padding and white space, in every way JSON can write them.
_WRITTEN_SYMBOLS: Final = re.compile(
    rb"(?:[A-Za-z0-9+/= ]+|\\[/nrtf]"
    rb"|\\u00(?:0[9aAcCdD]|20|2[bBfF]|3[0-9dD]|[46][1-9a-fA-F]|[57][0-9aA]))*"
)
_UNFINISHED_ESCAPE: Final = re.compile(rb"(?:\\(?:u[0-9a-fA-F]{0,3})?)?")
_WHITE_SPACE: Final = b" \t\n\r\f"

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


def read_base64(data: bytes, start: int, stop: int) -> tuple[bytes, int, bool]:
    """Return the symbols at `start`, where they end, and whether at most an unfinished escape is left to `stop`."""
    try:
        return _symbols(data[start:stop]), stop, True
    except ValueError:
        end = match_end(_WRITTEN_SYMBOLS, data, start, stop)
        return _symbols(data[start:end]), end, _UNFINISHED_ESCAPE.fullmatch(data, end, stop) is not None


def _symbols(text: bytes) -> bytes:
    """Undo escapes and drop white space; `ValueError` unless it is base64 and nothing else."""
    unescaped: str = json.loads(f'"{text.decode("ascii")}"')
    symbols = unescaped.encode("ascii").translate(None, _WHITE_SPACE)
    if symbols.translate(None, ALPHABET):
        raise ValueError
    return symbols


def find_base64(data: bytes, start: int, window: int) -> int | None:
    """Where in the string whose text begins at `start` a picture begins: -1 nowhere, None if more data must tell."""
    begin = start
    first = _window(data, start, window)
    if first and (uri := first.find(_DATA_URI)) >= 0:
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
