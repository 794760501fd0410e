"""Tries mutants, each in a fork of a process that has imported everything but pixroute; run.py starts it.

Its arguments are the test files. From stdin it takes what `cosmic-ray dump` gave, and prints a JSON object for each
mutant: whether a test noticed it, and its diff. A new interpreter for each would take four times as long.
"""

from __future__ import annotations

import difflib
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

import _pytest.assertion.rewrite
import aiohttp
import async_solipsism
import backoff
import hypothesis
import pytest
import pytest_asyncio
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

WARM = (_pytest.assertion.rewrite, aiohttp, async_solipsism, backoff, hypothesis, pytest_asyncio)
BUSY, LONGEST = 6, 60
"""Seconds of the processor, and of a clock, after which a mutant's tests are ended: that it hangs is noticed."""


def main(tests: list[str]) -> None:
    """Try them one after another; without a mutation the tests must pass."""
    if noticed(tests):
        sys.exit("the tests fail on what is not mutated")
    for line in sys.stdin:
        item, skipped = json.loads(line)
        mutation = item["mutations"][0]
        if skipped is None and not in_signature(mutation):
            print(json.dumps(tried(mutation, tests)), flush=True)


def in_signature(mutation: dict[str, Any]) -> bool:
    """Tell whether it takes the bare `*` of a signature for a multiplication."""
    line, column = mutation["start_pos"]
    lines = Path(mutation["module_path"]).read_text().splitlines()
    before = " ".join([*lines[: line - 1], lines[line - 1][:column]]).rstrip()
    return "ReplaceBinaryOperator_Mul" in mutation["operator_name"] and before.endswith(("(", ","))


def tried(mutation: dict[str, Any], tests: list[str]) -> dict[str, Any]:
    """Put one mutant in the module's place while its tests run."""
    path = Path(mutation["module_path"])
    source = path.read_text()
    operator = get_operator(mutation["operator_name"])(**mutation["operator_args"])
    mutant = mutate_code(source, operator, mutation["occurrence"])
    path.write_text(mutant)
    try:
        killed = noticed(tests)
    finally:
        path.write_text(source)
    diff = difflib.unified_diff(source.splitlines(), mutant.splitlines(), str(path), "mutant", lineterm="", n=2)
    return {"killed": killed, "diff": "\n".join(diff)}


def noticed(tests: list[str]) -> bool:
    """Run the tests in a fork; tell whether one failed, or they did not end."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (BUSY, BUSY))
        signal.alarm(LONGEST)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        os._exit(int(pytest.main(["-x", "-q", *tests])))
    return os.waitpid(child, 0)[1] != 0


if __name__ == "__main__":
    main(sys.argv[1:])
