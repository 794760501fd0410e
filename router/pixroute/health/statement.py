"""What a process tells the others of one breaker: a value, and its text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import inf, isfinite
from typing import Any, TypeVar

from attrs import field, frozen

from pixroute.health.states import OpenReason, State

VERSION = 1
MOST_FAILURES = 16
"""Failures told one by one, so that nobody counts a request twice; rules need fewer."""
LONGEST = 7 * 86_400.0
MOST = 1_000_000
"""What no honest number exceeds: seconds, and counts."""

T = TypeVar("T")
Failures = tuple[tuple[str, float], ...]
"""Digests of requests with the times of their failures, the oldest first."""
_DIGEST = 16
_TOLD_BY_ONE_ANSWER = (OpenReason.FORBIDDEN, OpenReason.MODEL_GONE, OpenReason.UNDERSIZED)


@frozen(kw_only=True)
class Statement:
    """One breaker as one process knows it. Times are the loop's of whoever holds the value; -inf: never.

    Args:
        state, reason: as of the breaker; what an operator forced is told by a row of its own, and counts as closed.
        closed_at: when a ramp closed it last.
        opened_at: when the opening began that the state came from.
        until: when an open one lets a probe pass.
        doublings: of its next opening.
        hinted_until: the end of a pause that the upstream asked this very process for.
        told, told_until: why one answer was enough to open it, and until when; also first-hand only.
        in_flight: calls whose silence is evidence; `overdue` of them are requests that wait too long, `working` are
            past a quick refusal, the youngest of these began at `youngest_at`.
        row: requests that failed hard one after another.
        bad: requests that failed or were throttled within the window; `bad_count` all of them, `settled` all that
            ended.
        lately_bad, lately: the same two counts within the usual time of its calls, beside which silence is weighed.
        refused: whether the last failure came too soon to be anything but a refusal.
        answered: whether answers have opened it, or else whether the last failure was one, and no silence.
        success_at: of the last success.
        probing: a probe is under way that nobody has answered yet.
        proven, allowed, setbacks: of a half-open one: a call has succeeded; how many are allowed in the whole fleet;
            how often that was halved.
    """

    state: State = State.CLOSED
    reason: OpenReason | None = None
    closed_at: float = -inf
    opened_at: float = -inf
    until: float = -inf
    doublings: int = 0
    hinted_until: float = -inf
    told: OpenReason | None = None
    told_until: float = -inf
    in_flight: int = 0
    overdue: int = 0
    working: int = 0
    youngest_at: float = -inf
    row: Failures = ()
    bad: Failures = ()
    bad_count: int = 0
    settled: int = 0
    lately_bad: int = 0
    lately: int = 0
    refused: bool = False
    answered: bool = False
    success_at: float = -inf
    probing: bool = False
    proven: bool = False
    allowed: int = 1
    setbacks: int = 0
    quiet: bool = field(init=False, eq=False, repr=False)
    """Whether it says nothing that could change what anybody does."""

    @quiet.default
    def _quiet(self) -> bool:
        sound = self.state is State.CLOSED and not self.overdue and not self.row and not self.bad_count
        return sound and self.told is None and self.hinted_until == self.closed_at == -inf


class Unreadable(Exception):
    """What was told is no statement; the message says why, without the text itself."""


def write(statement: Statement, now: float) -> str:
    """Give its text, times as seconds before or after now; what is as by default is left out."""
    given = {
        name: _plain(name, value, now)
        for name in _FIELDS
        if (value := getattr(statement, name)) != getattr(_DEFAULT, name)
    }
    return json.dumps({"v": VERSION, **given}, separators=(",", ":"))


def read(text: str, at: float) -> Statement:
    """Read a text that was written `at` that time; unknown fields are passed over, missing ones as by default.

    Raises:
        Unreadable: it is none, or a field holds what it cannot mean.
    """
    given = _read(text)
    times = {name: at + given[name] for name in _TIMES & given.keys()}
    lists = {name: tuple((digest, at + age) for digest, age in given[name]) for name in _LISTS & given.keys()}
    return Statement(**{**given, **times, **lists})


@lru_cache(4096)
def _read(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    if not isinstance(table, dict):
        raise Unreadable("it is no table")
    return {name: reader(table, name) for name, reader in _FIELDS.items() if name in table}


def _plain(name: str, value: Any, now: float) -> Any:
    if name in _TIMES:
        return round(max(-LONGEST, min(value - now, LONGEST)), 1)
    return [[digest, round(at - now, 1)] for digest, at in value] if name in _LISTS else value


def _count(table: Mapping[str, Any], name: str) -> int:
    value = table[name]
    if type(value) is not int or not 0 <= value <= MOST:
        raise Unreadable(f"{name} is no count")
    return value


def _seconds(table: Mapping[str, Any], name: str) -> float:
    value = table[name]
    if type(value) not in (int, float) or not isfinite(value) or not -LONGEST <= value <= LONGEST:
        raise Unreadable(f"{name} is no number of seconds")
    return float(value)


def _yes(table: Mapping[str, Any], name: str) -> bool:
    if type(table[name]) is not bool:
        raise Unreadable(f"{name} is neither true nor false")
    return bool(table[name])


def _state(table: Mapping[str, Any], name: str) -> State:
    return _one_of(State, table, name)


def _reason(table: Mapping[str, Any], name: str) -> OpenReason:
    return _one_of(OpenReason, table, name)


def _answer(table: Mapping[str, Any], name: str) -> OpenReason:
    reason = _one_of(OpenReason, table, name)
    if reason not in _TOLD_BY_ONE_ANSWER:
        raise Unreadable(f"{name} is nothing that one answer says")
    return reason


def _one_of(kind: type[T], table: Mapping[str, Any], name: str) -> T:
    value = table[name]
    try:
        if isinstance(value, str):
            return kind(value)  # type: ignore[call-arg]  # an enumeration of texts
    except ValueError:
        pass
    raise Unreadable(f"{name} is unknown")


def _failures(table: Mapping[str, Any], name: str) -> Failures:
    value = table[name]
    if not isinstance(value, list) or len(value) > MOST_FAILURES:
        raise Unreadable(f"{name} is no list of failures")
    return tuple(_failure(one, name) for one in value)


def _failure(value: object, name: str) -> tuple[str, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise Unreadable(f"{name} is no list of failures")
    digest, _ = value
    if not isinstance(digest, str) or len(digest) != _DIGEST or not digest.isalnum():
        raise Unreadable(f"{name} holds no digest")
    return digest, _seconds({name: value[1]}, name)


_DEFAULT = Statement()
_TIMES = frozenset({"closed_at", "opened_at", "until", "hinted_until", "told_until", "youngest_at", "success_at"})
_LISTS = frozenset({"row", "bad"})
_FIELDS: dict[str, Callable[[Mapping[str, Any], str], object]] = {
    "state": _state,
    "reason": _reason,
    "closed_at": _seconds,
    "opened_at": _seconds,
    "until": _seconds,
    "doublings": _count,
    "hinted_until": _seconds,
    "told": _answer,
    "told_until": _seconds,
    "in_flight": _count,
    "overdue": _count,
    "working": _count,
    "youngest_at": _seconds,
    "row": _failures,
    "bad": _failures,
    "bad_count": _count,
    "settled": _count,
    "lately_bad": _count,
    "lately": _count,
    "refused": _yes,
    "answered": _yes,
    "success_at": _seconds,
    "probing": _yes,
    "proven": _yes,
    "allowed": _count,
    "setbacks": _count,
}
