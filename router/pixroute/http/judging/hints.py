"""When a provider wishes to be asked again: a header, a field or a phrase, read into seconds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from attrs import frozen

from pixroute.redact import redact

if TYPE_CHECKING:
    from pixroute.http.judging.envelope import ErrorBody  # which reads hints itself

LONGEST = 86_400.0
"""A wish for more than a day is taken for a mistake."""
RESTART = 30.0
"""A gateway that answers 502 without a word restarts, and is back about then (upstreams §3.3)."""

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)s", re.ASCII)
_UNIT = (
    "milliseconds?|ms|hours?|h|minutes?|mins?|m|seconds?|secs?|s|秒|分钟|分|小时|時間|초|분|시간|segundos?|secondes?|secondi|sekunden?"
    "|minutos?|minuten?|minuti|horas?|stunden?|heures?|ore|секунд[уы]?|минут[уы]?"
)
_SPAN = rf"(-?\d{{1,12}}(?:\.\d{{1,9}})?) ?({_UNIT})(?![a-z])"
_CLOCK = r"(?P<clock>\d{1,2}:\d\d:\d\d)(?![:\d])"
_PHRASE = re.compile(
    r"(?:(?:retry|try again|resets?|available again|wait|please wait|back) (?:(?:in|after|for|at least|about|another) ){0,2}~?"
    r"|请在? ?|等待 ?|(?:inténtelo|intente|tente|novamente|de nuevo|erneut|réessaye[rz]|riprova|через)(?: [^\W\d]{1,12}){0,3} )"
    rf"((?:{_SPAN} ?){{1,4}}|{_CLOCK})|((?:{_SPAN} ?){{1,4}})(?:後|后|후)",
)
_SPANS = re.compile(_SPAN)
_UNITS = {
    "ms": 0.001, "mil": 0.001, "stu": 3600.0, "小": 3600.0, "時": 3600.0, "시": 3600.0, "h": 3600.0, "o": 3600.0,
    "분": 60.0, "分": 60.0, "m": 60.0, "м": 60.0,
}  # fmt: skip
"""Seconds by the beginning of the unit's name, the longest first; any other is a second."""


@frozen
class Hint:
    """The wish, in seconds from the answer on; `ignored` names what was said but made no sense.

    `lasting`: the answer itself, not a header, said more than a day.
    """

    seconds: float | None = None
    ignored: str | None = None
    lasting: bool = False


def read_hint(headers: Mapping[str, str], error: ErrorBody | None = None, *, now: float | None = None) -> Hint:
    """Read the first sensible wish: `retry-after-ms`, `retry-after`, Google's RetryInfo, "retry in 31.4s".

    An HTTP date is read against the answer's own `Date`, else against `now` (Unix time), else ignored. Header names
    are in lower case.
    """
    ignored: list[str] = []
    lasting = False
    for source, value, seconds in _wishes(headers, error, now):
        fault = _fault(seconds)
        lasting = lasting or (source in _SAID and seconds is not None and seconds > LONGEST)
        if fault is None:
            return Hint(seconds, "; ".join(ignored) or None, lasting)
        ignored.append(f"{source} {redact(value[:400])[:60]!r} {fault}")
    restarts = error is not None and error.status == 502 and not error.text
    return Hint(RESTART if restarts else None, "; ".join(ignored) or None, lasting)


_SAID = frozenset({"retryDelay", "retry_after", "text"})


def _wishes(
    headers: Mapping[str, str], error: ErrorBody | None, now: float | None
) -> Iterator[tuple[str, str, float | None]]:
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (value := headers.get(name)) is not None:
            milliseconds = _number(_NUMBER, value)
            yield name, value, None if milliseconds is None else milliseconds / 1000
    if (value := headers.get("retry-after")) is not None:
        seconds = _number(_NUMBER, value.strip().removesuffix("s"))
        yield "retry-after", value, _until(value, headers.get("date"), now) if seconds is None else seconds
    if error is None:
        return
    if error.retry_delay is not None:
        yield "retryDelay", error.retry_delay, _number(_DURATION, error.retry_delay)
    if error.retry_after is not None:
        yield "retry_after", error.retry_after, _number(_NUMBER, error.retry_after.removesuffix("s"))
    if phrase := _PHRASE.search(error.text.lower()):
        if clock := phrase["clock"]:
            hours, minutes, seconds = map(int, clock.split(":"))
            yield "text", clock, 3600.0 * hours + 60.0 * minutes + seconds
            return
        spans = _SPANS.findall(phrase[0])
        yield "text", phrase[0].strip(), sum(float(n) * _unit(unit) for n, unit in spans)


def _unit(name: str) -> float:
    return next((seconds for begins, seconds in _UNITS.items() if name.startswith(begins)), 1.0)


def _fault(seconds: float | None) -> str | None:
    if seconds is None:
        return "is unreadable"
    if seconds < 0:
        return "is in the past"
    return "is more than a day" if seconds > LONGEST else None


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.fullmatch(text.strip())
    return float(match[match.re.groups]) if match else None


def _until(text: str, date: str | None, now: float | None) -> float | None:
    then, sent = _unix_time(text), _unix_time(date) if date else None
    start = now if sent is None else sent
    return None if then is None or start is None else then - start


def _unix_time(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
