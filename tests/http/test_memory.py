"""The memory that bodies share."""

import asyncio

import pytest

from pixroute.http.wire.memory import Memory


async def test_what_fits_is_held_at_once():
    """Below the limit nobody waits, and everything is given back."""
    memory = Memory(100, 40)

    with memory.share() as one, memory.share() as two:
        assert one.fits(30)
        assert two.fits(30)
        assert memory.held == 60

    assert memory.held == 0


async def test_the_last_bytes_are_the_eldests():
    """A younger body waits where the eldest goes on, so that one of them always ends."""
    memory = Memory(100, 40)

    with memory.share() as eldest, memory.share() as younger:
        assert eldest.fits(50)
        assert not younger.fits(20)
        assert eldest.fits(100)


async def test_who_waits_goes_on_when_another_ends():
    """Bytes given back wake those that wait."""
    memory = Memory(100, 40)
    with memory.share() as eldest:
        eldest.fits(60)
        waiting = asyncio.create_task(_held(memory, 30))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting

    assert memory.held == 0


async def _held(memory, size):
    with memory.share() as share:
        await share.wait(size)


async def test_who_gives_up_waiting_holds_nothing():
    """A cancelled wait leaves no trace."""
    memory = Memory(100, 40)
    with memory.share() as eldest:
        eldest.fits(60)
        waiting = asyncio.create_task(_held(memory, 30))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    assert memory.held == 0


async def test_an_answer_still_waited_for_holds_up_nobody():
    """The eldest is who has held something the longest: a hung provider is not it."""
    memory = Memory(100, 40)

    with memory.share() as hung, memory.share() as first, memory.share() as second:
        assert hung.fits(0)
        assert first.fits(50)
        assert not second.fits(20)
        assert first.fits(100)
