"""Four accounts over real sockets, one throttled and one out of money: their ledgers say who was asked how often."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from pixroute import ConfigError, Router
from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.slow  # hundreds of pictures over sockets

KEYS = ("key-a", "key-b", "key-c", "key-d")
REQUESTS = 200


def config(emulators, chain, *, rules=()):
    """Give a configuration of four accounts of one service, each at an address of its own."""
    providers = {
        name: {
            "type": "stability",
            "base_url": f"{emulator.http_url}/v2beta",
            "api_key": f"sk-emulated-{name}",
            "plaintext": "accept",
        }
        for name, emulator in emulators.items()
    }
    chains = {"default": chain, **({"other": ["key-d"]} if rules else {})}
    return {"chains": chains, "rules": list(rules), "providers": providers}


@pytest.fixture
async def emulators():
    """Give an emulator for each account, with a ledger of its own."""
    async with AsyncExitStack() as running:
        yield {name: await running.enter_async_context(Emulator(time_scale=0)) for name in KEYS}


async def ask(router, times=REQUESTS, at_once=8, **fields):
    """Ask so many times, a few at once; give what came, in the order of asking."""
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            return await router.generate("a lighthouse", size="1K", **fields)

    return await asyncio.gather(*(one() for _ in range(times)))


def asked(emulators, since=()):
    """Count the calls that arrived, by account; `since`: less what had arrived then."""
    arrived = Counter({name: emulator.ledger.received for name, emulator in emulators.items()})
    return arrived - Counter(since)


SPREADS = [
    ("in-turn", {"key-a": 0.5, "key-d": 0.5}),
    ("least-busy", {"key-a": 0.5, "key-d": 0.5}),
    ({"key-a": 3, "key-b": 2, "key-c": 2, "key-d": 1}, {"key-a": 0.75, "key-d": 0.25}),
]


@pytest.mark.parametrize(("spread", "shares"), SPREADS, ids=["in-turn", "least-busy", "shares"])
async def test_two_of_four_keys_are_held_and_the_rest_share_as_said(emulators, spread, shares):
    """No request is lost; what the two were asked is what was under way when they said no, and nothing after it."""
    emulators["key-b"].set_fault("*", "rate-limited:retry-after=600")
    emulators["key-c"].set_fault("*", "quota")
    async with Router.from_mapping(config(emulators, [{"any": KEYS, "spread": spread}])) as router:
        await ask(router, 8)
        found_out = asked(emulators)
        results = await ask(router)
    for emulator in emulators.values():
        await emulator.idle()

    assert len(results) == REQUESTS
    after = asked(emulators, found_out)
    assert after.keys() == {"key-a", "key-d"}
    assert after.total() == REQUESTS
    for name, share in shares.items():
        assert after[name] / REQUESTS == pytest.approx(share, abs=0.05 * share)
    assert Counter(result.provider for result in results) == after
    kept = {name: why.split(" (")[0] for name, why in results[-1].record.drawn[0].kept.items()}
    assert kept == {"key-b": "breaker open", "key-c": "account held"}
    assert all(asked(emulators)[name] >= 1 for name in KEYS)
    assert sum(emulator.ledger.billed for emulator in emulators.values()) == REQUESTS + 8


async def test_all_four_share_evenly_while_all_are_well(emulators):
    async with Router.from_mapping(config(emulators, [{"any": KEYS}])) as router:
        results = await ask(router, 100)

    assert asked(emulators) == dict.fromkeys(KEYS, 25)
    assert not any(result.fell_back for result in results)


async def test_a_key_comes_back_when_its_time_is_over(emulators):
    """After the pause that it asked for it takes its turns again, and no more than those."""
    emulators["key-b"].script("*", "rate-limited:retry-after=1")
    async with Router.from_mapping(config(emulators, [{"any": KEYS}])) as router:
        await ask(router, 4, at_once=1)
        first = asked(emulators)
        await ask(router, 9, at_once=1)
        held = asked(emulators)
        await asyncio.sleep(1.3)
        since = asked(emulators)
        await ask(router, 40, at_once=1)

    assert first["key-b"] == held["key-b"] == 1
    back = asked(emulators, since)
    assert back.keys() == set(KEYS)
    assert max(back.values()) - min(back.values()) <= 2


async def test_a_rule_leads_to_a_group(emulators):
    """A chain that is named by a rule has its group like any other."""
    rules = [{"when": {"tags": {"team": "red"}}, "chain": "other"}]
    mapping = config(emulators, ["key-a"], rules=rules)
    mapping["chains"]["other"] = [{"any": ["key-c", "key-d"], "spread": {"key-c": 1, "key-d": 4}}]
    async with Router.from_mapping(mapping) as router:
        await ask(router, 20, tags={"team": "red"})
        await ask(router, 5)

    assert asked(emulators) == {"key-c": 4, "key-d": 16, "key-a": 5}


async def test_a_reload_with_another_group_goes_on_with_that(emulators, tmp_path):
    """Nothing in flight is lost; from the reload on the new shares hold; a group in a group changes nothing."""
    from pixroute.config.load import structure  # noqa: PLC0415 - of this test alone
    from pixroute.plugins import load_plugins  # noqa: PLC0415 - as above

    def read(chain):
        return structure(config(emulators, chain), load_plugins(), base=tmp_path)

    async with Router.from_config(read([{"any": KEYS}])) as router:
        before = asyncio.gather(*(router.generate("a lighthouse", size="1K") for _ in range(20)))
        await asyncio.sleep(0)
        await router.reload(read([{"any": ["key-a", "key-b"], "spread": {"key-a": 1, "key-b": 3}}, "key-c"]))
        assert len(await before) == 20
        since = asked(emulators)
        with pytest.raises(ConfigError, match="a group holds names of providers, not another group"):
            read([{"any": ["key-a", {"any": ["key-b"]}]}])
        await ask(router, 40, at_once=1)

    assert asked(emulators, since) == {"key-a": 10, "key-b": 30}
