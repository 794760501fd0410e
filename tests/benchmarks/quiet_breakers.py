"""False openings without the router: the quiet day's calls, played to the breakers of its first upstream alone.

    python tests/benchmarks/quiet_breakers.py [--rate 1 …] [--share 0.25 …] [--hours 24] [--seeds 5]

Calls take the times that `pixroute simulate` draws for the same seed, and are cut where a fallback's picture would
end them. It needs a tenth of the simulator's time, so that a rule can be swept over rates and many days. Prints a table
in Markdown; it stands in docs/decisions/silence.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from heapq import heappop, heappush
from math import sqrt
from pathlib import Path

import click
from attrs import evolve

from pixroute.health.breaker import Breaker
from pixroute.health.in_flight import AdmissionToken
from pixroute.health.latency import LearnedLatency
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import DEFAULT_TIMEOUTS, BreakerPolicy, Policy
from pixroute.simulate.callers import SimulatedRequest, orders
from pixroute.simulate.draw import Spells, draw_normal, stream
from pixroute.simulate.scenario import Scenario, load_scenario
from pixroute.simulate.world import seconds_at

QUIET_DAY = Path(__file__).parents[2] / "examples" / "scenarios" / "quiet-day.toml"
HEDGE_AFTER = Policy().hedge_after
FALLBACK = "seedream"


class Work:
    """How long an upstream takes for a call that is its request's first, without waiting in line."""

    def __init__(self, scenario: Scenario, name: str, seed: int) -> None:
        self._own = scenario.upstreams[name]
        self._name, self._seed = name, seed
        self._spells = Spells(stream(seed, "spells", name), self._own.spells)

    def seconds(self, order: SimulatedRequest, at: float) -> float:
        """Give the time of a call that begins at `at`."""
        own = draw_normal(self._seed, "work", self._name, order.number, 1)
        score = sqrt(self._own.common) * self._spells.at(at) + sqrt(1 - self._own.common) * own
        table = self._own.latency
        return seconds_at(score, table.get(order.resolution) or next(iter(table.values())))


class PlayedBreaker:
    """One breaker of the upstream, its learned times, and the calls in flight that will end."""

    def __init__(self, table: Quantiles, policy: BreakerPolicy, timeout: float) -> None:
        self.openings: Counter[OpenReason | None] = Counter()
        self._timeout = timeout
        self._ends: list[tuple[float, int, AdmissionToken, bool, float]] = []
        self._breaker = Breaker(policy, jitter=lambda: 0.5, on_change=self._changed)
        self._latency = LearnedLatency(table, learns=lambda: self._breaker.state is State.CLOSED)

    def go_to(self, now: float) -> None:
        """Let calls end, and the breaker's timer fire, up to a time."""
        while True:
            ends = self._ends[0][0] if self._ends else now
            at = min(ends, max(self._breaker.next_check, 0.0), now)
            self._breaker.evaluate(at)
            if not self._ends or self._ends[0][0] > at:
                if at >= now:
                    return
                continue
            self._settle(*heappop(self._ends))

    def ask(self, order: SimulatedRequest, takes: float, fallback: float, now: float) -> None:
        """Make a call if the breaker admits it; it is cut when the fallback that joined has its picture."""
        if self._breaker.places(now) == 0:
            return
        expected = self._latency.quantiles
        cut = float(HEDGE_AFTER) * expected.p99 + fallback
        token = self._breaker.admit(
            now,
            request=str(order.number),
            evidence=order.number,
            expected=expected,
            timeout=self._timeout,
            survival=self._latency.survival,
        )
        heappush(self._ends, (now + min(takes, cut), order.number, token, takes <= cut, min(takes, cut)))

    def _settle(self, at: float, _: int, token: AdmissionToken, good: bool, took: float) -> None:  # noqa: FBT001
        if good:
            self._latency.add(took)
        self._breaker.settle(token, HealthSignal.SUCCESS if good else HealthSignal.HARD, at)

    def _changed(self) -> None:
        if self._breaker.state is State.OPEN:
            self.openings[self._breaker.reason] += 1


def openings(scenario: Scenario, policy: BreakerPolicy, seed: int) -> Counter[OpenReason | None]:
    """Count the openings of a day's breakers by their reasons."""
    first, fallback = Work(scenario, scenario.primary, seed), Work(scenario, FALLBACK, seed)
    tables = scenario.upstreams[scenario.primary].latency
    sizes = {size: PlayedBreaker(Quantiles(*times), policy, DEFAULT_TIMEOUTS[size]) for size, times in tables.items()}
    for order in orders(scenario, seed):
        size = sizes[order.resolution]
        size.go_to(order.at)
        joins = order.at + float(HEDGE_AFTER) * tables[order.resolution][2]
        size.ask(order, first.seconds(order, order.at), fallback.seconds(order, joins), order.at)
    return sum((each.openings for each in sizes.values()), Counter())


def _rows(given: argparse.Namespace) -> Iterator[tuple[float, float, Counter[OpenReason | None]]]:
    world = load_scenario(QUIET_DAY)
    for rate in given.rate:
        scenario = evolve(world, hours=given.hours, callers=evolve(world.callers, rate=rate))
        for share in given.share:
            policy = BreakerPolicy(overdue_share=share, stall="off")
            yield rate, share, sum((openings(scenario, policy, seed) for seed in range(given.seeds)), Counter())


def main() -> None:
    """Sweep the share that overdue calls must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, nargs="+", default=[1.0])
    parser.add_argument("--share", type=float, nargs="+", default=[BreakerPolicy().overdue_share])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    click.echo("| requests a second | share | false openings a day | for |\n|---|---|---|---|")
    for rate, share, found in _rows(given):
        why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.items(), key=str)) or "–"
        click.echo(f"| {rate:g} | {share:g} | {found.total() / (given.seeds * given.hours / 24):.2f} | {why} |")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
