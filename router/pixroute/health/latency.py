"""How long calls take, learned from calls (semantics §4.1)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable
from math import ceil, erfc, log, sqrt

from pixroute.latency import Quantiles

KEPT = 200
ENOUGH = 30
FLOOR = 1e-4

_SIGMAS = (0.0, 1.6449, 2.3263)
"""Where P50, P95 and P99 of a normal distribution lie."""


class Window:
    """The last `KEPT` numbers, in order of size."""

    def __init__(self) -> None:
        self._by_age: deque[float] = deque()
        self._by_size: list[float] = []

    def __len__(self) -> int:
        return len(self._by_size)

    def add(self, number: float) -> None:
        """Take a number in place of the oldest."""
        self._by_age.append(number)
        insort(self._by_size, number)
        if len(self._by_age) > KEPT:
            oldest = self._by_age.popleft()
            del self._by_size[bisect_right(self._by_size, oldest) - 1]

    def above(self, number: float) -> int:
        """Count the numbers above this one."""
        return len(self._by_size) - bisect_right(self._by_size, number)

    def quantiles(self, *shares: float) -> list[float]:
        """Give, for each share, the smallest number that at least this share does not exceed."""
        count = len(self._by_size)
        return [self._by_size[ceil(share * count) - 1] for share in shares]


class LearnedLatency:
    """Times of one provider and resolution: its table until 30 successes are known, then the last 200.

    P95 and P99 are never below `least`: two hundred calls are minutes, and after a fast spell the usual would look like
    silence (docs/decisions/silence.md).

    Args:
        table: what the provider or the operator says.
        least: the least that P95 and P99 may be; None: the table's.
        learns: asked before anything is taken in; false while the upstream's breaker is not closed, so that a sick
            upstream does not become the measure of a healthy one.
    """

    def __init__(
        self, table: Quantiles, *, least: Quantiles | None = None, learns: Callable[[], bool] = lambda: True
    ) -> None:
        self._table = table
        self._least = least or table
        self._learns = learns
        self._successes = Window()
        self._censored = Window()
        self._quantiles: Quantiles | None = table

    @property
    def quantiles(self) -> Quantiles:
        """P50, P95 and P99 in seconds."""
        if self._quantiles is None:
            (p50, p95, p99), least = self._successes.quantiles(0.5, 0.95, 0.99), self._least
            self._quantiles = Quantiles.computed(p50, max(p95, least.p95), max(p99, least.p99))
        return self._quantiles

    @property
    def learned(self) -> bool:
        """Whether enough successes are known to say so."""
        return len(self._successes) >= ENOUGH

    def add(self, seconds: float) -> None:
        """Take in a call that succeeded."""
        if self._learns():
            self._successes.add(seconds)
            if self.learned:
                self._quantiles = None

    def add_censored(self, age: float) -> None:
        """Take in a call that ended otherwise: how long it would have taken is unknown, but longer than its age."""
        if self._learns():
            self._censored.add(age)

    def survival(self, age: float) -> float:
        """Give the share of calls that take longer than an age, at least 1e-4."""
        if not self.learned:
            return table_survival(self._table, age)
        outlived = self._censored.above(age)
        return max(FLOOR, (self._successes.above(age) + outlived) / (len(self._successes) + outlived))


def table_survival(table: Quantiles, age: float) -> float:
    """Give the survival that a table implies: log-normal through P50 and P95, and through P95 and P99 beyond.

    Straight lines in ln S would be simpler, but fall from 0 on, as if pictures might come at once: a burst of a
    hundred calls would then look stalled long before any of them should be back.
    """
    if age <= 0:
        return 1.0
    points = (table.p50, table.p95, table.p99)
    part = 0 if age < table.p95 else 1
    stretch = max(log(points[part + 1] / points[part]), 0.01)  # a table may say the same number twice
    sigma = _SIGMAS[part] + (_SIGMAS[part + 1] - _SIGMAS[part]) * log(age / points[part]) / stretch
    return max(FLOOR, erfc(sigma / sqrt(2)) / 2)
