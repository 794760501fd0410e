"""What a breaker remembers of requests that ended: the last outcome of each counts, once (semantics §4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from pixroute.outcome import Verdict

MOST_REQUESTS = 1024
"""Requests remembered for the rate: enough for any share, and a bound on memory."""


class Evidence:
    """The row of hard failures, and the outcomes within a window, by request."""

    def __init__(self) -> None:
        self._row: OrderedDict[Hashable, float] = OrderedDict()
        self._settled: OrderedDict[Hashable, tuple[float, bool]] = OrderedDict()
        self._bad = 0

    def add(self, request: Hashable, verdict: Verdict, now: float) -> None:
        """Take the outcome of a request in place of its earlier one; anything but HARD ends the row."""
        self._forget(request)
        bad = verdict is not Verdict.SUCCESS
        self._settled[request] = (now, bad)
        self._bad += bad
        if len(self._settled) > MOST_REQUESTS:
            self._forget(next(iter(self._settled)))
        if verdict is Verdict.HARD:
            self._row[request] = now
            self._row.move_to_end(request)
        else:
            self._row.clear()

    def in_a_row(self, since: float) -> int:
        """Count the requests that failed hard one after another, the first of them not before `since`."""
        while self._row and self._row[next(iter(self._row))] < since:
            self._row.popitem(last=False)
        return len(self._row)

    def rate(self, since: float) -> tuple[int, int]:
        """Count the requests that failed hard or were throttled, and all that were settled, from `since` on."""
        while self._settled and self._settled[next(iter(self._settled))][0] < since:
            self._forget(next(iter(self._settled)))
        return self._bad, len(self._settled)

    def clear(self) -> None:
        """Forget everything."""
        self._row.clear()
        self._settled.clear()
        self._bad = 0

    def _forget(self, request: Hashable) -> None:
        _, bad = self._settled.pop(request, (0.0, False))
        self._bad -= bad
