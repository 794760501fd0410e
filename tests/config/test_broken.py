from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pixroute.errors import ConfigError

WORKING = '[chains]\ndefault = ["a"]\n[providers.a]\ntype = "acme"'
_HEAD, *CASES, _END = (Path(__file__).parent / "broken.txt").read_text(encoding="utf-8").split("-----\n")


def halves(case: str) -> tuple[str, list[str]]:
    lines = case.replace("…", WORKING, 1).splitlines()
    return (
        "\n".join(line for line in lines if not line.startswith("=> ")),
        [line.removeprefix("=> ") for line in lines if line.startswith("=> ")],
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.splitlines()[-1][3:40])
def test_every_problem_is_told_exactly(case, read):
    """A broken configuration gives all its problems at once, each with path, value and what is allowed."""
    text, expected = halves(case)

    with pytest.raises(ConfigError) as caught:
        read(tomllib.loads(text))

    assert [str(problem) for problem in caught.value.problems] == expected


@pytest.mark.parametrize("case", [case for case in CASES if "sk-secret" in case])
def test_no_problem_shows_a_key(case, read):
    """Whatever stands where a key may stand is not repeated."""
    text, _ = halves(case)

    with pytest.raises(ConfigError) as caught:
        read(tomllib.loads(text))

    assert "sk-secret" not in str(caught.value)


def test_the_heading_counts_and_names_the_source(read):
    """The error's text begins with where the configuration came from."""
    with pytest.raises(ConfigError, match=r"^configuration: 1 problem\n  chains: there is none"):
        read({})
