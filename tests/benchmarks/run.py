"""Measures everything, or what is named: `python tests/benchmarks/run.py [--quick] [NAME …]`."""

import argparse
import importlib
import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from measure import Figure, apart

HERE = Path(__file__).parent
NAMES = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))


def measure(name: str, quick: bool) -> list[Figure]:  # noqa: FBT001 - crosses to another process by position
    """Run one benchmark, in this process."""
    figures: list[Figure] = importlib.import_module(f"bench_{name}").run(quick=quick)
    return figures


def machine() -> dict[str, Any]:
    """Describe where this was measured."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line for line in cpuinfo.read_text(encoding="utf-8").splitlines() if "model name" in line]
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{name: version(name) for name in ("pixroute", "aiohttp", "attrs", "pybase64")},
    }


def document(figures: Sequence[Figure], where: dict[str, Any]) -> dict[str, Any]:
    """Give everything as JSON would have it."""
    rows = [
        {
            "benchmark": figure.benchmark,
            "name": figure.name,
            "unit": figure.unit,
            "target": figure.target,
            "meets": figure.meets,
            "quartiles": figure.quartiles,
            "values": figure.values,
        }
        for figure in figures
    ]
    return {"machine": where, "figures": rows}


def line(figure: Figure) -> str:
    """Give a row of the table."""
    lower, median, upper = (f"{value:.3g}" if value < 100 else f"{value:,.0f}" for value in figure.quartiles)
    target = "" if figure.target is None else f"≤ {figure.target:g} {figure.unit}"
    verdict = {None: "", True: "meets", False: "FALLS SHORT"}[figure.meets]
    middle = f"{median} {figure.unit}"
    return f"{figure.benchmark:<11} {figure.name:<46} {middle:>11}  ({lower} … {upper})".ljust(92) + (
        f"{target:<11}{verdict}"
    )


def main() -> None:
    """Print a row as soon as it is known, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller numbers: under 2 minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and the machine")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures that have a target")
    options = parser.parse_args()
    if unknown := set(options.names) - set(NAMES):
        parser.error(f"there is no benchmark {min(unknown)!r}; there are {', '.join(NAMES)}")
    where = machine()
    say = partial(print, flush=True)
    say(", ".join(f"{name} {value}" for name, value in where.items()))
    figures: list[Figure] = []
    for name in options.names or NAMES:
        found = apart(measure, name, options.quick)
        figures += found
        for figure in found:
            say(line(figure))
        if options.json:
            options.json.write_text(json.dumps(document(figures, where), indent=1), encoding="utf-8")
    if options.plot:
        importlib.import_module("plot").draw(figures, options.plot)


if __name__ == "__main__":
    main()
