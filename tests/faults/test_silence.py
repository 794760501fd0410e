"""Rows 5, 41 and 42: a network between that drops packets and tells nobody."""

import asyncio

import pytest
from attrs import evolve

from pixroute import FailureKind, Policy, Stage
from pixroute.http.pace import Pace
from pixroute.http.wire.sockets import KeepAlive
from pixroute.outcome import Billing

pytestmark = pytest.mark.slow  # a server starts in a new network namespace, and silence takes its time

K, AMBIGUOUS = FailureKind, Billing.AMBIGUOUS
PATIENT = evolve(Policy(), attempt_timeout=10, hedge_after=100)
"""No fallback joins, and no time of ours ends it, before keep-alive can."""
SYSTEMS = KeepAlive(idle=7200, interval=75, count=9, user_timeout=None)
"""What a socket does by itself."""


@pytest.fixture
def fails_in_silence(fails_over, netns):
    """Ask over a path that falls silent once all has been sent, and find the attempt failed so."""

    async def falls_silent():
        await netns.received()
        netns.drop()

    async def fails_in_silence(kind, says, keep_alive):
        async with asyncio.TaskGroup() as group:
            group.create_task(falls_silent())
            return await fails_over(
                netns.origin, kind, Stage.WAIT, AMBIGUOUS, says=says, policy=PATIENT, keep_alive=keep_alive
            )

    return fails_in_silence


async def test_row_05_a_dropped_syn_uses_up_connecting_and_no_more(fails_over, netns):
    """Nobody refuses the connection: it is given up after connecting's time, free, and not tried again."""
    netns.drop_syn()

    told = await fails_over(
        netns.origin, K.CONNECT, Stage.CONNECT, Billing.FREE, says="No connection was made", pace=Pace(connect=1)
    )

    assert told.first.seconds == pytest.approx(1, abs=0.5)
    assert [attempt.provider for attempt in told.attempts] == ["primary", "fallback"]


async def test_row_41_keep_alive_finds_out_a_path_gone_silent(fails_in_silence):
    """With 2 s, 2 s and 3 questions a NAT that forgot the flow is found out in 8 s, and is said to be one."""
    told = await fails_in_silence(
        K.DISCONNECTED, "died silently", KeepAlive(idle=2, interval=2, count=3, user_timeout=8)
    )

    assert "NAT" in told.first.failure.advice
    assert 6 <= told.first.seconds < 9.5


async def test_row_41_without_keep_alive_the_silence_lasts_as_long_as_the_attempt(fails_in_silence):
    """This is what keep-alive is for: the socket alone would wait for hours, so only our own time ends it."""
    told = await fails_in_silence(K.TIMEOUT, "No answer came", SYSTEMS)

    assert told.first.seconds == pytest.approx(10, abs=0.5)


async def test_row_42_a_router_that_forgot_the_connection_resets_it(fails_over, netns):
    """Keep-alive that begins later than the router forgets brings the RST, and with it the fallback."""
    netns.expire_after(1)

    told = await fails_over(
        netns.origin,
        K.DISCONNECTED,
        Stage.WAIT,
        AMBIGUOUS,
        says="was reset",
        policy=PATIENT,
        keep_alive=KeepAlive(idle=2, interval=1, count=3, user_timeout=None),
    )

    assert told.first.seconds == pytest.approx(2, abs=0.5)


async def test_row_42_keep_alive_sooner_than_the_router_forgets_keeps_the_connection(wired, netns):
    """The flow survives twice the router's time-out, and the answer arrives."""
    netns.expire_after(2)
    keep_alive = KeepAlive(idle=1, interval=1, count=3, user_timeout=None)
    async with wired(netns.origin, policy=PATIENT, keep_alive=keep_alive) as wire:
        asking = asyncio.create_task(wire.ask())
        await netns.received()
        await asyncio.sleep(4)  # it is this silence that must be survived
        netns.answer()
        told = await asking

    assert told.first.kind is K.EMPTY  # `late` is no picture, but it is an answer
    assert "late" in told.first.failure.message
    assert told.first.facts["first_byte"] >= 4
