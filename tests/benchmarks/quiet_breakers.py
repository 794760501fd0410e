"""Openings without the router: the quiet day's calls, played to the breakers of its first upstream alone.

    python tests/benchmarks/quiet_breakers.py [--rate 1 …] [--least 0.25 …] [--hours 24] [--seeds 5] [--hang 0.5 …]

Calls take the times that `pixroute simulate` draws for the same seed, and are cut where a fallback's picture would
end them. It needs a twentieth of the simulator's time, so that a rule can be swept over rates and many days. With
`--hang` such a share of the calls never ends from a quarter of an hour on, and what is told is when each breaker
first opened. Prints a table in Markdown; they stand in docs/decisions/silence.md.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from heapq import heappop, heappush
from math import inf, sqrt
from pathlib import Path
from statistics import fmean

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
from pixroute.simulate.draw import Spells, draw, draw_normal, stream
from pixroute.simulate.scenario import Scenario, load_scenario
from pixroute.simulate.world import seconds_at

QUIET_DAY = Path(__file__).parents[2] / "examples" / "scenarios" / "quiet-day.toml"
HEDGE_AFTER = Policy().hedge_after
FALLBACK = "seedream"
HANGS_FROM = 900.0


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
        self.openings: list[tuple[float, OpenReason | None]] = []
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
            self.openings.append((self._breaker.changed_at, self._breaker.reason))


def play(scenario: Scenario, policy: BreakerPolicy, seed: int, hang: float = 0.0) -> list[PlayedBreaker]:
    """Play a day to the breakers; from `HANGS_FROM` on the share `hang` of what has not ended never does."""
    first, fallback = Work(scenario, scenario.primary, seed), Work(scenario, FALLBACK, seed)
    tables = scenario.upstreams[scenario.primary].latency
    sizes = {size: PlayedBreaker(Quantiles(*times), policy, DEFAULT_TIMEOUTS[size]) for size, times in tables.items()}
    for order in orders(scenario, seed):
        size = sizes[order.resolution]
        size.go_to(order.at)
        takes = first.seconds(order, order.at)
        if order.at + takes > HANGS_FROM and draw(seed, "hangs", order.number) < hang:
            takes = inf
        joins = order.at + float(HEDGE_AFTER) * tables[order.resolution][2]
        size.ask(order, takes, fallback.seconds(order, joins), order.at)
    return [*sizes.values()]


def _quiet(given: argparse.Namespace, scenario: Scenario, policy: BreakerPolicy) -> str:
    days = [play(scenario, policy, seed) for seed in range(given.seeds)]
    found = Counter(reason for day in days for each in day for _, reason in each.openings)
    why = ", ".join(f"{reason} {count}" for reason, count in sorted(found.items(), key=str)) or "–"
    return f"{found.total() / (given.seeds * given.hours / 24):.2f} | {why} |"


def _hung(given: argparse.Namespace, scenario: Scenario, policy: BreakerPolicy, hang: float) -> str:
    """Tell the mean time to the first opening, and how many breakers did not open."""
    played = [each for seed in range(given.seeds) for each in play(scenario, policy, seed, hang)]
    first = [min((at for at, _ in each.openings if at >= HANGS_FROM), default=inf) - HANGS_FROM for each in played]
    noticed = [seconds for seconds in first if seconds < inf]
    return f"{hang:g} | {fmean(noticed or [inf]):.0f} | {len(first) - len(noticed)} of {len(first)} |"


def _tell(given: argparse.Namespace, world: Scenario) -> None:
    for rate in given.rate:
        scenario = evolve(world, hours=given.hours, callers=evolve(world.callers, rate=rate))
        for share in given.least:
            policy, begins = BreakerPolicy(overdue_rate=share, stall="off"), f"| {rate:g} | {share:g} |"
            for hang in given.hang:
                click.echo(f"{begins} {_hung(given, scenario, policy, hang)}")
            if not given.hang:
                click.echo(f"{begins} {_quiet(given, scenario, policy)}")
            sys.stdout.flush()


def main() -> None:
    """Sweep the share that overdue calls must be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, nargs="+", default=[1.0])
    parser.add_argument("--least", type=float, nargs="+", default=[BreakerPolicy().overdue_rate])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--hang", type=float, nargs="+", default=[], help="shares of the calls that hang")
    given = parser.parse_args()
    last = "calls that hang | noticed after s | not at all |" if given.hang else "false openings a day | for |"
    click.echo(f"| requests a second | overdue_rate | {last}\n{'|---' * (5 if given.hang else 4)}|")
    _tell(given, load_scenario(QUIET_DAY))


if __name__ == "__main__":
    sys.exit(main())
