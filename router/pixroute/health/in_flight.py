"""Admissions of a breaker that have not been settled, and what their silence says (semantics §4, §4.1)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from copy import copy
from heapq import nsmallest
from math import inf

from attrs import define

from pixroute.health.stall import Survival, silence_log_likelihood
from pixroute.latency import Quantiles

REFUSED_WITHIN = 10.0
"""Seconds within which an upstream that will not work says so; what is older is being worked on."""


@define(eq=False)
class AdmissionToken:
    """One admission; settled exactly once.

    `started` moves on by the time that the machine was paused. `excused`: its silence is no evidence, because its
    answer is coming in, or may have been lost in a pause.
    """

    request: str
    evidence: Hashable
    generation: int
    started: float
    expected: Quantiles
    timeout: float
    survival: Survival
    excused: bool = False

    def answered(self, now: float) -> bool:
        """Tell whether a failure that comes now is an answer; what comes later than P99 was silence first."""
        return now - self.started <= self.expected.p99


class InFlight:
    """The live admissions, of the breaker's present generation, and the older ones, which are no evidence."""

    def __init__(self) -> None:
        self.live: set[AdmissionToken] = set()
        self.older: set[AdmissionToken] = set()

    def __len__(self) -> int:
        return len(self.live) + len(self.older)

    def copied(self) -> InFlight:
        """Give a copy, tokens and all."""
        flight = InFlight()
        flight.live = {copy(token) for token in tuple(self.live)}
        flight.older = {copy(token) for token in tuple(self.older)}
        return flight

    def add(self, token: AdmissionToken, *, live: bool) -> None:
        """Take an admission in; one that is not `live` is no evidence."""
        (self.live if live else self.older).add(token)

    def retire(self) -> None:
        """Begin a new generation."""
        self.older |= self.live
        self.live.clear()

    def remove(self, token: AdmissionToken) -> bool:
        """Take a settled admission out; tell whether it was live.

        Raises:
            KeyError: it was settled before.
        """
        live = token in self.live
        (self.live if live else self.older).remove(token)
        return live

    def forget(self, token: AdmissionToken) -> None:
        """Take an admission out, if it is there."""
        self.live.discard(token)
        self.older.discard(token)

    def accepted(self, since: float, now: float) -> int:
        """Count the live admissions since a time that are past an overloaded upstream's quick refusal."""
        return sum(since <= token.started <= now - REFUSED_WITHIN for token in self.live)

    def youngest_accepted(self, now: float) -> float:
        """Tell when the youngest live admission began that is past a quick refusal; -inf: there is none."""
        return max((token.started for token in self.live if token.started <= now - REFUSED_WITHIN), default=-inf)

    def overdue(self, now: float, factor: float) -> int:
        """Count the live requests that are older than `factor` × P99."""
        if not self.live:
            return 0
        return len({token.request for token in self._heard() if token.started + factor * token.expected.p99 <= now})

    def overdue_at(self, count: int, factor: float) -> float:
        """Tell when `count` live requests will be older than `factor` × P99; inf while there are fewer."""
        by_request: dict[str, float] = {}
        for token in self._heard():
            at = token.started + factor * token.expected.p99
            by_request[token.request] = min(at, by_request.get(token.request, inf))
        first = nsmallest(count, by_request.values())
        return first[-1] if len(first) == count else inf

    def overdue_lately(self, now: float, factor: float) -> tuple[int, float]:
        """Count the same, and give the longest P95 of their calls."""
        late = [token for token in self._heard() if token.started + factor * token.expected.p99 <= now]
        return len({token.request for token in late}), max((token.expected.p95 for token in late), default=0.0)

    def usual_time(self) -> float:
        """Give the longest P95 of what is live; 0 while nothing is."""
        return max([token.expected.p95 for token in self.live], default=0.0)

    def slow_at(self, factor: float) -> float:
        """Tell when the first live admission will be older than `factor` × P95; inf while there is none."""
        return min((token.started + factor * token.expected.p95 for token in self.live), default=inf)

    def log_likelihood(self, last_success: float, now: float, slowdown: float) -> float:
        """Give the log-likelihood of the silence since the last success."""
        calls = ((token.started, token.survival) for token in self._heard())
        return silence_log_likelihood(calls, last_success, now, slowdown)

    def leave_out(self, gap: float) -> None:
        """Take a pause of the machine off the age of everything live."""
        for token in (*self.live, *self.older):
            token.started += gap
            token.excused = True

    def _heard(self) -> Iterator[AdmissionToken]:
        return (token for token in self.live if not token.excused)
