"""Secrets taken out of the words of others, in every form in which an upstream may give them back."""

from __future__ import annotations

import base64
import html
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, lru_cache
from html.entities import html5
from typing import Any
from urllib.parse import unquote, urlsplit

import attrs
from attrs import field, frozen

from pixroute.redact import redact
from pixroute.secret import SHORT, Secret

MASK = "***"
PIECE = 12
"""Characters of a secret that are one too many: a mask shows fewer."""
_FAR = 64  # characters in which one character is written, with what stands before the next
_DEEPEST = 64
_DEEPEST_FACT = 16
_PLAIN = {int, float, bool, type(None)}
_LISTS = (list, tuple)
_LAYERS = 3  # a percent sign in a JSON text in an HTML page, and no more
_HIDDEN = r"\s\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
_UNSEEN = re.compile(rf"[{_HIDDEN}\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]+")
_GAP = rf"(?:{_UNSEEN.pattern}|\\+[nrt]|%(?:25)*(?:0[9ad]|20)|&(?:amp;)*nbsp;|<[^<>]{{0,40}}>)*"
_WRITTEN = re.compile(r"\\+(?:u([0-9a-f]{4})|x([0-9a-f]{2})|[nrt]|)", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]{0,40}>")
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_URL_SAFE = str.maketrans("+/", "-_")


class Sanitizer:
    """Takes given secrets out of text: whole, in another case, escaped, encoded, or broken by what is not seen.

    A text is first searched for a few fixed strings, which costs microseconds; only one that holds a secret is taken
    apart. A form that cannot be cut out exactly takes the whole text with it.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        packed = dict.fromkeys("".join(secret.split()) for secret in secrets)
        long = [secret for secret in packed if len(secret) >= SHORT]
        self._shorts = [secret for secret in packed if 0 < len(secret) < SHORT]
        short = "|".join(map(re.escape, self._shorts))
        self._short = re.compile(rf"(?<!\w)(?:{short})(?!\w)") if short else None
        self._characters = "".join(long)
        self._folded = [form for secret in long for form in (_Form.plain(secret), _Form.hex(secret))]
        self._cores = [_Form.core(core) for secret in long for core in _cores(secret)]

    def holds(self, text: str) -> bool:
        """Tell whether a secret stands in the text, in any form."""
        if self._short is not None and any(one in text for one in self._shorts) and self._short.search(text):
            return True
        if not self._folded:
            return False
        if self._stands_in(text):
            return True
        escaped = ("%" in text or "&" in text or "\\" in text or "<" in text) and self._escapes.search(text)
        return bool(escaped) and any(map(self._stands_in, _unescaped(text)))

    def conceal(self, text: str) -> str:
        """Take the secrets, and nothing else, out of a text."""
        if not self.holds(text):
            return text
        if self._short is not None:
            text = self._short.sub(MASK, text)
        for form in (*self._folded, *self._cores):
            text = form.cut(text)
        return MASK if self.holds(text) else text

    def redact(self, text: str) -> str:
        """Take out the secrets, and whatever looks like one."""
        return redact(self.conceal(text))

    def traceback(self, error: BaseException) -> str:
        """Write a traceback as it may be shown: the words of exceptions are those of others."""
        return self.redact("".join(traceback.format_exception(error)))

    def clean(self, value: Any) -> Any:
        """Take the secrets out of every text of a document, names included; what holds none is given back as it is."""
        return self._cleaned(value, 0) if self.holds("\n".join(_texts(value))) else value

    def facts(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Give facts as a record keeps them: without the secrets, as JSON's types, what is none of them as its text."""
        return self.clean({name: _plain(value) for name, value in facts.items()})  # type: ignore[no-any-return]

    def _cleaned(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.conceal(value)
        if depth > _DEEPEST:
            return MASK
        if isinstance(value, Mapping):
            return {self._cleaned(name, depth): self._cleaned(one, depth + 1) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._cleaned(one, depth + 1) for one in value)
        return value

    def _stands_in(self, text: str) -> bool:
        packed = "".join(text.split())
        if not (packed.isascii() and packed.isprintable()):
            packed = _UNSEEN.sub("", packed)
        lowered = packed.lower()
        return any(form.stands_in(lowered) for form in self._folded) or any(
            form.stands_in(packed) for form in self._cores
        )

    @cached_property
    def _escapes(self) -> re.Pattern[str]:
        """What a secret may be written with: a percent sign before another byte, as in a signed URL, is none of it."""
        data = b"\t\n\r %&\\<" + (self._characters + self._characters.swapcase()).encode(*_UTF8)
        encoded = "|".join(sorted({f"{byte:02x}" for byte in data}))
        return re.compile(rf"%(?:{encoded})|&(?:\#|\w+;)|[\\<]", re.IGNORECASE)


@frozen
class _Form:
    """A secret as it may be written: found by one of its `blocks`, and cut out as far as it goes on on both sides.

    `least`: characters that make a find; `ends` are what is cut off with it.
    """

    text: str
    block: int
    step: int
    least: int
    folded: bool = True
    ends: frozenset[str] = frozenset()
    blocks: tuple[tuple[int, str], ...] = field()

    @blocks.default
    def _blocks_of_text(self) -> tuple[tuple[int, str], ...]:
        starts = range(0, max(1, len(self.text) - self.block + 1), self.step)
        return tuple((start, self.text[start : start + self.block]) for start in starts)

    @classmethod
    def plain(cls, secret: str) -> _Form:
        """Find the secret in any case, and every long piece of it."""
        return cls(secret.lower(), SHORT, SHORT, min(len(secret), PIECE))

    @classmethod
    def hex(cls, secret: str) -> _Form:
        """Find its bytes in hexadecimal digits, whole."""
        digits = secret.encode(*_UTF8).hex()
        return cls(digits, 2 * SHORT, len(digits), len(digits))

    @classmethod
    def core(cls, core: str) -> _Form:
        """Find it in base64, with all base64 around it: the ends hold its first and last bits."""
        return cls(core, SHORT, len(core), len(core), folded=False, ends=_BASE64)

    def stands_in(self, packed: str) -> bool:
        """Search a text without white space, in lower case where the form is."""
        for start, block in self.blocks:
            at = packed.find(block)
            while at >= 0:
                if self._length(packed, at, start) >= self.least:
                    return True
                at = packed.find(block, at + 1)
        return False

    def _length(self, packed: str, at: int, start: int) -> int:
        """Tell how much of the text stands there, around a block of it."""
        begin, end, first, last = at, at + self.block, start, start + self.block
        while begin and first and packed[begin - 1] == self.text[first - 1]:
            begin, first = begin - 1, first - 1
        while end < len(packed) and last < len(self.text) and packed[end] == self.text[last]:
            end, last = end + 1, last + 1
        return last - first

    def cut(self, text: str) -> str:
        """Cut out what is found, however its characters are written and whatever stands between them."""
        flags = re.IGNORECASE if self.folded else 0
        for start, block in self.blocks:
            pattern, at = re.compile(_GAP.join(map(_spelt, block)), flags), 0
            while found := pattern.search(text, at):
                begin, end, length = self._span(text, found, start, flags)
                at = found.start() + 1
                if length >= self.least:
                    text = f"{text[:begin]}{MASK}{text[end:]}"
                    at = begin + len(MASK)
        return text

    def _span(self, text: str, found: re.Match[str], start: int, flags: int) -> tuple[int, int, int]:
        begin, end, first, last = found.start(), found.end(), start, start + self.block
        while first and (one := re.compile(_spelt(self.text[first - 1]) + _GAP + r"\Z", flags)):
            before = max(0, begin - _FAR)
            if (more := one.search(text[before:begin])) is None:
                break
            begin, first = before + more.start(), first - 1
        while last < len(self.text):
            if (more := re.compile(_GAP + _spelt(self.text[last]), flags).match(text, end)) is None:
                break
            end, last = more.end(), last + 1
        while begin and text[begin - 1] in self.ends:
            begin -= 1
        while end < len(text) and text[end] in self.ends:
            end += 1
        return begin, end, last - first


_UTF8 = ("utf-8", "surrogatepass")
_NAMES: dict[str, list[str]] = {}
for _name, _one in html5.items():
    _NAMES.setdefault(_one, []).append(_name.rstrip(";"))


def _spelt(character: str) -> str:
    """Write the pattern of one character as itself, percent-encoded, as an HTML entity or as an escape of JSON."""
    written = [rf"\\*{re.escape(character)}"]
    for one in sorted({character, character.lower(), character.upper()}):
        code = ord(one[0])
        names = "".join(f"|{name}" for name in _NAMES.get(one, ()))
        written += [
            "".join(f"%(?:25)*{byte:02X}" for byte in one.encode(*_UTF8)),
            rf"&(?:amp;)*(?:\#0*{code}|\#x0*{code:x}{names});?",
            rf"\\+u{code:04x}",
            rf"\\+x{code:02x}",
        ]
    return rf"(?:{written[0]}|(?i:{'|'.join(written[1:])}))"


def _cores(secret: str) -> Iterator[str]:
    """Give what base64 makes of a secret, whatever stands before and after it, in both alphabets."""
    data = secret.encode(*_UTF8)
    for before, begin in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6
        core = base64.b64encode(b"\0" * before + data).decode()[begin:whole]
        yield from dict.fromkeys((core, core.translate(_URL_SAFE)))


def _unescaped(text: str) -> Iterator[str]:
    """Undo percent signs, entities, escapes and tags, layer by layer."""
    for _ in range(_LAYERS):
        before = text
        if "%" in text:
            text = unquote(text)
        if "&" in text:
            text = html.unescape(text)
        if "\\" in text:
            text = _WRITTEN.sub(_character, text)
        if "<" in text:
            yield _TAG.sub("", text)
        if text == before:
            return
        yield text


def _character(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else ""


def _texts(value: Any) -> list[str]:
    """Give every text of a document, names included."""
    texts, left = [], [value]
    for one in left:  # which grows meanwhile
        if isinstance(one, str):
            texts.append(one)
        elif type(one) in _PLAIN:
            continue
        elif isinstance(one, dict):
            left += one
            left += one.values()
        elif isinstance(one, _LISTS):
            left += one
        elif isinstance(one, Mapping):  # asked last: it takes a while
            left.append(dict(one))
    return texts


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str) or type(value) in _PLAIN:
        return value
    if depth < _DEEPEST_FACT and isinstance(value, Mapping):
        return {str(name): _plain(one, depth + 1) for name, one in value.items()}
    if depth < _DEEPEST_FACT and isinstance(value, list | tuple | set | frozenset):
        return [_plain(one, depth + 1) for one in value]
    return bytes(value).decode(errors="replace") if isinstance(value, bytes | bytearray | memoryview) else str(value)


@lru_cache(maxsize=64)
def sanitizer_of(secrets: tuple[str, ...]) -> Sanitizer:
    """Give the sanitizer of these secrets, made once: a key seldom changes."""
    return Sanitizer(secrets)


_NO_SECRET = re.compile(r"accept|content-type|user-agent|connection|cache-control|origin|referer", re.IGNORECASE)
_SCHEME = re.compile(r"(?:bearer|basic|token|key)\s+(\S+)", re.IGNORECASE)


def secrets_of(settings: Any) -> Iterator[Secret]:
    """Give every secret of a provider's settings: fields, headers, the proxy's password."""
    for one in attrs.fields(type(settings)) if attrs.has(type(settings)) else ():
        if isinstance(value := getattr(settings, one.name), Secret):
            yield value
    yield from map(Secret, _in_headers(getattr(settings, "headers", None) or {}))
    proxy = getattr(settings, "proxy", None)
    if proxy and (password := urlsplit(proxy).password):
        yield from map(Secret, dict.fromkeys((password, unquote(password))))


def sanitizer_for(settings: Any) -> Sanitizer:
    """Give the sanitizer of all secrets that a provider's settings give now."""
    return sanitizer_of(tuple(tried(secret.reveal) for secret in secrets_of(settings)))


def _in_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """Give what must not be shown of configured headers: the values, and what stands behind `Bearer` or `Basic`."""
    for name, value in headers.items():
        if not _NO_SECRET.match(name):
            yield value
            if credential := _SCHEME.match(value):
                yield credential[1]
                yield from _password(credential[1])


def _password(credential: str) -> Iterator[str]:
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        return
    if user and password:
        yield password


def tried(read: Callable[[], str]) -> str:
    """Give what a source of secrets gives now; nothing where it raises."""
    try:
        found = read()
    except Exception:  # noqa: BLE001 - a source is anybody's code, and what it cannot give cannot be shown either
        return ""
    return found if isinstance(found, str) else ""
