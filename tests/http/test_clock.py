"""The one timer of an exchange, in virtual time."""

import asyncio
import contextlib

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


def test_a_cancellation_in_the_turn_of_the_cut_stays_one():
    """Two were asked to end it: one of them is not ours to take back."""

    async def main():
        task, looks = asyncio.current_task(), []

        def moved():
            looks.append(None)
            if len(looks) == 2:  # the last question before it strikes
                task.cancel()
            return 0

        with pytest.raises(asyncio.CancelledError):
            await within_ten(asyncio.sleep(60), moved=moved)
        return task.cancelling()

    assert run_virtual(main()) == 1


def test_it_leaves_no_timer():
    """What it set is gone when it is left."""

    async def use(clock):
        clock.limit(10)

    assert seconds(use) == ("ended", 0)


def test_a_pause_of_the_machine_takes_nothing_off_a_limit():
    """`time` leaves it out; the end is told as `time` gives it."""

    async def main():
        loop, paused = asyncio.get_running_loop(), 0.0
        await asyncio.sleep(100)
        paused = 40.0
        clock = Clock(ends_at=120.0, time=lambda: loop.time() - paused)
        assert clock.time() == 60
        try:
            with clock:
                clock.limit(1000)
                paused = 50.0
                await asyncio.sleep(1000)
        except TimeoutError:
            return loop.time()

    assert run_virtual(main()) == pytest.approx(170)


async def within_ten(work, **limits):
    """Await it under a limit of ten seconds."""
    with Clock(**limits) as clock:
        clock.limit(10)
        await work


def test_leaving_sooner_leaves_no_cancellation_behind():
    """Neither a timer nor a request to end."""

    async def main():
        loop = asyncio.get_running_loop()
        with Clock() as clock:
            clock.limit(10)
        left = [handle for handle in loop._scheduled if not handle.cancelled()]
        with pytest.raises(TimeoutError):
            await within_ten(asyncio.sleep(60))
        return left, asyncio.current_task().cancelling()

    assert run_virtual(main()) == ([], 0)


def test_another_error_passes_though_the_limit_was_over():
    """What the task raised while it was cut is what it raised."""

    async def broken():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ValueError("another") from None

    async def main():
        with pytest.raises(ValueError, match="another"):
            await within_ten(broken())
        return asyncio.current_task().cancelling()

    assert run_virtual(main()) == 0


def test_a_task_that_was_cancelled_before_it_entered_is_still_cut():
    """Cleaning up after a cancellation has its own limit."""

    async def cleaned():
        try:
            await asyncio.sleep(100)
        except asyncio.CancelledError:
            with pytest.raises(TimeoutError):
                await within_ten(asyncio.sleep(60))
            return asyncio.current_task().cancelling()

    async def main():
        task = asyncio.ensure_future(cleaned())
        await asyncio.sleep(1)
        task.cancel()
        return await task

    assert run_virtual(main()) == 1


@pytest.mark.parametrize("before", [0, 1, 2])
@pytest.mark.parametrize(("also", "has_cut"), [(0, True), (1, False), (2, False)])
def test_it_knows_whether_it_alone_has_cut(before, also, has_cut):
    """Not while it runs, and not where somebody else cancels too; what was cancelled before it entered counts not."""

    async def work(clock, told):
        told.append(clock.has_cut)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            for _ in range(also):
                asyncio.current_task().cancel()
            told.append(clock.has_cut)
            raise

    async def cancelled(told):
        for _ in range(before):
            asyncio.current_task().cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0)
        with Clock() as clock:
            clock.limit(10)
            await work(clock, told)

    async def main():
        told = []
        await asyncio.wait([asyncio.ensure_future(cancelled(told))])
        return told

    assert run_virtual(main()) == [False, has_cut]


def test_who_is_cancelled_by_others_was_not_cut():
    """The limit is not over."""

    async def work(told):
        with Clock() as clock:
            clock.limit(10)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                told.append(clock.has_cut)
                raise

    async def main():
        told = []
        task = asyncio.ensure_future(work(told))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        return told

    assert run_virtual(main()) == [False]
