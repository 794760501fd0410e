"""Mutation testing: is every decision of the planner, of health, of money and of a router's life noticed by a test?

    nox -s mutants                    all modules, about twenty minutes on two cores
    nox -s mutants -- plan breaker    those whose path holds one of the words

cosmic-ray works on a copy of the sources, one for each module, two modules at a time. It prints the score of each
module and the diff of every survivor, and fails if together it is under 95 %. Why the survivors survive: survivors.md.
"""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
LEAST = 0.95
AT_ONCE = 2

HEALTH = tuple(
    f"tests/health/test_{name}.py"
    for name in ("evidence", "in_flight", "stall", "breaker", "ramp", "forced", "properties")
)
ENDING = tuple(f"tests/routing/test_{name}.py" for name in ("ending", "attempt"))
LIFE = tuple(f"tests/routing/test_{name}.py" for name in ("life", "life_edges", "closing", "reload"))
TESTS = {
    "router/pixroute/routing/plan.py": ("tests/routing/test_plan.py",),
    "router/pixroute/routing/verdicts.py": ("tests/routing/test_plan.py",),
    "router/pixroute/routing/reserve.py": ("tests/routing/test_plan.py",),
    "router/pixroute/health/breaker.py": HEALTH,
    "router/pixroute/health/phases.py": HEALTH,
    "router/pixroute/health/ramp.py": HEALTH,
    "router/pixroute/health/backoff.py": HEALTH,
    "router/pixroute/health/sickness.py": HEALTH,
    "router/pixroute/health/listening.py": HEALTH,
    "router/pixroute/health/in_flight.py": HEALTH,
    "router/pixroute/health/evidence.py": HEALTH,
    "router/pixroute/health/stall.py": HEALTH,
    "router/pixroute/routing/settle.py": ("tests/routing/test_settle.py",),
    "router/pixroute/routing/budget.py": ("tests/routing/test_budget.py",),
    "router/pixroute/cost.py": ("tests/test_cost.py",),
    "router/pixroute/health/admission.py": ("tests/health/test_registry.py", "tests/health/test_admission.py"),
    "router/pixroute/routing/heartbeat.py": ("tests/routing/test_heartbeat.py",),
    "router/pixroute/http/wire/clock.py": ("tests/http/test_clock.py", "tests/http/test_limit.py"),
    "router/pixroute/routing/life.py": LIFE,
    "router/pixroute/routing/attempt.py": ENDING,
}
"""What is mutated, and the tests that must notice: within two seconds, for they run some three thousand times."""

CONFIG = """
[cosmic-ray]
module-path = "{module}"
timeout = 30.0
excluded-modules = []
test-command = "none: warm.py runs them"
[cosmic-ray.distributor]
name = "local"
[cosmic-ray.filters.operators-filter]
exclude-operators = [
  # `|` stands in annotations only
  "core/ReplaceBinaryOperator_BitOr_.*",
  # on floats these raise: killed by any test, they would only flatter the score
  "core/ReplaceBinaryOperator_.*_(RShift|LShift|BitAnd|BitOr|BitXor|Mod|Pow|FloorDiv)",
  # what is compared by identity has no order; equal words and small numbers are mostly identical
  "core/ReplaceComparisonOperator_(Is|IsNot)_(Eq|NotEq|Lt|LtE|Gt|GtE)",
  "core/ReplaceComparisonOperator_(Eq|NotEq|Lt|LtE|Gt|GtE)_(Is|IsNot)",
]
"""
PYTEST = """
[pytest]
addopts = --assert=plain --import-mode=importlib -p no:cacheprovider -p no:anyio -p no:hypothesispytest
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
markers = slow
"""


@frozen
class Score:
    """How many mutants of a module were killed, and the diffs of those that were not."""

    module: str
    killed: int
    survivors: tuple[str, ...]

    @property
    def share(self) -> float:
        """Killed of all."""
        return self.killed / (self.killed + len(self.survivors))

    def __str__(self) -> str:
        total = self.killed + len(self.survivors)
        return f"{self.module}: {self.killed} of {total} killed, {self.share:.1%}"


def main(words: list[str]) -> int:
    """Mutate the modules whose path holds one of the words, or all; give the exit code."""
    modules = [module for module in TESTS if not words or any(word in module for word in words)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        scores = list(pool.map(score, modules))
    for each in scores:
        print("\n".join(each.survivors))
    together = Score("together", sum(each.killed for each in scores), sum((each.survivors for each in scores), ()))
    print("\n".join(map(str, [*scores, together])))
    return int(together.share < LEAST)


def score(module: str) -> Score:
    """Mutate one module in a copy of the sources."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, module)
        cosmic_ray("cosmic-ray", "init", "config.toml", "session.sqlite", folder=folder)
        cosmic_ray("cr-filter-operators", "session.sqlite", "config.toml", folder=folder)
        dump = cosmic_ray("cosmic-ray", "dump", "session.sqlite", folder=folder)
        warm = (sys.executable, "tests/mutation/warm.py", *TESTS[module])
        return read(module, called(warm, folder=folder, said=dump))


def prepare(folder: Path, module: str) -> None:
    """Copy the sources and the tests, without what pytest and the compiler left behind."""
    for part in ("router", "plugins", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text(PYTEST)
    (folder / "config.toml").write_text(CONFIG.format(module=module))
    compileall.compile_dir(folder, quiet=1)
    for compiled in (folder / module).parent.glob(f"__pycache__/{Path(module).stem}.*"):
        compiled.unlink()


def cosmic_ray(command: str, *args: str, folder: Path) -> str:
    """Run one of cosmic-ray's commands there."""
    return called((str(Path(sys.executable).parent / command), *args), folder=folder)


def called(command: Sequence[str], *, folder: Path, said: str = "") -> str:
    """Run a command there, with the copied sources before the installed ones."""
    # A mutant may have the size and the second of the one before: a compiled one would be mistaken for it.
    own = {"PYTHONPATH": f"{folder / 'router'}:{folder / 'plugins'}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **own}, check=True, stdout=subprocess.PIPE, input=said, text=True
    )
    return done.stdout


def read(module: str, told: str) -> Score:
    """Count what was told of the mutants, one on every line."""
    results = [json.loads(line) for line in told.splitlines()]
    survivors = tuple(result["diff"] for result in results if not result["killed"])
    return Score(module, len(results) - len(survivors), survivors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
