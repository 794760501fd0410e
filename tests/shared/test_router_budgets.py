"""Budgets as a router keeps them: reserved before an attempt is sent, settled with what it cost."""

import asyncio
import json
from decimal import Decimal

import pytest

from pixroute import AllProvidersFailed, BudgetExceeded, ConfigError, FailureKind, Router
from pixroute.cli import main
from pixroute.config.shared import SharedSettings
from pixroute.outcome import Billing
from pixroute.shared.budgets import Budget, Covers
from pixroute.testing import FakeProvider, fail, picture

CENTS = "0.10"


def router_of(*, budgets, shared=None, script=(), **second):
    providers = {"one": FakeProvider(*script, price=CENTS, latency=(0.2, 1.0, 3.0))}
    if second:
        providers["two"] = FakeProvider(latency=(0.2, 1.0, 3.0), **second)
    return Router(providers=providers, chains={"default": list(providers)}, budgets=budgets, shared=shared)


async def test_what_a_picture_costs_is_spent():
    """Spent for certain, nothing reserved any more, and the rest is left."""
    async with router_of(budgets={"team": Budget(limit=1, per="month")}) as router:
        await router.generate("a lighthouse")
        (entry,) = await router.budgets()

    assert (entry.name, entry.spent, entry.possibly, entry.reserved) == ("team", Decimal("0.1"), 0, 0)
    assert entry.left == Decimal("0.9")
    assert entry.resets_at.day == 1


async def test_a_limit_is_never_passed_by_those_at_once():
    """Of twenty at once ten are paid for; the others are refused, and told when it resets."""
    async with router_of(budgets={"team": Budget(limit=1, per="day")}) as router:
        ended = await asyncio.gather(*(router.generate(f"picture {n}") for n in range(20)), return_exceptions=True)
        (entry,) = await router.budgets()

    refused = [one for one in ended if isinstance(one, BudgetExceeded)]
    assert len(refused) == 10
    assert all("The budget team does not pay for it: 0 of 1 USD are left" in str(one) for one in refused)
    assert all("it resets at " in str(one) and not one.cost.possible for one in refused)
    assert (entry.spent, entry.reserved) == (1, 0)


async def test_the_next_provider_is_asked_where_the_budget_says_so():
    """What is not paid for is skipped, free, and moves no breaker."""
    team = Budget(limit=0, per="day", when=Covers(provider="one"), on_exhausted="next")
    async with router_of(budgets={"team": team}, price=CENTS) as router:
        result = await router.generate("a lighthouse")
        health = router.health()

    first, second = result.record.attempts
    assert (first.failure.kind, first.billing, second.provider) == (FailureKind.SKIPPED, Billing.FREE, "two")
    assert {str(entry.state) for entry in health} <= {"closed", "enabled"}


async def test_what_a_budget_does_not_cover_is_not_counted():
    """Tags and chains choose; a provider that costs nothing needs no budget."""
    red = Budget(limit=1, per="hour", when=Covers(tags={"team": "red"}))
    async with router_of(budgets={"red": red}) as router:
        await router.generate("a lighthouse", tags={"team": "blue"})
        (before,) = await router.budgets()
        await router.generate("a lighthouse", tags={"team": "red"})
        (after,) = await router.budgets()

    assert (before.spent, after.spent) == (0, Decimal("0.1"))


async def test_a_price_that_is_unknown_is_refused():
    """Unknown is never 0."""
    one = FakeProvider(latency=(0.2, 1.0, 3.0), price=None)
    async with Router(
        providers={"one": one}, chains={"default": ["one"]}, budgets={"team": Budget(limit=1, per="day")}
    ) as router:
        with pytest.raises(BudgetExceeded, match="its price is not known in the budget's currency"):
            await router.generate("a lighthouse")


@pytest.mark.parametrize(
    ("failure", "spent", "possibly"),
    [
        (fail(FailureKind.OVERLOADED), 0, 0),
        (fail(FailureKind.DISCONNECTED), 0, Decimal("0.1")),
        (fail(FailureKind.EMPTY), Decimal("0.1"), 0),
    ],
    ids=["free", "ambiguous", "billed"],
)
async def test_a_failure_is_counted_as_it_is_billed(failure, spent, possibly):
    """Free is given back, what may have been billed is kept apart."""
    async with router_of(budgets={"team": Budget(limit=1, per="day")}, script=[failure] * 12) as router:
        with pytest.raises(Exception, match="No picture"):
            await router.generate("a lighthouse", max_attempts=1)
        (entry,) = await router.budgets()

    assert (entry.spent, entry.possibly, entry.reserved) == (spent, possibly, 0)


async def test_two_routers_share_a_file(tmp_path):
    """What one has spent is gone for the other, and outlives both."""
    shared, budgets = SharedSettings(store=tmp_path / "state.db"), {"team": Budget(limit="0.25", per="month")}
    async with router_of(budgets=budgets, shared=shared) as one, router_of(budgets=budgets, shared=shared) as other:
        await one.generate("a lighthouse")
        await other.generate("a lighthouse")
        with pytest.raises(BudgetExceeded):
            await one.generate("a lighthouse")
    async with router_of(budgets=budgets, shared=shared) as later:
        (entry,) = await later.budgets()

    assert entry.spent == Decimal("0.2")


async def test_a_store_that_is_away_refuses(tmp_path):
    """Nothing is sent, it is told why, and no breaker moves."""
    (tmp_path / "folder").mkdir()
    shared = SharedSettings(store=tmp_path / "folder")
    async with router_of(budgets={"team": Budget(limit=1, per="day")}, shared=shared) as router:
        with pytest.raises(BudgetExceeded, match="the store that keeps it is away"):
            await router.generate("a lighthouse")


async def test_a_caller_that_leaves_holds_nothing(tmp_path):
    """Cancelled before the gate, or after: no money stays reserved."""
    shared = SharedSettings(store=tmp_path / "state.db")
    async with router_of(budgets={"team": Budget(limit=1, per="day")}, shared=shared) as router:
        for turns in range(8):
            task = asyncio.ensure_future(router.generate("a lighthouse"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        await asyncio.sleep(0.2)
        (entry,) = await router.budgets()

    assert entry.reserved == 0


MAPPING = {"chains": {"default": ["one"]}, "providers": {"one": {"type": "seedream", "api_key": "k" * 20}}}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"budgets": {"team": {"limit": "20", "per": "week"}}}, 'budgets.team.per: must be "hour", "day" or "month"'),
        ({"budgets": {"team": {"limit": "20"}}}, "budgets.team.per: is missing"),
        (
            {"budgets": {"team": {"limit": "20", "per": "day", "when": {"chain": "defualt"}}}},
            'budgets.team.when.chain: no chain is named "defualt"; did you mean default?',
        ),
        ({"shared": {}}, "shared.store: is missing"),
        ({"shared": {"store": "x.db", "on_store_down": "ignore"}}, "shared.on_store_down: must be"),
    ],
)
def test_a_wrong_table_is_told_by_its_path(said, sentence):
    """As everything in the file."""
    with pytest.raises(ConfigError, match=sentence.replace("?", r"\?")):
        Router.from_mapping(MAPPING | said)


def test_a_file_says_all(tmp_path, monkeypatch):
    """As the page has it."""
    monkeypatch.chdir(tmp_path)
    said = {
        "budgets": {"team": {"limit": "20.00", "per": "day", "when": {"chain": "default", "tags": {"team": "red"}}}},
        "shared": {"store": "state.db", "on_store_down": "share"},
    }

    Router.from_mapping(MAPPING | said)


FILE = """
[chains]
default = ["one"]
[providers.one]
type = "seedream"
api_key = { env = "KEY" }
[budgets.team]
limit = "1.00"
per = "day"
[shared]
store = "state.db"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a configuration whose store holds a doubtful attempt and a spent one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", "k" * 20)
    (tmp_path / "pixroute.toml").write_text(FILE)
    return tmp_path


async def doubtful(folder):
    shared, budgets = SharedSettings(store=folder / "state.db"), {"team": Budget(limit=1, per="day")}
    script = [fail(FailureKind.DISCONNECTED), picture()]
    async with router_of(budgets=budgets, shared=shared, script=script) as router:
        with pytest.raises(AllProvidersFailed) as caught:
            await router.generate("a lighthouse", max_attempts=1)
        await router.generate("another")
    return caught.value.record.attempts[0].id


@pytest.mark.parametrize(("word", "spent"), [("billed", "0.2"), ("free", "0.1")])
def test_the_bill_is_told_once_it_is_known(folder, word, spent, capsys):
    """What was possibly spent is spent, or given back; once."""
    attempt = asyncio.run(doubtful(folder))

    assert main(["budgets", "--json"]) == 0
    (before,) = json.loads(capsys.readouterr().out)
    assert main(["budgets", "settle", attempt, word]) == 0
    assert main(["budgets", "settle", attempt, word]) == 2
    assert f"No budget knows {attempt}" in capsys.readouterr().err
    assert main(["budgets", "--json"]) == 0
    (after,) = json.loads(capsys.readouterr().out)
    assert (before["spent"], before["possibly"], before["left"]) == ("0.1", "0.1", "0.80")
    assert (after["spent"], after["possibly"]) == (spent, "0")


def test_budgets_are_shown_as_a_table(folder, capsys):
    """Limit, spent, possibly, reserved, left, and when it resets."""
    assert main(["budgets"]) == 0

    assert " ".join(capsys.readouterr().out.split()).startswith("budget per limit spent possibly reserved left resets")
    assert (folder / "state.db").exists()
