"""The edges of a router's life (semantics §7): ids, what is not there yet, the drain, what is left over."""

import asyncio
import logging
import os
import re
from math import inf, nan
from random import Random

import pytest

from pixroute import FailureKind, PixrouteError, Policy, Router, ShuttingDown
from pixroute.errors import PluginError
from pixroute.events import BreakerChanged, LoopLagged, RequestFinished
from pixroute.policy import RetryPolicy
from pixroute.routing.view import SLACK
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence


def made(*, seed, **providers):
    """Make a router with this seed."""
    return Router(providers=providers, chains={"default": list(providers)}, seed=seed)


async def ids(router, count=2):
    """Give the ids of some requests, one after another."""
    async with router:
        return [(await router.generate("a lighthouse")).record.request_id for _ in range(count)]


def test_ids_are_repeatable_with_a_seed_and_count_from_one():
    """Eight hexadecimal digits of the router, six or more of the request."""
    prefix = f"{Random(7).getrandbits(32):08x}"

    assert run_virtual(ids(made(seed=7, one=FakeProvider()))) == [f"{prefix}-000001", f"{prefix}-000002"]
    assert run_virtual(ids(made(seed=0, one=FakeProvider())))[0].startswith(f"{Random(0).getrandbits(32):08x}-")


def test_ids_differ_without_a_seed():
    """Two routers of one process as well."""
    one, two = (run_virtual(ids(made(seed=None, one=FakeProvider()), 1))[0] for _ in range(2))

    assert re.fullmatch("[0-9a-f]{8}-000001", one)
    assert one != two


def test_before_it_is_opened_its_time_is_zero():
    """There is no loop that could tell it."""
    assert fake_router(FakeProvider())._life.now == 0.0


def test_its_time_is_its_loops():
    """Once it is opened."""

    async def main():
        router = fake_router(FakeProvider(picture(5)))
        await router.generate("a lighthouse")
        return router._life.now, asyncio.get_running_loop().time()

    now, loops = run_virtual(main())

    assert now == loops >= 5


def test_what_was_switched_off_and_on_before_opening_serves():
    """The last word counts, before and after."""

    async def main():
        router = fake_router(one=FakeProvider(), two=FakeProvider())
        router.disable("one")
        router.enable("one")
        served = [(await router.generate("a lighthouse")).provider]
        router.disable("one")
        served.append((await router.generate("a lighthouse")).provider)
        router.enable("one")
        served.append((await router.generate("a lighthouse")).provider)
        return served

    assert run_virtual(main()) == ["one", "two", "one"]


def test_the_error_of_another_loop_tells_what_to_do():
    """And of no loop at all."""

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        return router

    router = run_virtual(main())

    with pytest.raises(RuntimeError, match="make one per loop, and from another thread use"):
        router.disable("fake-1")


def test_who_comes_while_it_opens_and_is_closed_is_told(caplog):
    """Nothing more starts, nothing is left to be named."""

    class Slow(FakeProvider):
        async def start(self):
            await asyncio.sleep(10)

    async def main():
        router = fake_router(Slow())
        tasks = [asyncio.ensure_future(router.generate("a lighthouse")) for _ in range(2)]
        await asyncio.sleep(1)
        closing = asyncio.ensure_future(router.aclose(drain=100))
        await asyncio.sleep(0)
        with pytest.raises(ShuttingDown):
            await router.generate("a lighthouse")
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await closing
        return ends, asyncio.get_running_loop().time()

    ends, closed = run_virtual(main())

    assert [type(end) for end in ends] == [ShuttingDown, ShuttingDown]
    assert closed == pytest.approx(1, abs=0.01)
    assert "has not ended" not in caplog.text


def test_a_caller_cancelled_while_it_opens_is_cancelled():
    """It is the caller's own; the opening goes on for the next."""

    class Slow(FakeProvider):
        async def start(self):
            await asyncio.sleep(10)

    async def main():
        router = fake_router(Slow())
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await router.generate("a lighthouse")
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(10, abs=0.1)


def test_one_that_cannot_start_closes_at_once():
    """Nobody waits for a drain."""

    class Broken(FakeProvider):
        async def start(self):
            raise OSError("no such device")

    async def main():
        router = fake_router(Broken())
        with pytest.raises(PluginError) as raised:
            await router.generate("a lighthouse")
        return asyncio.get_running_loop().time(), raised.value.__cause__

    seconds, cause = run_virtual(main())

    assert seconds == pytest.approx(0, abs=0.01)
    assert isinstance(cause, OSError)


def test_what_has_ended_is_not_waited_for():
    """Closing when all is quiet takes no time, and warns of nothing."""

    async def main():
        router = fake_router(FakeProvider(picture(5)))
        await router.generate("a lighthouse")
        began = asyncio.get_running_loop().time()
        await router.aclose(drain=100)
        return asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == 0


def test_the_drain_ends_to_the_second():
    """Counted from the call; a later, longer one does not lengthen it."""

    async def main():
        router = fake_router(FakeProvider(silence()))
        task = asyncio.ensure_future(router.generate("a lighthouse", timeout=10_000, attempt_timeout=9_000))
        await asyncio.sleep(100)
        first = asyncio.ensure_future(router.aclose(drain=7))
        await asyncio.sleep(3)
        await router.aclose(drain=1000)
        await first
        with pytest.raises(ShuttingDown):
            await task
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(107, abs=0.01)


def test_two_requests_are_both_drained():
    """The first that ends does not end the drain."""

    async def main():
        router = fake_router(FakeProvider(picture(10), picture(20)))
        tasks = [asyncio.ensure_future(router.generate(f"picture {each}")) for each in range(2)]
        await asyncio.sleep(1)
        await router.aclose(drain=100)
        return [len((await task).images) for task in tasks], asyncio.get_running_loop().time()

    assert run_virtual(main()) == ([1, 1], pytest.approx(20, abs=0.01))


def test_a_close_cancelled_after_the_drain_began_is_waited_for():
    """When it is left, the router is closed; who called a second time hears nothing of it."""

    async def main():
        router = fake_router(FakeProvider(silence()))
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(5)
        one = asyncio.ensure_future(router.aclose(drain=1000))
        two = asyncio.ensure_future(router.aclose(drain=1000))
        await asyncio.sleep(1)
        one.cancel()
        await two
        with pytest.raises(asyncio.CancelledError):
            await one
        return task.done(), asyncio.get_running_loop().time()

    assert run_virtual(main()) == (True, pytest.approx(6, abs=0.01))


class Stubborn(FakeProvider):
    """A provider that takes its time to end after it was cancelled."""

    def __init__(self, seconds, *script, **options):
        super().__init__(*script, **options)
        self.seconds, self.ended = seconds, None

    async def generate(self, request, attempt):
        """Wait, and some more."""
        try:
            return await super().generate(request, attempt)
        except asyncio.CancelledError:
            await asyncio.sleep(self.seconds)
            self.ended = asyncio.get_running_loop().time()
            raise


@pytest.mark.parametrize(("seconds", "closed", "named"), [(1.5, 11.5, 0), (1.99, 11.99, 0), (60, 12, 1)])
def test_what_was_ended_has_two_seconds_to_be_over(seconds, closed, named, caplog):
    """Then it is named, once, and left."""
    slow = Stubborn(seconds, silence())

    async def main():
        router = fake_router(slow)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(10)
        await router.aclose(drain=0)
        at = asyncio.get_running_loop().time()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(100)
        return at

    with caplog.at_level(logging.WARNING, logger="pixroute"):
        at = run_virtual(main())

    assert at == pytest.approx(closed, abs=0.01)
    assert caplog.text.count("has not ended 2 s after it was cancelled") == named
    assert "could not be closed in order" not in caplog.text


def test_a_claim_that_ends_in_time_is_its_callers():
    """What it gave, or raised; nothing is kept."""

    async def give(value):
        await asyncio.sleep(1)
        if isinstance(value, Exception):
            raise value
        return value

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        life = router._life
        got = await life.claim(give("a picture"), "claim-1")
        with pytest.raises(ValueError, match="no such job"):
            await life.claim(give(ValueError("no such job")), "claim-2")
        left = len(life._claims), len(life.requests.ends), len(life._reaper.tasks)
        await router.aclose(drain=100)
        return got, left, asyncio.get_running_loop().time()

    got, left, closed = run_virtual(main())

    assert (got, left) == ("a picture", (0, 0, 0))
    assert closed < 10


def test_a_claim_is_drained_like_a_request():
    """Closing waits for it while there is time."""

    async def work():
        await asyncio.sleep(20)
        return "a picture"

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        began = asyncio.get_running_loop().time()
        task = asyncio.ensure_future(router._life.claim(work(), "claim-1"))
        await asyncio.sleep(1)
        await router.aclose(drain=100)
        return await task, asyncio.get_running_loop().time() - began

    assert run_virtual(main()) == ("a picture", pytest.approx(20, abs=0.01))


def test_a_claims_caller_who_leaves_ends_it(caplog):
    """Its work is cancelled, and nothing is left behind."""

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        work = asyncio.ensure_future(router._life.claim(asyncio.sleep(1000), "claim-1"))
        await asyncio.sleep(1)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await asyncio.sleep(5)
        return len(router._life._claims), len(router._life._reaper.tasks)

    assert run_virtual(main()) == (0, 0)
    assert "has not ended" not in caplog.text


def test_without_observers_nothing_is_told_and_the_heart_beats_seldom():
    """An event that nobody hears is not made."""

    async def main():
        router = fake_router(FakeProvider(picture(5)))
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(2.5)
        shared = router._life._shared
        due = shared.heartbeat._timer.when()
        await task
        await asyncio.sleep(2)
        return shared.observers, due, shared.heartbeat._timer

    observers, due, timer = run_virtual(main())

    assert (observers, timer) == (None, None), "it beats only while something is in flight"
    assert due == pytest.approx(3, abs=0.01)


def test_with_observers_the_heart_beats_often_while_something_is_in_flight():
    """Lateness is told from a quarter of a second on."""
    told = []

    async def main():
        async with fake_router(FakeProvider(picture(5)), observers=[told.append]) as router:
            task = asyncio.ensure_future(router.generate("a lighthouse"))
            await asyncio.sleep(2.6)
            due = router._life._shared.heartbeat._timer.when()
            await task
            return due

    assert run_virtual(main()) == pytest.approx(2.75, abs=0.01)
    assert not [event for event in told if isinstance(event, (LoopLagged, BreakerChanged))]
    assert [type(event) for event in told].count(RequestFinished) == 1


def test_an_event_that_cannot_be_told_stops_nothing(caplog):
    """A bug of ours is in the log, and the picture with its caller."""

    async def main():
        async with fake_router(FakeProvider(), observers=[lambda event: None]) as router:
            router._life._shared.observers.emit(object())
            return await router.generate("a lighthouse")

    assert run_virtual(main()).images


@pytest.mark.parametrize("step", [-1, 1])
def test_another_process_may_not_use_what_was_opened(step, monkeypatch):
    """A child's number may be greater or, when they began again, less."""

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        here = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: here + step)
        with pytest.raises(RuntimeError, match="in the process that forked this one"):
            await router.generate("a lighthouse")

    run_virtual(main())


def test_a_timer_in_the_past_is_set_for_the_next_moment():
    """Else it would ring again in the same turn, for ever."""

    async def main():
        async with fake_router(FakeProvider(picture(5))) as router:
            await router.generate("a lighthouse")
            handle = router._life._shared.health._call_at(1.0, lambda: None)
            return handle.when() - asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(SLACK)


def test_a_drain_that_was_over_before_it_began_is_none():
    """As where the drain is what is left of a deadline."""
    return_at = []

    async def main():
        router = fake_router(FakeProvider(silence()))
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(10)
        await router.aclose(drain=-5)
        return_at.append(asyncio.get_running_loop().time())
        with pytest.raises(ShuttingDown):
            await task

    run_virtual(main())

    assert return_at == [pytest.approx(10, abs=0.01)]


def test_what_waits_to_be_asked_again_is_told_at_once():
    """No further round begins while it closes: there is nothing to wait for."""

    async def main():
        one = FakeProvider(fail(FailureKind.OVERLOADED, 1), picture())
        policy = Policy(retry=RetryPolicy(quick=False, rounds=(60,)))
        router = fake_router(one, policy=policy)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(10)
        await router.aclose(drain=100)
        (end,) = await asyncio.gather(task, return_exceptions=True)
        return end, asyncio.get_running_loop().time(), len(one.calls)

    end, closed, calls = run_virtual(main())

    assert isinstance(end, PixrouteError)
    assert (closed, calls) == (pytest.approx(10, abs=0.01), 1)


def test_what_a_reload_left_behind_is_closed_though_a_loser_will_not_end():
    """After the seconds that what was ended has."""
    slow = Stubborn(600, silence())

    async def main():
        router = fake_router(slow)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(10)
        await router._life.replace({"two": FakeProvider()}, {}, source="test", connect=10)
        await router.aclose(drain=0)
        closed = asyncio.get_running_loop().time()
        await asyncio.gather(task, return_exceptions=True)
        return closed

    assert run_virtual(main()) == pytest.approx(12, abs=0.01)


def test_a_claim_that_ends_as_the_router_is_closed_is_its_callers():
    """The picture is there: nobody need claim it again."""

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        life = router._life

        async def work():
            await asyncio.sleep(1)
            life._end_requests(life._shared)
            return "a picture"

        return await life.claim(work(), "claim-1")

    assert run_virtual(main()) == "a picture"


@pytest.mark.parametrize("drain", [nan, -inf, "5", None, True])
async def test_seconds_of_draining_that_are_none_are_refused_by_name(drain):
    """NaN drained without end, and text came out as TypeError when the router was half closed."""
    async with fake_router(FakeProvider()) as router:
        with pytest.raises(ValueError, match=r"^drain must be a number, not "):
            await router.aclose(drain=drain)
        await router.generate("a lighthouse")
        await router.aclose(drain=inf)
