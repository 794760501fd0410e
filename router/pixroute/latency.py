"""How long a provider's attempts are expected to take."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, field, frozen

from pixroute.request import Resolution
from pixroute.values import From0, Mistake, as_table, check
from pixroute.words import join


@frozen
class Quantiles:
    """How long an attempt takes, in seconds: half, 95 and 99 in a hundred take no longer."""

    p50: From0
    p95: From0
    p99: From0

    __attrs_post_init__ = check

    @classmethod
    def computed(cls, p50: float, p95: float, p99: float) -> Quantiles:
        """Make them of numbers of our own, which nobody needs to check: a request makes some."""
        made = object.__new__(cls)
        for name, seconds in (("p50", p50), ("p95", p95), ("p99", p99)):
            object.__setattr__(made, name, seconds)
        return made


def _table(values: Mapping[Resolution, Quantiles]) -> Mapping[Resolution, Quantiles]:
    return as_table(values)  # type: ignore[no-any-return]  # what cannot be a table is told by `check`


@frozen(kw_only=True)
class Latency:
    """Expected times by the resolution sent, used until enough have been seen."""

    table: Mapping[Resolution, Quantiles] = field(factory=dict, converter=_table)
    source: str = ""

    def __attrs_post_init__(self) -> None:
        check(self)
        for resolution, times in self.table.items():
            if not 0 < times.p50 <= times.p95 <= times.p99:
                said = f"p50, p95 and p99 must be above 0 and rise, not {times.p50:g}, {times.p95:g}, {times.p99:g}"
                raise Mistake(said, join("table", resolution))

    def at(self, resolution: Resolution, timeout: float) -> Quantiles:
        """Give the expected times; without a table 0.2, 0.4 and 0.6 of the attempt time-out."""
        return self.table.get(resolution) or Quantiles.computed(0.2 * timeout, 0.4 * timeout, 0.6 * timeout)

    def least(self, resolution: Resolution, timeout: float) -> Quantiles:
        """Give what is not learned below: P95 and P99 of the table; without one a tenth of the attempt time-out."""
        return self.table.get(resolution) or Quantiles.computed(0.0, 0.1 * timeout, 0.1 * timeout)

    def over(self, below: Latency) -> Latency:
        """Lay it over another table: what it leaves out is as there."""
        return evolve(self, table={**below.table, **self.table}) if below.table else self
