"""The figures behind the defaults: every option swept in the simulator, under three kinds of latency.

    python tests/benchmarks/sweep_policies.py [OPTION …] [--seeds 20] [--jobs 2]

Prints a table in Markdown for each; they stand in docs/decisions/.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import click
from attrs import evolve, frozen

from pixroute.policy import BreakerPolicy, Policy
from pixroute.simulate.callers import Callers
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.figures import Figures, measure
from pixroute.simulate.policies import ours
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import PROVIDERS, UPSTREAMS, Scenario

COMMON = {"independent": 0.0, "60 % common": 0.6, "90 % common": 0.9}
CALLERS = Callers(rate=0.2)

QUIET = Scenario(name="quiet", hours=0.5, callers=Callers(rate=0.5))
HANG = Scenario(
    name="hang", hours=0.5, callers=CALLERS, faults=(SimulatedFault(on="banana", kind="hang", start=600, lasts=600),)
)  # fmt: skip
OUTAGE = evolve(HANG, name="outage", faults=(SimulatedFault(on="banana", kind="overloaded", start=600, lasts=600),))
BROWN_OUT = evolve(HANG, name="brown-out", faults=(SimulatedFault(on="banana", kind="overloaded", share=0.3),))
SHORT_HANG = evolve(HANG, name="short", callers=evolve(CALLERS, short=0.5, short_timeout=200))
ALONE = evolve(HANG, name="alone", providers={"banana": PROVIDERS["banana-https"]})
ALL_DOWN = evolve(
    HANG, name="all down", faults=(SimulatedFault(on="*", kind="overloaded", start=300, every=600, down=45),)
)  # fmt: skip


@frozen
class Sweep:
    """An option's values, the scenarios that show its price, and the columns to tell."""

    values: Mapping[str, Mapping[str, Any]]
    scenarios: Sequence[Scenario]
    columns: Mapping[str, Callable[[Mapping[str, Figures]], str]]


def _of(scenario: str, say: Callable[[Figures], str]) -> Callable[[Mapping[str, Figures]], str]:
    return lambda figures: say(figures[scenario])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _values(path: str, *values: object) -> dict[str, dict[str, object]]:
    return {str(value): {path: value} for value in values}


SILENCE: dict[str, Callable[[Mapping[str, Figures]], str]] = {
    "false opens a day, quiet": _of("quiet", lambda f: f"{f.false_opens:.2f}"),
    "primary, quiet": _of("quiet", lambda f: f"{f.primary:.2%}"),
    "detected after s, hang": _of("hang", lambda f: _number(f.detection)),
    "sunk, hang": _of("hang", lambda f: _number(f.sunk)),
    "possibly billed, hang": _of("hang", lambda f: f"{f.mean_possibly_billed:.3f}"),
    "P99 s, hang": _of("hang", lambda f: _number(f.delivery.p99)),
}
SWEEPS = {
    "reserve": Sweep(
        {
            "none": {"reserve_factor": 0.0, "reserve_extra": 0.0},
            "1.0 × P95 + 10": {"reserve_factor": 1.0},
            "1.25 × P95 + 10": {},
            "1.5 × P95 + 10": {"reserve_factor": 1.5},
            "2.5 × P95 + 10": {"reserve_factor": 2.5},
        },
        (SHORT_HANG,),
        {
            "success": _of("short", lambda f: f"{f.success:.3%}"),
            "primary": _of("short", lambda f: f"{f.primary:.2%}"),
            "possibly billed": _of("short", lambda f: f"{f.mean_possibly_billed:.3f}"),
            "wasted $": _of("short", lambda f: f"{f.wasted:.4f}"),
        },
    ),
    "overdue": Sweep(
        {
            "off": {"breaker.max_overdue": 10**9},
            "3 × 1.5": {},
            "3 × 2": {"breaker.overdue_after": 2.0},
            "5 × 1.5": {"breaker.max_overdue": 5},
            "5 × 2": {"breaker.max_overdue": 5, "breaker.overdue_after": 2.0},
        },
        (QUIET, HANG),
        SILENCE,
    ),
    "stall": Sweep(
        {
            "observe": {},
            **{
                f"open, θ {slow:g}, {limit:g}": {
                    "breaker.stall": "open",
                    "breaker.stall_slowdown": slow,
                    "breaker.stall_likelihood": limit,
                }
                for slow, limit in ((2.0, 1e-4), (2.0, 1e-6), (3.0, 1e-6))
            },
        },
        (QUIET, HANG),
        SILENCE,
    ),
    "open_for": Sweep(
        {
            "10 … 120": {"breaker.open_for": 10.0},
            "30 … 120": {},
            "60 … 120": {"breaker.open_for": 60.0},
            "30 … 300": {"breaker.max_open": 300.0},
            "30 … 600": {"breaker.max_open": 600.0},
        },
        (HANG, OUTAGE),
        {
            "probes in vain an hour, hang": _of(
                "hang", lambda f: f"{3600 * f.wasted_probes / f.requests * CALLERS.rate:.1f}"
            ),
            "their $, hang": _of("hang", lambda f: f"{3600 * f.probe_price / f.requests * CALLERS.rate:.2f}"),
            "recovered after s, hang": _of("hang", lambda f: _number(f.recovery)),
            "probes in vain an hour, outage": _of(
                "outage", lambda f: f"{3600 * f.wasted_probes / f.requests * CALLERS.rate:.1f}"
            ),
            "recovered after s, outage": _of("outage", lambda f: _number(f.recovery)),
            "primary, outage": _of("outage", lambda f: f"{f.primary:.1%}"),
        },
    ),
    "hedge_after": Sweep(
        _values("hedge_after", 0.7, 1.0, 1.5, 2.0, "off"),
        (QUIET, HANG),
        {
            "P95 / P99 s, quiet": _of("quiet", lambda f: f"{_number(f.delivery.p95)} / {_number(f.delivery.p99)}"),
            "possibly billed, quiet": _of("quiet", lambda f: f"{f.mean_possibly_billed:.4f}"),
            "wasted $, quiet": _of("quiet", lambda f: f"{f.wasted:.4f}"),
            "P99 s, hang": _of("hang", lambda f: _number(f.delivery.p99)),
            "success, hang": _of("hang", lambda f: f"{f.success:.3%}"),
            "possibly billed, hang": _of("hang", lambda f: f"{f.mean_possibly_billed:.3f}"),
        },
    ),
    "attempt_timeout": Sweep(
        {
            "300, 300, 600": {},
            "1.5 × P99": {"attempt_timeout": {"1K": 225.0, "2K": 270.0, "4K": 375.0}},
            "1.2 × P99": {"attempt_timeout": {"1K": 180.0, "2K": 216.0, "4K": 300.0}},
        },
        (QUIET, HANG, ALONE),
        {
            "possibly billed, quiet": _of("quiet", lambda f: f"{f.mean_possibly_billed:.4f}"),
            "wasted $, quiet": _of("quiet", lambda f: f"{f.wasted:.4f}"),
            "success, hang": _of("hang", lambda f: f"{f.success:.3%}"),
            "P99 s, hang": _of("hang", lambda f: _number(f.delivery.p99)),
            "wasted $, hang": _of("hang", lambda f: f"{f.wasted:.4f}"),
            "success, alone": _of("alone", lambda f: f"{f.success:.3%}"),
            "told after s, alone": _of("alone", lambda f: _number(f.error.p95)),
        },
    ),
    "quick_retry": Sweep(
        {"on": {}, "off": {"retry.quick": False}},
        (BROWN_OUT, OUTAGE),
        {
            "primary, brown-out": _of("brown-out", lambda f: f"{f.primary:.1%}"),
            "success, brown-out": _of("brown-out", lambda f: f"{f.success:.3%}"),
            "calls, brown-out": _of("brown-out", lambda f: f"{f.amplification:.3f}"),
            "opens an hour, brown-out": _of("brown-out", lambda f: f"{f.opens_per_hour:.2f}"),
            "calls, outage": _of("outage", lambda f: f"{f.amplification:.3f}"),
            "detected after s, outage": _of("outage", lambda f: _number(f.detection)),
        },
    ),
    "rounds": Sweep(
        {
            "none": {"retry.rounds": ()},
            "5": {"retry.rounds": (5.0,)},
            "5, 15, 45": {},
            "5, 15, 45; 12 attempts": {"max_attempts": 12},
        },
        (ALL_DOWN,),
        {
            "success": _of("all down", lambda f: f"{f.success:.3%}"),
            "calls": _of("all down", lambda f: f"{f.amplification:.3f}"),
            "worst minute": _of("all down", lambda f: f"{f.worst_minute:.2f}"),
            "error P95 s": _of("all down", lambda f: _number(f.error.p95)),
        },
    ),
    "max_attempts": Sweep(
        _values("max_attempts", 6, 8, 10, 12, 16),
        (ALL_DOWN, OUTAGE),
        {
            "success": _of("all down", lambda f: f"{f.success:.3%}"),
            "calls": _of("all down", lambda f: f"{f.amplification:.3f}"),
            "worst minute": _of("all down", lambda f: f"{f.worst_minute:.2f}"),
            "error P95 s": _of("all down", lambda f: _number(f.error.p95)),
            "calls, outage": _of("outage", lambda f: f"{f.amplification:.3f}"),
        },
    ),
}


def policy_with(changes: Mapping[str, Any]) -> Policy:
    """Change fields of the default policy; those of breaker and retry by their dotted names."""
    policy = Policy(breaker=BreakerPolicy(stall="off"))  # what is only observed costs time and changes nothing
    for path, value in changes.items():
        head, _, tail = path.partition(".")
        new: dict[str, Any] = {head: evolve(getattr(policy, head), **{tail: value}) if tail else value}
        policy = evolve(policy, **new)
    return policy


def _cells(name: str, kind: str, value: str, seeds: int) -> list[str]:
    sweep = SWEEPS[name]
    upstreams = {each: evolve(upstream, common=COMMON[kind]) for each, upstream in UPSTREAMS.items()}
    contestant = ours(value, policy_with(sweep.values[value]), "")
    figures = {
        scenario.name: measure(
            [simulate(evolve(scenario, upstreams=upstreams), contestant, seed) for seed in range(seeds)]
        )
        for scenario in sweep.scenarios
    }
    return [kind, value, *(say(figures) for say in sweep.columns.values())]


def _print(name: str, pool: ProcessPoolExecutor, kinds: Sequence[str], seeds: int) -> None:
    heads = ["latency", "value", *SWEEPS[name].columns]
    click.echo(f"\n### {name}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    jobs = [pool.submit(_cells, name, kind, value, seeds) for kind in kinds for value in SWEEPS[name].values]
    for job in jobs:
        click.echo(f"| {' | '.join(job.result())} |")


def main() -> None:
    """Sweep what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("options", nargs="*", choices=[[], *SWEEPS])
    parser.add_argument("--latency", action="append", choices=[*COMMON], help="only this kind; repeatable")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs, initializer=warnings.simplefilter, initargs=("ignore",)) as pool:
        for name in given.options or SWEEPS:
            _print(name, pool, given.latency or [*COMMON], given.seeds)


if __name__ == "__main__":
    sys.exit(main())
