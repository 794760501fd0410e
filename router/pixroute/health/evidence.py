"""What a breaker remembers of requests that ended: the last outcome of each counts, once (semantics §4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from copy import copy
from itertools import takewhile

from pixroute.outcome import HealthSignal

MOST_REQUESTS = 1024
"""Requests remembered for the rate: enough for any share, and a bound on memory."""


class BreakerEvidence:
    """The row of hard failures, and the outcomes within a window, by request; `changes` counts what came in."""

    def __init__(self) -> None:
        self._row: OrderedDict[Hashable, float] = OrderedDict()
        self._settled: OrderedDict[Hashable, tuple[float, bool]] = OrderedDict()
        self._bad = 0
        self.changes = 0
        self._suspended: OrderedDict[Hashable, tuple[float, HealthSignal]] = OrderedDict()

    def copied(self) -> BreakerEvidence:
        """Give a copy."""
        evidence = BreakerEvidence()
        vars(evidence).update({name: copy(value) for name, value in vars(self).items()})
        return evidence

    def suspend(self, request: Hashable, signal: HealthSignal, until: float) -> None:
        """Take a failure that a retry may still make good: it counts from `until` on, unless it is withdrawn."""
        self._suspended[request] = (until, signal)

    def withdraw(self, request: Hashable) -> None:
        """Forget a suspended failure: the request is asked again, and only its last outcome counts."""
        self._suspended.pop(request, None)

    def take_up(self, now: float) -> None:
        """Count the suspended failures whose retry did not come."""
        while self._suspended:
            request, (until, signal) = next(iter(self._suspended.items()))
            if until > now:
                return
            del self._suspended[request]
            self.add(request, signal, until)

    def add(self, request: Hashable, signal: HealthSignal, now: float) -> None:
        """Take the outcome of a request in place of its earlier one; anything but HARD ends the row."""
        self.changes += 1
        self._forget(request)
        bad = signal is not HealthSignal.SUCCESS
        self._settled[request] = (now, bad)
        self._bad += bad
        if len(self._settled) > MOST_REQUESTS:
            self._forget(next(iter(self._settled)))
        if signal is HealthSignal.HARD:
            self._row[request] = now
            self._row.move_to_end(request)
        else:
            self._row.clear()

    def in_a_row(self, since: float) -> tuple[int, float]:
        """Count the requests that failed hard one after another from `since` on; and give the time of the first."""
        while self._row and self._row[next(iter(self._row))] < since:
            self._row.popitem(last=False)
        return len(self._row), next(iter(self._row.values()), since)

    def rate(self, since: float) -> tuple[int, int]:
        """Count the requests that failed hard or were throttled, and all that were settled, from `since` on."""
        while self._settled and self._settled[next(iter(self._settled))][0] < since:
            self._forget(next(iter(self._settled)))
        return self._bad, len(self._settled)

    def since(self, time: float) -> tuple[int, int]:
        """Count the same from a later time on, and forget nothing."""
        recent = list(takewhile(lambda each: each[0] >= time, reversed(self._settled.values())))
        return sum(bad for _, bad in recent), len(recent)

    def row(self, since: float) -> list[tuple[Hashable, float]]:
        """Give the requests of the row from `since` on, the oldest first, with their times."""
        self.in_a_row(since)
        return list(self._row.items())

    def bad(self, since: float) -> list[tuple[Hashable, float]]:
        """Give the requests that failed or were throttled from `since` on, the oldest first, with their times."""
        self.rate(since)
        return [(request, at) for request, (at, bad) in self._settled.items() if bad]

    def clear(self) -> None:
        """Forget everything."""
        self.changes += 1
        self._row.clear()
        self._settled.clear()
        self._suspended.clear()
        self._bad = 0

    def _forget(self, request: Hashable) -> None:
        _, bad = self._settled.pop(request, (0.0, False))
        self._bad -= bad
