"""A world made of a configuration."""

from decimal import Decimal

import pytest

from pixroute.cli import main
from pixroute.errors import ConfigError
from pixroute.simulate.mine import own_world
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import load_scenario

CONFIG = """
[chains]
default = ["flux", "dream"]
cheap = { providers = ["dream", "flux"], max_attempts = 3, attempt_timeout = { 2K = 99 } }
[providers.flux]
type = "bfl"
api_key = { env = "NOT_SET" }
price = { 1K = "0.03", other = "0.06" }
latency = { 1K = [5, 9, 20], 2K = [7, 12, 30] }
max_in_flight = 3
[providers.dream]
type = "seedream"
api_key = { file = "/nowhere" }
"""
LEFT_OUT = """[budgets.day]
limit = 5
per = "day"
[shared]
store = "state.db"
[observers.ledger]
path = "ledger.jsonl"
"""
FAULT = 'hours = 0.05\n[callers]\nrate = 0.5\n[[faults]]\non = "%s"\nkind = "overloaded"\n'


@pytest.fixture
def mine(tmp_path):
    """Write a configuration and give its path."""
    path = tmp_path / "mine.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def scenario(tmp_path):
    """Write a scenario with a fault on somebody."""

    def write(on):
        path = tmp_path / "scenario.toml"
        path.write_text(FAULT % on)
        return path

    return write


def test_providers_prices_times_and_policy_are_mine(mine):
    """No key is needed; upstreams are called by their models."""
    world = own_world(mine, "cheap")

    assert list(world.providers) == ["dream", "flux"]
    assert [place.upstream for place in world.providers.values()] == ["seedream-4-5-251128", "flux-2-pro"]
    assert world.upstreams["flux-2-pro"].latency["2K"] == (7, 12, 30)
    assert world.providers["flux"].price["1K"] == Decimal("0.03")
    assert world.providers["flux"].price["2K"] == Decimal("0.06")
    assert world.settings["flux"].max_in_flight == 3
    assert (world.policy.max_attempts, world.policy.attempt_timeout["2K"]) == (3, 99)
    assert len({place.account for place in world.providers.values()}) == 2


def test_what_is_guessed_is_told(mine):
    """Times that nobody says."""
    mine.write_text(CONFIG.replace("latency = { 1K = [5, 9, 20], 2K = [7, 12, 30] }", "latency = { 1K = [5, 9, 20] }"))

    (note,) = [one for one in own_world(mine).notes if one.startswith("flux")]

    assert note.startswith("flux: times unknown at 2K")


def test_what_is_not_used_is_told(tmp_path):
    """A simulation plays one chain, without rules, budgets, observers and store."""
    path = tmp_path / "mine.toml"
    path.write_text(f'{CONFIG}[[rules]]\nwhen = {{ sensitive = true }}\nchain = "cheap"\n{LEFT_OUT}')

    assert own_world(path).notes[-1] == (
        "Not used: chains.cheap; the rules, so all is asked of this chain; budgets.day; observers.ledger; [shared]."
    )
    assert own_world(path, "cheap").notes[-1].startswith("Not used: chains.default;")


def test_a_chain_that_is_not_there_is_told(mine):
    """With the nearest."""
    with pytest.raises(ConfigError, match=r'no chain is named "cheep"; did you mean "?cheap'):
        own_world(mine, "cheep")


@pytest.mark.parametrize(
    ("on", "meant"), [("primary", "flux-2-pro"), ("fallback", "seedream-4-5-251128"), ("flux", "flux"), ("*", "*")]
)
def test_faults_are_on_my_names(mine, scenario, on, meant):
    """Or on the first and second upstream, whatever they are called."""
    world = load_scenario(scenario(on), **own_world(mine).of_scenario)

    assert [fault.on for fault in world.faults] == [meant]


def test_a_fault_on_a_stranger_is_told_with_my_names(mine, scenario):
    """As in any scenario."""
    with pytest.raises(ConfigError, match=r"'banana' is none of .*dream.*flux"):
        load_scenario(scenario("banana"), **own_world(mine).of_scenario)


def test_a_scenario_s_own_world_and_mine_exclude_each_other(mine, scenario):
    """Neither wins in silence."""
    path = scenario("*")
    path.write_text(path.read_text() + '[providers.x]\nupstream = "x"\norigin = "https://x:443"\n')

    with pytest.raises(ConfigError, match="providers: is the configuration's: leave it out"):
        load_scenario(path, **own_world(mine).of_scenario)


def test_calls_go_to_mine_at_my_prices(mine, scenario):
    """The first answers 503, so the second makes all pictures."""
    own = own_world(mine)
    run = simulate(load_scenario(scenario("flux"), **own.of_scenario), own.contestant("mine.toml"), 1)

    assert {end.provider for end in run.ends} == {"dream"}
    assert {call.price for call in run.calls if call.provider == "dream"} == {0.04}
    assert {call.price for call in run.calls if call.provider == "flux"} <= {0.03, 0.06}
    assert run.notes.violations == []


@pytest.mark.slow  # a small scenario for several policies
def test_the_command_takes_a_configuration(mine, scenario, capsys):
    """It says which chain, who won, and what each policy is."""
    arguments = ["-c", str(mine), "--chain", "cheap", "--against", "pixroute", "--against", "plain-chain"]

    code = main(["simulate", str(scenario("primary")), *arguments])

    told = " ".join(capsys.readouterr().out.split())
    assert code == 0
    assert "Chain cheap: dream (seedream-4-5-251128), flux (flux-2-pro)." in told
    assert "of the pictures for at most $" in told
    assert "pixroute: the policy of chain cheap in mine.toml." in told


def test_a_chain_without_a_configuration_is_told(scenario, capsys):
    """It would mean nothing."""
    assert main(["simulate", str(scenario("*")), "--chain", "cheap"]) == 2
    assert "--chain is for -c." in capsys.readouterr().err
