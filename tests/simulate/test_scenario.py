"""Scenario files."""

from collections import Counter
from pathlib import Path

import pytest

from pixroute import ConfigError
from pixroute.simulate.policies import DEFAULT, load_policy
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import PROVIDERS, load_scenario

EXAMPLES = sorted((Path(__file__).parents[2] / "examples" / "scenarios").glob("*.toml"))


@pytest.fixture
def written(tmp_path):
    """Write a file and give its path."""

    def write(text: str) -> Path:
        path = tmp_path / "some.toml"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_can_be_read(path):
    """They name what happens, on the default chain or on one of their own."""
    scenario = load_scenario(path)

    assert scenario.summary
    assert scenario.providers == PROVIDERS or "[providers." in path.read_text(encoding="utf-8")


def test_an_empty_file_is_a_quiet_hour(written):
    """All has its default; the name is the file's."""
    scenario = load_scenario(written(""))

    assert (scenario.name, scenario.hours, scenario.faults) == ("some", 1.0, ())
    assert scenario.phase(0) == "quiet"


GROUP = """
callers = { rate = 0.05 }
hours = 0.5
chain = [{ any = ["key-a", "key-b"], spread = { key-a = 3, key-b = 1 } }, "far"]
[upstreams.a]
latency = { 1K = [10, 15, 20], 2K = [10, 15, 20], 4K = [10, 15, 20] }
price = "0.04"
[upstreams.b]
latency = { 1K = [10, 15, 20], 2K = [10, 15, 20], 4K = [10, 15, 20] }
price = "0.04"
[upstreams.far]
latency = { 1K = [10, 15, 20], 2K = [10, 15, 20], 4K = [10, 15, 20] }
price = "0.09"
[providers.key-a]
upstream = "a"
origin = "https://one.test:443"
account = "a"
[providers.key-b]
upstream = "b"
origin = "https://one.test:443"
account = "b"
[providers.far]
upstream = "far"
origin = "https://far.test:443"
account = "far"
"""


def test_a_group_of_a_scenario_is_spread_as_said(written):
    """Three of four pictures are made by key-a; the group as a whole is the primary."""
    scenario = load_scenario(written(GROUP))

    run = simulate(scenario, DEFAULT, seed=1)

    made = Counter(call.provider for call in run.calls)
    assert scenario.primaries == {"a", "b"}
    assert made.keys() == {"key-a", "key-b"}
    assert made["key-a"] / made.total() == pytest.approx(0.75, abs=0.02)


@pytest.mark.parametrize(
    ("chain", "sentence"),
    [
        ('["key-a", "nobody"]', "'nobody' is none of key-a, key-b, far"),
        ('["key-a", { any = ["key-a"] }]', "names a provider twice"),
    ],
)
def test_a_chain_of_strangers_is_told(written, chain, sentence):
    text = GROUP.replace(GROUP.splitlines()[3].removeprefix("chain = "), chain)

    with pytest.raises(ConfigError, match=sentence):
        load_scenario(written(text))


def test_all_mistakes_are_told_with_their_paths(written):
    """A wrong kind, an unknown key and an unknown name."""
    path = written('hours = "long"\ncolour = 1\n[[faults]]\non = "banana"\nkind = "tired"\n')

    with pytest.raises(ConfigError) as raised:
        load_scenario(path)

    assert {problem.path for problem in raised.value.problems} == {"hours", "colour", "faults[0].kind"}


def test_a_fault_on_nobody_and_a_provider_of_nobody_are_told(written):
    """Names must be known."""
    path = written('[providers.one]\nupstream = "x"\norigin = "https://x"\n[[faults]]\non = "y"\nkind = "hang"\n')

    with pytest.raises(ConfigError) as raised:
        load_scenario(path)

    assert [problem.path for problem in raised.value.problems] == ["providers.one.upstream", "faults[0].on"]


def test_phases_lie_around_the_faults(written):
    """Before, during, after."""
    scenario = load_scenario(written('[[faults]]\non = "*"\nkind = "hang"\nstart = 100\nlasts = 50\n'))

    assert [scenario.phase(at) for at in (0, 100, 150)] == ["before", "during", "after"]


def test_a_policy_is_read_like_a_configuration(written):
    """The table [policy]; mistakes have their paths."""
    assert load_policy(written("[policy]\nmax_attempts = 3\n")).name == "some"

    with pytest.raises(ConfigError, match=r"policy\.max_attempt"):
        load_policy(written("[policy]\nmax_attempt = 3\n"))
