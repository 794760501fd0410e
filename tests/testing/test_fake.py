"""A router without network takes what a router takes, and says which extra is missing."""

import asyncio
import sys

import pytest

from pixroute import BudgetExceeded
from pixroute.cli import main
from pixroute.policy import Policy
from pixroute.shared.budgets import Budget
from pixroute.testing import FakeProvider, fake_router, run_virtual


@pytest.mark.parametrize("named", [True, False], ids=["mapping", "list"])
def test_observers_by_name_or_in_a_list(named):
    """What `Router` takes, and what is shorter."""
    told = []

    async def scenario():
        async with fake_router(observers={"mine": told.append} if named else [told.append]) as router:
            await router.generate("a lighthouse")

    run_virtual(scenario())

    assert [type(event).__name__ for event in told][-1] == "RequestFinished"


def test_an_observer_that_is_none_is_refused():
    """The sentence is that of `Router`."""
    with pytest.raises((TypeError, ValueError), match="observer"):
        fake_router(observers={"mine": "not callable"})


def test_chains_of_several_policies_and_a_rule():
    """A chain is chosen as in service."""
    slow, quick = FakeProvider(), FakeProvider()

    async def scenario():
        router = fake_router(
            chains={"default": ["slow"], "urgent": (["quick"], Policy(max_attempts=1))},
            choose=lambda request: request.tags.get("chain"),
            slow=slow,
            quick=quick,
        )
        async with router:
            return await router.generate("a lighthouse", tags={"chain": "urgent"})

    result = run_virtual(scenario())

    assert (result.provider, result.record.chain, len(slow.calls)) == ("quick", "urgent", 0)


def test_budgets_hold():
    """The second picture would cost more than the day has."""
    provider = FakeProvider(price="0.04")

    async def scenario():
        async with fake_router(provider, budgets={"all": Budget(limit="0.05", per="day")}) as router:
            await router.generate("a lighthouse")
            with pytest.raises(BudgetExceeded):
                await router.generate("a lighthouse")

    run_virtual(scenario())

    assert len(provider.calls) == 1


def test_without_the_extra_its_name_is_told(monkeypatch):
    """Nothing is left unawaited."""
    monkeypatch.setitem(sys.modules, "async_solipsism", None)

    with pytest.raises(
        ModuleNotFoundError, match=r"^run_virtual needs async_solipsism: pip install 'pixroute\[testing\]'$"
    ):
        run_virtual(asyncio.sleep(0))


def test_simulate_tells_its_extra(monkeypatch, tmp_path, capsys):
    """The command names what is missing, and the line that installs it."""
    monkeypatch.setattr("pixroute.cli.simulate.find_spec", lambda name: None if name == "async_solipsism" else object())
    (tmp_path / "day.toml").write_text("")

    assert main(["simulate", str(tmp_path / "day.toml")]) == 2

    assert "async_solipsism is not installed: pip install 'pixroute[simulate]'" in capsys.readouterr().err


@pytest.mark.asyncio
async def test_settings_of_the_provider():
    """A fake provider takes the settings that every provider has."""
    async with fake_router(FakeProvider(max_in_flight=1, price=None)) as router:
        result = await router.generate("a lighthouse")

    assert result.cost.certain is None
