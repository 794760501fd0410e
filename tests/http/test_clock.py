"""The one timer of an exchange, in virtual time."""

import asyncio

import pytest

from pixroute.http.wire.clock import Clock
from pixroute.testing.virtual import run_virtual


def seconds(use, **limits):
    """Run what uses a clock; tell whether it was cut, and when it ended."""

    async def measure():
        loop = asyncio.get_running_loop()
        try:
            with Clock(**limits) as clock:
                await use(clock)
        except TimeoutError:
            return "cut", loop.time()
        return "ended", loop.time()

    return run_virtual(measure())


def test_it_cuts_when_the_limit_passes():
    """At the limit, not before."""

    async def use(clock):
        clock.limit(10)
        await asyncio.sleep(60)

    assert seconds(use) == ("cut", 10)


def test_the_limit_moves():
    """Later by bytes that come, sooner by a stage that is shorter."""

    async def later(clock):
        for _ in range(5):
            clock.limit(10)
            await asyncio.sleep(8)
        await asyncio.sleep(60)

    async def sooner(clock):
        clock.limit(100)
        await asyncio.sleep(1)
        clock.limit(10)
        await asyncio.sleep(60)

    assert seconds(later) == ("cut", 42)
    assert seconds(sooner) == ("cut", 11)


def test_it_can_be_switched_off():
    """Without a limit it waits as long as it takes."""

    async def use(clock):
        clock.limit(10)
        clock.limit()
        await asyncio.sleep(600)

    assert seconds(use) == ("ended", 600)


def test_no_limit_goes_beyond_its_end():
    """Whatever the limits, it ends then."""

    async def use(clock):
        clock.limit(100)
        clock.limit()
        await asyncio.sleep(600)

    assert seconds(use, ends_at=60) == ("cut", 60)


def test_a_cancellation_from_elsewhere_stays_one():
    """Even in the very moment in which the limit passes."""

    async def use(clock):
        asyncio.get_running_loop().call_at(10, asyncio.current_task().cancel)
        clock.limit(10)
        await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        seconds(use)


def test_it_leaves_no_timer():
    """What it set is gone when it is left."""

    async def use(clock):
        clock.limit(10)

    assert seconds(use) == ("ended", 0)
