"""A loop that stands still and a machine that sleeps, in virtual time: nobody is blamed, nothing is bought twice."""

import asyncio

import pytest

from pixroute import FailureKind, Policy, RequestFailed, Stage
from pixroute.events import BreakerChanged, LoopLagged
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture, run_virtual, silence

SLOW = (60.0, 120.0, 250.0)


def stand_still(seconds):
    """Let the clock go on while the loop does not."""
    asyncio.get_running_loop()._selector.clock.advance(seconds)


async def ask(router, number, **options):
    """Ask, and give what came of it."""
    try:
        return await router.generate(f"picture {number}", **options)
    except RequestFailed as error:
        return error


def scene(*, in_flight, age, stall, act, latency, policy=None, **options):
    """Ask so many times; the loop stalls when the requests are that old. Give the ends, the events, the fallback."""
    seen = []
    first, second = FakeProvider(act, latency=latency), FakeProvider(picture(20), latency=(15, 25, 40))

    async def main():
        async with fake_router(first=first, second=second, policy=policy, observers=[seen.append]) as router:
            tasks = [asyncio.create_task(ask(router, number, **options)) for number in range(in_flight)]
            await asyncio.sleep(age)
            stand_still(stall)
            return await asyncio.gather(*tasks)

    return run_virtual(main()), seen, second


def opened(seen):
    """The openings among the events."""
    return [event for event in seen if isinstance(event, BreakerChanged) and event.state == "open"]


@pytest.mark.parametrize("in_flight", [1, 3, 10, 40])
@pytest.mark.parametrize("stall", [0.3, 2, 6, 60, 600])
@pytest.mark.parametrize("stage", [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY])
def test_an_answer_that_came_during_a_stall_is_taken(in_flight, stall, stage):
    """Whatever limit was passed meanwhile: the attempt's, the joining of a fallback, the breaker's of silence."""
    act = Act(seconds=1.1, stage=stage)
    policy = Policy(attempt_timeout=1.2)

    ends, seen, fallback = scene(
        in_flight=in_flight, age=1.0, stall=stall, act=act, latency=(0.5, 0.7, 0.75), policy=policy
    )

    assert [len(end.record.attempts) for end in ends] == [1] * in_flight
    assert (opened(seen), fallback.calls) == ([], [])
    lags = [event.seconds for event in seen if isinstance(event, LoopLagged)]
    assert lags == ([pytest.approx(stall, abs=0.26)] if stall > 0.5 else lags)


@pytest.mark.parametrize("in_flight", [1, 3, 10, 40])
@pytest.mark.parametrize(("age", "gap"), [(100, 600), (50, 400), (10, 3600), (240, 6)])
def test_a_machine_that_slept_blames_nobody(in_flight, age, gap):
    """Its pause is nobody's time, and what was not answered may have been answered to a sleeper."""
    ends, seen, _ = scene(in_flight=in_flight, age=age, stall=gap, act=silence(), latency=SLOW, size="4K")

    assert opened(seen) == []
    joined = {round(end.record.attempts[1].started) for end in ends}
    assert joined <= {375 + gap, 375 + gap - 1}


def test_a_pause_is_not_taken_off_the_callers_time():
    """He waits by his own clock."""
    (end,), _, _ = scene(in_flight=1, age=100, stall=300, act=silence(), latency=SLOW, size="4K", timeout=350)

    assert isinstance(end, RequestFailed)
    assert end.record.seconds <= 400 + 0.25


def test_what_an_upstream_answers_after_a_pause_counts():
    """It is awake, and says that it is ill."""
    ends, seen, _ = scene(
        in_flight=6,
        age=50,
        stall=100,
        act=fail(FailureKind.SERVER_ERROR, 160, status=500),
        latency=SLOW,
        size="4K",
    )

    assert len(opened(seen)) == 1
    assert all(end.provider == "second" for end in ends)
