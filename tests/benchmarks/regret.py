"""How far every policy is from the oracle, in every scenario of examples/scenarios.

    python tests/benchmarks/regret.py [SCENARIO …] [--seeds 5] [--jobs 1] [--policy NAME …]

Prints a table in Markdown for each scenario, when it is done; they stand in docs/decisions/regret.md.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from pixroute.simulate.figures import Figures, beside, measure
from pixroute.simulate.policies import CONTESTANTS, ORACLE
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import load_scenario

FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
SCENARIOS = sorted(path.stem for path in FOLDER.glob("*.toml"))
COMPARED = ("oracle", "pixroute", "count-of-5", "plain-chain", "ratio-cooldown", "three-retries")


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _regret(name: str) -> Callable[[Figures], str]:
    return lambda f: _number(getattr(f.regret, name), 2)


COLUMNS: Mapping[str, Callable[[Figures], str]] = {
    "success": lambda f: f"{f.success:.3%}",
    "behind": lambda f: f"{f.regret.success:.3%}" if f.regret else "–",
    "$ ×": _regret("dollars"),
    "P50 ×": _regret("p50"),
    "P99 ×": _regret("p99"),
    "P50 / P99 s": lambda f: f"{_number(f.delivery.p50)} / {_number(f.delivery.p99)}",
    "¢ a picture (wasted)": lambda f: f"{100 * f.expected:.2f} ({100 * f.wasted:.3f})",
    "calls": lambda f: f"{f.amplification:.3f}",
    "told after s, P95": lambda f: _number(f.error.p95),
    "primary": lambda f: f"{f.primary:.1%}",
    "recovered s": lambda f: _number(f.recovery),
    "false a day": lambda f: f"{f.false_opens:.2f}",
    "probes in vain (their $)": lambda f: f"{f.wasted_probes} ({f.probe_price:.2f})",
    "violations": lambda f: str(f.violations),
}


def _figures(scenario: str, policy: str, seeds: int) -> Figures:
    world = load_scenario(FOLDER / f"{scenario}.toml")
    return measure([simulate(world, CONTESTANTS[policy], seed) for seed in range(seeds)])


def _tell(scenario: str, found: Sequence[Figures]) -> None:
    oracle = next(each for each in found if each.policy == ORACLE.name)
    click.echo(f"\n### {scenario}: {oracle.requests:,} requests\n\n| policy | {' | '.join(COLUMNS)} |")
    click.echo("|---" * (len(COLUMNS) + 1) + "|")
    for each in beside(oracle, found):
        click.echo(f"| {each.policy} | {' | '.join(say(each) for say in COLUMNS.values())} |")
    sys.stdout.flush()


def main() -> None:
    """Compare in the scenarios named, or in all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", choices=[[], *SCENARIOS])
    parser.add_argument("--policy", action="append", choices=[*CONTESTANTS], help="beside the oracle; repeatable")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args()
    policies = list(dict.fromkeys(["oracle", *given.policy])) if given.policy else COMPARED
    with ProcessPoolExecutor(given.jobs, initializer=warnings.simplefilter, initargs=("ignore",)) as pool:
        for scenario in given.scenarios or SCENARIOS:
            jobs = [pool.submit(_figures, scenario, policy, given.seeds) for policy in policies]
            _tell(scenario, [job.result() for job in jobs])


if __name__ == "__main__":
    sys.exit(main())
