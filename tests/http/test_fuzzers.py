"""The fuzzers run: a second of each, so that what they call is what there is."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[1] / "fuzz"
OF_A_SESSION_OF_ITS_OWN = {"fuzz_gateway.py"}  # needs schemathesis: `nox -s hostile`


@pytest.mark.parametrize("name", sorted({path.name for path in FUZZ.glob("fuzz_*.py")} - OF_A_SESSION_OF_ITS_OWN))
def test_a_fuzzer_finds_nothing_at_once(name):
    """Each prints what it tried, and ends well."""
    command = [sys.executable, FUZZ / name, "--minutes", "0.02"]
    ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "no surprise" in ran.stdout or "nothing raised" in ran.stdout
