"""How long calls take, learned from calls (semantics §4.1)."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Sequence
from math import ceil, erfc, log, sqrt

from pixroute.health.sketch import TimesTold, sketch, times
from pixroute.latency import Quantiles

KEPT = 200
ENOUGH = 30
FLOOR = 1e-4

_SIGMAS = (0.0, 1.6449, 2.3263)
"""Where P50, P95 and P99 of a normal distribution lie."""


class Window:
    """The last `KEPT` numbers; `by_size` holds them in order."""

    def __init__(self) -> None:
        self.by_size: list[float] = []
        self._by_age: deque[float] = deque()

    def __len__(self) -> int:
        return len(self.by_size)

    def add(self, number: float) -> None:
        """Take a number in place of the oldest."""
        self._by_age.append(number)
        insort(self.by_size, number)
        if len(self._by_age) > KEPT:
            oldest = self._by_age.popleft()
            del self.by_size[bisect_right(self.by_size, oldest) - 1]

    def last(self, count: int) -> list[float]:
        """Give the latest, at most so many."""
        return list(self._by_age)[-count:]

    def quantiles(self, *shares: float) -> list[float]:
        """Give, for each share, the smallest number that at least this share does not exceed."""
        count = len(self.by_size)
        return [self.by_size[ceil(share * count) - 1] for share in shares]


class Pool:
    """The last times of several processes: each gives an equal part of what one alone would keep.

    `by_size` holds those of the successes in order, `censored` the ages at which the other calls ended.
    """

    def __init__(self, own: Window, censored: Window, others: Sequence[TimesTold]) -> None:
        part = ceil(KEPT / (len(others) + 1))
        self.by_size = sorted([*own.last(part), *(time for one in others for time in times(one.successes))])
        self.censored = sorted([*censored.last(part), *(time for one in others for time in times(one.censored))])

    def __len__(self) -> int:
        return len(self.by_size)

    def add(self, number: float) -> None:
        """Take one of this process's until the others are heard again."""
        insort(self.by_size, number)

    def quantiles(self, *shares: float) -> list[float]:
        """Give, for each share, the smallest number that at least this share does not exceed."""
        return [self.by_size[ceil(share * len(self.by_size)) - 1] for share in shares]


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
        self._pool: Pool | None = None
        self._told: tuple[int, TimesTold] | None = None

    @property
    def quantiles(self) -> Quantiles:
        """P50, P95 and P99 in seconds."""
        if self._quantiles is None:
            (p50, p95, p99), least = self._known.quantiles(0.5, 0.95, 0.99), self._least
            self._quantiles = Quantiles.computed(p50, max(p95, least.p95), max(p99, least.p99))
        return self._quantiles

    @property
    def learned(self) -> bool:
        """Whether enough successes are known to say so."""
        return len(self._known) >= ENOUGH

    @property
    def _known(self) -> Window | Pool:
        return self._successes if self._pool is None else self._pool

    def told(self, processes: int) -> TimesTold:
        """Give this process's part of the last times of so many processes."""
        count, told = ceil(KEPT / processes), self._told
        if told is None or told[0] != count:
            parts = (sketch(one.last(count)) for one in (self._successes, self._censored))
            told = self._told = (count, TimesTold(*parts))
        return told[1]

    def pool(self, others: Sequence[TimesTold]) -> None:
        """Learn from what other processes have learned, in place of what they told before."""
        if not others:
            changed, self._pool = self._pool is not None, None
        else:
            changed, self._pool = True, Pool(self._successes, self._censored, others)
        if changed:
            self._quantiles = None if self.learned else self._table

    def add(self, seconds: float) -> None:
        """Take in a call that succeeded."""
        if self._learns():
            self._successes.add(seconds)
            self._told = None
            if self._pool is not None:
                self._pool.add(seconds)
            if self.learned:
                self._quantiles = None

    def add_censored(self, age: float) -> None:
        """Take in a call that ended otherwise: how long it would have taken is unknown, but longer than its age."""
        if self._learns():
            self._censored.add(age)
            self._told = None

    def survival(self, age: float) -> float:
        """Give the share of calls that take longer than an age, at least 1e-4."""
        if self._pool is None:
            known, censored = self._successes.by_size, self._censored.by_size
        else:
            known, censored = self._pool.by_size, self._pool.censored
        if len(known) < ENOUGH:
            return table_survival(self._table, age)
        outlived = len(censored) - bisect_right(censored, age)
        return max(FLOOR, (len(known) - bisect_right(known, age) + outlived) / (len(known) + outlived))


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
