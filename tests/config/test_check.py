"""What `check` finds in configurations that can be read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from pixroute.config.build import build
from pixroute.config.check import examine, mistakes
from pixroute.config.load import structure
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins

ENV = {"APIYI": "sk-apiyi", "ARK": "sk-of-ark", "OTHER": "sk-other"}
_HEAD, *CASES, _END = (Path(__file__).parent / "findings.txt").read_text(encoding="utf-8").split("-----\n")
KNOWN = tomllib.loads(_HEAD.partition("\n\n")[2])


def config_of(text):
    """Read a case; of the known providers it has those that its chains name."""
    mapping = tomllib.loads(text)
    chains = [chain if isinstance(chain, list) else chain["providers"] for chain in mapping["chains"].values()]
    steps = [step for chain in chains for step in chain]
    used = {name for step in steps for name in ([step] if isinstance(step, str) else step["any"])}
    known = {name: said for name, said in KNOWN["providers"].items() if name in used}
    mapping["providers"] = {**known, **mapping.get("providers", {})}
    return structure(mapping, load_plugins(), base=Path(), env=ENV)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.partition("\n")[0][2:])
def test_everything_is_found_and_nothing_else(case):
    """The worst first, each with its place and a fix."""
    lines = case.splitlines()
    expected = [line.removeprefix("=> ") for line in lines if line.startswith("=> ")]

    found = examine(build(config_of("\n".join(line for line in lines if not line.startswith("=> ")))))

    assert [f"{one.level} {one.path}: {one.message}" for one in found] == expected
    assert all(one.fix for one in found)


def test_mistakes_are_findings_too():
    """A configuration that cannot be read gives its problems."""
    with pytest.raises(ConfigError) as caught:
        config_of('[chains]\ndefault = ["nobody"]')

    (found,) = mistakes(caught.value.problems)
    assert (found.level, found.path) == ("error", "chains.default[0]")
