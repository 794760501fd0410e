"""What a command shows by itself is not said again as a warning, and lines wrap at words."""

import re

import pytest


@pytest.mark.slow  # a picture is asked for
def test_a_failure_is_told_once(pixroute):
    """The refused account is a line of its own; no warning repeats it."""
    run = pixroute("generate", "x", "--emulated", "--time-scale", "0.01", "--fault", "banana-http=quota")

    assert run.out.count("Insufficient user quota") == 1
    assert "Warning" not in run.err
    assert "told once" not in run.out + run.err


@pytest.mark.slow  # a picture is asked for
def test_what_may_be_billed_is_said_so(pixroute):
    """Where people read; programs get the word of the record."""
    given = ("generate", "x", "--emulated", "--time-scale", "0.01", "--fault", "banana-http=cut")

    assert re.search(r"disconnected after [\d.]+ s, may be billed: ", pixroute(*given).out)
    assert '"billing": "ambiguous"' in pixroute(*given, "--json").out
