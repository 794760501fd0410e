"""Shutting down (semantics §7): admits no more, drains, cancels, says what may be billed."""

import asyncio
import logging
from decimal import Decimal

import pytest

from pixroute import AllProvidersFailed, FailureKind, Router, ShuttingDown
from pixroute.cost import Cost
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence

K = FailureKind


async def closing_with(provider, *, drain, after=10.0, requests=1, **ask):
    """Close a router some seconds after requests came; give how they ended and when closing did."""
    router = fake_router(provider)
    tasks = [asyncio.ensure_future(router.generate("a lighthouse", **ask)) for _ in range(requests)]
    await asyncio.sleep(after)
    await router.aclose(drain=drain)
    return await asyncio.gather(*tasks, return_exceptions=True), asyncio.get_running_loop().time()


def test_what_is_in_flight_may_end_within_the_drain():
    """And closing takes no longer than it does."""
    (result,), closed = run_virtual(closing_with(FakeProvider(picture(25)), drain=30))

    assert result.images
    assert closed == pytest.approx(25, abs=0.01)


def test_what_does_not_end_is_ended_and_told(caplog):
    """Its caller is told what may be billed, in an error of ours: the task is the caller's own."""
    with caplog.at_level(logging.WARNING, logger="pixroute"):
        (end,), closed = run_virtual(closing_with(slow := FakeProvider(silence()), drain=30))

    assert isinstance(end, ShuttingDown)
    assert str(end).startswith("The router was closed while this request ran; 1 of its 1 attempts may have been billed")
    assert [attempt.kind for attempt in end.record.attempts] == [K.CANCELLED]
    assert end.cost.possible == Decimal("0.04")
    assert closed == pytest.approx(40, abs=0.01)
    assert slow.in_flight == 0
    assert "closed with attempts in flight that may be billed: 1" in caplog.text


def test_what_was_not_sent_is_ended_without_a_word(caplog):
    """A connection that was being made costs nothing."""
    act = fail(K.CONNECT, 100)
    with caplog.at_level(logging.WARNING, logger="pixroute"):
        (end,), _ = run_virtual(closing_with(FakeProvider(act), drain=0))

    assert isinstance(end, ShuttingDown)
    assert end.cost == Cost()
    assert caplog.text == ""


def test_without_a_drain_everything_is_ended_at_once():
    """`aclose(drain=0)`."""
    (end,), closed = run_virtual(closing_with(FakeProvider(picture(25)), drain=0))

    assert isinstance(end, ShuttingDown)
    assert closed == pytest.approx(10, abs=0.01)


def test_no_retry_begins_while_draining():
    """A failure after closing began is the end."""
    (end,), closed = run_virtual(closing_with(one := FakeProvider(fail(K.OVERLOADED, 12), picture()), drain=30))

    assert isinstance(end, AllProvidersFailed)
    assert len(one.calls) == 1
    assert closed == pytest.approx(12, abs=0.01)


def test_no_hedge_begins_while_draining():
    """What is in flight is waited for alone."""

    async def main():
        slow, fast = FakeProvider(picture(100), latency=(10, 20, 30)), FakeProvider(latency=(1, 2, 3))
        router = fake_router(slow, fast)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(40)
        await router.aclose(drain=100)
        return await task, fast.calls

    result, calls = run_virtual(main())

    assert (result.provider, calls) == ("fake-1", [])


def test_whoever_waits_for_a_slot_is_told_at_once():
    """Nothing of theirs was sent; the one in flight goes on."""
    ends, closed = run_virtual(closing_with(FakeProvider(picture(25), max_in_flight=1), drain=30, requests=3))

    assert [type(end).__name__ for end in ends] == ["ImageResult", "ShuttingDown", "ShuttingDown"]
    assert str(ends[1]) == "The router is closing and takes no new requests."
    assert closed == pytest.approx(25, abs=0.01)


def test_a_request_that_comes_while_it_closes_is_refused():
    """And after it closed."""

    async def main():
        router = fake_router(FakeProvider(picture(25)))
        first = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(10)
        closing = asyncio.ensure_future(router.aclose())
        await asyncio.sleep(1)
        with pytest.raises(ShuttingDown):
            await router.generate("another")
        await closing
        with pytest.raises(ShuttingDown):
            await router.generate("another")
        return await first

    assert run_virtual(main()).images


@pytest.mark.parametrize(("fault", "closed"), [(None, 25), (RuntimeError("the service broke"), 10)])
def test_leaving_the_context_drains_unless_something_was_raised(fault, closed):
    """Whoever leaves after an error is in a hurry."""

    async def main():
        task = None
        try:
            async with fake_router(FakeProvider(picture(25))) as router:
                task = asyncio.ensure_future(router.generate("a lighthouse"))
                await asyncio.sleep(10)
                if fault is not None:
                    raise fault
        except RuntimeError:
            pass
        await asyncio.gather(task, return_exceptions=True)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(closed, abs=0.01)


def test_closing_what_was_never_used_does_nothing():
    """And closing twice is as good as once."""

    async def main():
        await fake_router(FakeProvider()).aclose()
        used = fake_router(FakeProvider())
        await used.generate("a lighthouse")
        await used.aclose()
        await used.aclose()

    run_virtual(main())


class Lifelong(FakeProvider):
    """A provider that notes its life, and may fail to start."""

    def __init__(self, *, starts=True):
        super().__init__()
        self.life = []
        self._starts = starts

    async def start(self):
        """Get ready."""
        if not self._starts:
            raise OSError("no such device")
        self.life.append("start")

    async def aclose(self):
        """Let go."""
        self.life.append("close")


async def test_providers_start_and_close_with_the_router():
    """Once each."""
    one = Lifelong()

    async with fake_router(one):
        assert one.life == ["start"]

    assert one.life == ["start", "close"]


async def test_a_provider_that_cannot_start_closes_those_that_did():
    """And its error is the caller's to read."""
    one = Lifelong()

    with pytest.raises(OSError, match="no such device"):
        async with fake_router(one, Lifelong(starts=False)):
            raise AssertionError("it never opened")

    assert one.life == ["start", "close"]


def test_an_attempt_that_will_not_end_is_named(caplog):
    """A provider that swallows its cancellation holds nobody up for longer than 2 s."""

    class Stubborn(FakeProvider):
        async def generate(self, request, attempt):
            try:
                return await super().generate(request, attempt)
            except asyncio.CancelledError:
                await asyncio.sleep(3)
                raise

    async def main():
        router = fake_router(one=Stubborn(silence(), latency=(10, 20, 30)), two=FakeProvider(latency=(1, 2, 3)))
        result = await router.generate("a lighthouse")
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(5)
        await router.aclose()
        return result, ended

    with caplog.at_level(logging.WARNING, logger="pixroute"):
        result, ended = run_virtual(main())

    assert result.provider == "two"
    assert ended == pytest.approx(45, abs=0.01)
    assert caplog.text.count("has not ended 2 s after it was cancelled") == 1


def test_closing_waits_for_losers():
    """But not for ever."""

    class Stubborn(FakeProvider):
        async def generate(self, request, attempt):
            try:
                return await super().generate(request, attempt)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
                raise

    async def main():
        slow = Stubborn(silence(), latency=(10, 20, 30))
        async with fake_router(one=slow, two=FakeProvider(latency=(1, 2, 3))) as router:
            await router.generate("a lighthouse")
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(46, abs=0.01)


async def test_a_router_can_be_made_before_there_is_a_loop():
    """A module may hold one; the loop is that of its first use."""
    router = Router(providers={"one": FakeProvider()}, chains={"default": ["one"]}, seed=1)

    assert (await router.generate("a lighthouse")).images
    await router.aclose()
