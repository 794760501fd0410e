"""What measured times say: quantiles, a time-out to go with them, and the lines of a configuration. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import ceil

from attrs import frozen

from pixroute.health.latency import Window
from pixroute.latency import Quantiles
from pixroute.request import Resolution
from pixroute.words import join

ENOUGH = 30
"""Pictures from which on a time-out is suggested: of fewer P99 is the slowest that happened to come."""
LONGER = 2.0
STEP = 10
RULE = f"{LONGER:g} x P99, rounded up to {STEP} s"
"""How a time-out is suggested: after a fallback has joined (1.5 x P99), for a call that is cut is billed as well."""


@frozen(kw_only=True)
class Calibration:
    """The calls of one provider and resolution: seconds of those that brought a picture, and why others did not."""

    provider: str
    resolution: Resolution
    seconds: Sequence[float]
    failures: Sequence[str] = ()

    @property
    def quantiles(self) -> Quantiles | None:
        """P50, P95 and P99 in seconds: the smallest time that this share of the calls does not exceed."""
        if not self.seconds:
            return None
        window = Window()
        for each in self.seconds:
            window.add(each)
        return Quantiles(*map(_rounded, window.quantiles(0.5, 0.95, 0.99)))

    @property
    def timeout(self) -> int | None:
        """The time-out to suggest, in seconds; None of too few pictures."""
        found = self.quantiles
        return None if found is None or len(self.seconds) < ENOUGH else STEP * ceil(LONGER * found.p99 / STEP)


def _rounded(seconds: float) -> float:
    """Round up: to whole seconds, below 10 to tenths."""
    return ceil(seconds) if seconds >= 10 else ceil(10 * seconds) / 10


def lines(calibrations: Iterable[Calibration]) -> Iterator[str]:
    """Give the lines to paste, a table for every provider that delivered."""
    by_provider: dict[str, list[Calibration]] = {}
    for each in calibrations:
        if each.seconds:
            by_provider.setdefault(each.provider, []).append(each)
    for name, found in by_provider.items():
        latencies = ((each.resolution, each.quantiles) for each in found)
        table = ", ".join(f"{size} = [{q.p50:g}, {q.p95:g}, {q.p99:g}]" for size, q in latencies if q)
        timeouts = ", ".join(f"{each.resolution} = {each.timeout}" for each in found if each.timeout)
        yield f"[{join('providers', name)}]"
        yield f"latency = {{ {table} }}"
        if timeouts:
            yield f"attempt_timeout = {{ {timeouts} }}"
