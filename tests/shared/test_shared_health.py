"""Processes that share a store know of each other's health: real SQLite files, real PostgreSQL, routers in one loop."""

import asyncio
import logging
import sqlite3
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pixroute import AllProvidersFailed, FailureKind, Router
from pixroute.config.shared import SharedSettings
from pixroute.policy import Policy, RetryPolicy
from pixroute.secret import Secret
from pixroute.testing import FakeProvider, fail, picture

SOON = 8.0
"""Seconds in which what one process knows must be known to another; a loaded machine takes its time."""
IMPATIENT = Policy(retry=RetryPolicy(quick=False, rounds=()), give_up_after=0)


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request, tmp_path):
    """Give where to share: a file, and a database."""
    if request.param == "sqlite":
        return SharedSettings(store=tmp_path / "state.db")
    return SharedSettings(store=Secret(request.getfixturevalue("cluster").database()))


def router_of(settings, *script, **provider):
    """Give a process's router; all know the same one provider."""
    given = {"upstream": "up", "account": "purse-1", "origin": "https://up.test:443", **provider}
    one = FakeProvider(*script, latency=(0.01, 0.02, 0.03), **given)
    return Router(providers={"one": one}, chains={"default": ["one"]}, policy=IMPATIENT, shared=settings)


def states(router, scope):
    """Give the states of what a router knows of a scope."""
    return {str(entry.state) for entry in router.health() if entry.scope == scope}


async def until(condition):
    """Wait until it holds."""
    async with asyncio.timeout(SOON):
        while not condition():  # noqa: ASYNC110 - what it asks about tells nobody
            await asyncio.sleep(0.02)


async def asked(router, prompt):
    """Ask for a picture and give what came of it."""
    try:
        return await router.generate(prompt)
    except AllProvidersFailed as error:
        return error


@pytest.mark.slow  # an exchange each second
async def test_what_none_could_see_alone_all_see_together(settings):
    """Five processes with one failure each have five in a row: all of them open."""
    async with AsyncExitStack() as stack:
        failing = fail(FailureKind.SERVER_ERROR)
        routers = [await stack.enter_async_context(router_of(settings, failing)) for _ in range(5)]
        for number, router in enumerate(routers):
            await asked(router, f"prompt {number}")

        await until(lambda: all("open" in states(router, "upstream") for router in routers))


@pytest.mark.slow  # several exchanges, a second each
async def test_one_prompt_that_fails_everywhere_counts_once(settings):
    """A poison prompt that a load balancer takes from process to process opens nothing."""
    async with AsyncExitStack() as stack:
        failing = fail(FailureKind.SERVER_ERROR)
        routers = [await stack.enter_async_context(router_of(settings, failing)) for _ in range(6)]
        for router in routers:
            await asked(router, "poison")
        await asyncio.sleep(3)

        assert all(states(router, "upstream") == {"closed"} for router in routers)


@pytest.mark.slow  # several exchanges, a second each
async def test_one_sick_process_opens_for_itself_alone(settings):
    """Ten failures in a row of one process close nothing for the others."""
    async with router_of(settings, fail(FailureKind.SERVER_ERROR)) as sick, router_of(settings) as sound:
        await asked(sound, "a lighthouse")
        for number in range(10):
            await asked(sick, f"prompt {number}")
        await asyncio.sleep(3)

        assert "open" in states(sick, "upstream")
        assert states(sound, "upstream") == {"closed"}


@pytest.mark.slow  # an exchange each second
async def test_one_voice_is_enough_for_what_the_upstream_said(settings):
    """A stated pause, and an account without money, are known to all within seconds."""
    throttled = fail(FailureKind.RATE_LIMITED, hint=60)
    async with router_of(settings, throttled) as told, router_of(settings) as other:
        await asked(other, "a lighthouse")
        await asked(told, "a lighthouse")
        await until(lambda: "open" in states(other, "upstream"))
        (entry,) = [one for one in other.health() if one.scope == "upstream" and one.state == "open"]

    assert entry.reason == "hint"


@pytest.mark.slow  # an exchange each second
async def test_a_hold_is_for_the_credential_that_was_refused(settings):
    """Who has the same key waits as well; who has another for the account asks on."""
    poor = fail(FailureKind.QUOTA)
    same, other = router_of(settings), router_of(settings, account="purse-2")
    async with router_of(settings, poor) as told, same, other:
        for router in (same, other, told):
            await asked(router, "a lighthouse")
        await until(lambda: "held" in states(same, "account"))

        assert states(other, "account") == set()


@pytest.mark.slow  # an exchange each second
async def test_an_operators_word_outlives_the_process_that_heard_it(settings):
    """Forced open and disabled in one process, so in all, and in one that begins when that one is gone."""
    async with router_of(settings) as late:
        async with router_of(settings) as told:
            await asked(late, "a lighthouse")
            told.force("one", "open")
            told.disable("one")
            await until(lambda: "open" in states(late, "upstream") and "disabled" in states(late, "provider"))
        async with router_of(settings) as newcomer:
            await until(lambda: "open" in states(newcomer, "upstream"))
            newcomer.reset("one")
            newcomer.enable("one")
            await until(lambda: "closed" in states(late, "upstream") and "enabled" in states(late, "provider"))

            assert (await asked(late, "another lighthouse")).provider == "one"


@pytest.mark.slow  # an exchange each second
async def test_a_store_that_goes_away_is_told_once_and_nobody_waits(settings, tmp_path, caplog):
    """Requests go on at once; when it is back that is told too."""
    if not isinstance(settings.store, Path):
        pytest.skip("a server that is away: see the failures of the store")
    async with router_of(settings) as router:
        await asked(router, "a lighthouse")
        await until((tmp_path / "state.db-told").exists)
        holder = sqlite3.connect(tmp_path / "state.db-told", isolation_level=None, timeout=60, check_same_thread=False)
        with caplog.at_level(logging.WARNING, logger="pixroute"):
            await asyncio.to_thread(holder.execute, "BEGIN EXCLUSIVE")  # an exchange may be under way
            await until(lambda: any("its own until then" in record.message for record in caplog.records))
            async with asyncio.timeout(4):  # ten that waited for it would take eight seconds
                for number in range(10):
                    await asked(router, f"a lighthouse meanwhile, {number}")
            await asyncio.sleep(2.5)
            holder.execute("ROLLBACK")

    assert sum("its own until then" in record.message for record in caplog.records) == 1


@pytest.mark.slow  # an exchange each second
async def test_what_lies_in_the_store_names_nobody(settings, tmp_path):
    """No key, no prompt, no URL, no host's name: digests and numbers."""
    if not isinstance(settings.store, Path):
        pytest.skip("the same texts as in a file")
    async with router_of(settings, fail(FailureKind.SERVER_ERROR), picture()) as router:
        await asked(router, "a very secret lighthouse")
        router.force("one", "observe")
        await asyncio.sleep(2.5)
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"pixroute_told" in stored
    assert not [word for word in (b"lighthouse", b"purse-1", b"https://", b"up.test") if word in stored]
