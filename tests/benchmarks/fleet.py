"""A fleet that shares beside one process with the same requests, in virtual time.

    python tests/benchmarks/fleet.py [--scenario hang-hour …] [--processes 1 …] [--seeds 5] [--hours H] [--fault-at S]
        [--rate R] [--sick] [--alone] [--every 1] [--first-seed 0] [--jobs 1]

`--hours` shortens the scenario; `--fault-at` begins its faults so many seconds after the start, and `--fault-for` ends
them so many seconds later. `--rate` asks so many requests a second, with capacity in proportion. `--sick` breaks the
first process's own network after 300 s: it swallows every answer. 32 processes take a processor about 70 ms for each
second of theirs: `--every 5` lets them exchange less often. Each run is told when it is done; tables in Markdown come
last and stand in docs/decisions/0010-a-fleet-believes-many.md.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean
from time import monotonic

import click
from attrs import evolve, frozen

from pixroute.simulate.detection import recovery
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.figures import DAY, measure
from pixroute.simulate.policies import DEFAULT
from pixroute.simulate.run import SimulationRun, simulate
from pixroute.simulate.scenario import Scenario, ScenarioFleet, load_scenario

FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.toml"))
TOGETHER = 5.0
"""Seconds within which openings of one upstream are one that all adopt."""


@frozen(kw_only=True)
class RunFigures:
    """What one run comes to; `detected` is of the process that noticed first and of the one that noticed last."""

    processes: int
    seed: int
    requests: int
    success: float
    detected: tuple[float, float] | None
    possibly: float
    wasted: float
    in_vain: int
    recovered: float | None
    openings: int
    together: int
    by_well: int
    violations: int
    cpu: float


def changed(given: argparse.Namespace, name: str, processes: int) -> Scenario:
    """Give the scenario as it is asked for."""
    scenario = load_scenario(FOLDER / f"{name}.toml")
    if given.rate is not None:
        times = given.rate / scenario.callers.rate
        grown = {one: evolve(own, capacity=round(own.capacity * times)) for one, own in scenario.upstreams.items()}
        scenario = evolve(scenario, callers=evolve(scenario.callers, rate=given.rate), upstreams=grown)
    if given.fault_at is not None:
        moved = tuple(
            evolve(fault, start=given.fault_at, lasts=given.fault_for or fault.lasts) for fault in scenario.faults
        )
        scenario = evolve(scenario, faults=moved)
    if given.sick:
        broken = SimulatedFault(on="*", kind="hang", start=300.0, lasts=None, process=0)
        scenario = evolve(scenario, faults=(*scenario.faults, broken))
    shares = processes > 1 and not given.alone
    return evolve(
        scenario,
        hours=given.hours or scenario.hours,
        processes=processes,
        fleet=ScenarioFleet(shares=shares, every=given.every),
    )


def together(run: SimulationRun) -> int:
    """Count the openings, one that all adopt once."""
    last: dict[str, float] = {}
    found = 0
    for opening in sorted(run.notes.openings, key=lambda each: each.at):
        found += opening.at - last.get(opening.upstream, -DAY) > TOGETHER
        last[opening.upstream] = opening.at
    return found


def noticed(run: SimulationRun) -> Iterator[float]:
    """Give when each process first opened the primary after its fault began."""
    for fault in run.scenario.faults_on(run.scenario.primaries):
        if fault.process is None:
            first: dict[int, float] = {}
            for each in run.notes.openings:
                if each.upstream in run.scenario.primaries and fault.start <= each.at < fault.end:
                    first.setdefault(each.process, each.at - fault.start)
            yield from first.values()


def figures(given: argparse.Namespace, name: str, processes: int, seed: int) -> RunFigures:
    """Run it once."""
    scenario = changed(given, name, processes)
    run = simulate(scenario, DEFAULT, seed)
    found, times = measure([run]), sorted(noticed(run))
    return RunFigures(
        processes=scenario.processes,
        seed=seed,
        requests=found.requests,
        success=found.success,
        detected=(times[0], times[-1]) if times else None,
        possibly=found.mean_possibly_billed,
        wasted=found.wasted,
        in_vain=found.wasted_probes,
        recovered=recovery(run),
        openings=len(run.notes.openings),
        together=together(run),
        by_well=sum(each.process != 0 for each in run.notes.openings),
        violations=len(run.notes.violations),
        cpu=run.cpu,
    )


def row(name: str, found: Sequence[RunFigures], one: Sequence[RunFigures]) -> str:
    """Give the means of a fleet's runs, in brackets as multiples of one process's over the same seeds."""
    seeds = {each.seed for each in found}
    beside = [each for each in one if each.seed in seeds]

    def mean(attribute: str, digits: int) -> str:
        own = fmean(getattr(each, attribute) for each in found)
        base = fmean(getattr(each, attribute) for each in beside) if beside and beside is not found else 0.0
        return f"{own:.{digits}f}" + (f" ({own / base:.2f} ×)" if base and found[0].processes > 1 else "")

    def detected(which: int) -> str:
        own = [each.detected[which] for each in found if each.detected]
        base = [each.detected[which] for each in beside if each.detected]
        ratio = f" ({fmean(own) / fmean(base):.2f} ×)" if own and base and found[0].processes > 1 else ""
        return f"{fmean(own):.1f}{ratio}" if own else "–"

    back = [each.recovered for each in found if each.recovered is not None]
    cells = (
        name,
        str(found[0].processes),
        str(len(found)),
        f"{detected(0)} to {detected(1)}",
        mean("possibly", 4),
        mean("wasted", 5),
        mean("in_vain", 1),
        f"{fmean(back):.0f}" if back else "–",
        f"{fmean(each.openings for each in found):.1f} / {fmean(each.together for each in found):.1f}",
        str(sum(each.by_well for each in found)),
        f"{fmean(each.success for each in found):.3%}",
        str(sum(each.violations for each in found)),
    )
    return f"| {' | '.join(cells)} |"


HEADINGS = (
    "scenario",
    "processes",
    "seeds",
    "first to last noticed, s",
    "possibly billed",
    "$ wasted a picture",
    "probes in vain",
    "back after, s",
    "openings / together",
    "by others than the first",
    "success",
    "violations",
)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="repeatable; hang-hour if none")
    parser.add_argument("--processes", action="append", type=int, help="repeatable; 1, 8 and 32 if none")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--every", type=float, default=1.0, help="seconds from one exchange to the next")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--fault-at", type=float)
    parser.add_argument("--fault-for", type=float)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--sick", action="store_true")
    parser.add_argument("--alone", action="store_true", help="processes share nothing")
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    began, rows = monotonic(), []
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    with ProcessPoolExecutor(given.jobs, initializer=warnings.simplefilter, initargs=("ignore",)) as pool:
        for name in given.scenario or ["hang-hour"]:
            one: list[RunFigures] = []
            for processes in given.processes or [1, 8, 32]:
                jobs = [pool.submit(figures, given, name, processes, seed) for seed in seeds]
                found = []
                for job in jobs:
                    found.append(job.result())
                    click.echo(f"{monotonic() - began:6.0f} s: {name} {found[-1]}", err=True)
                one = found if processes == 1 else one
                rows.append(row(name, found, one))
                click.echo(rows[-1])
                sys.stdout.flush()
    click.echo(f"\n| {' | '.join(HEADINGS)} |\n{'| --- ' * len(HEADINGS)}|")
    click.echo("\n".join(rows))


if __name__ == "__main__":
    main()
