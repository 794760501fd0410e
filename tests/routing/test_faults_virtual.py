"""The fault matrix's rows that need no socket, on virtual time; each test is named after its row."""

import asyncio
import logging
import random
import time

import pytest

from pixroute import AllProvidersFailed, FailureKind, Policy, RequestFailed, Stage
from pixroute.outcome import Billing
from pixroute.policy import BreakerPolicy
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture, run_virtual, silence

K = FailureKind


def opened(seen, reason=None):
    return [
        e
        for e in seen
        if type(e).__name__ == "BreakerChanged" and e.state == "open" and (not reason or e.reason == reason)
    ]


def hang(fakes, load, *, every, seconds, hedge_after=1.5, **breaker):
    """Let a provider answer nothing after ten healthy minutes; give seconds to open, why, and requests sunk by then."""
    seen, draw = [], random.Random(1)
    healthy_until = 600

    def act(_):
        takes = load.service_time(load.BANANA, draw)
        answers_at = asyncio.get_running_loop().time() + takes
        return picture(takes) if answers_at < healthy_until else silence()

    hung, fallback = fakes.banana(act), fakes.seedream(picture(18))
    policy = Policy(hedge_after=hedge_after, breaker=BreakerPolicy(**breaker))

    async def main():
        async with fake_router(hung=hung, fallback=fallback, policy=policy, observers=[seen.append]) as router:
            await load.traffic(router, every=every, requests=int(healthy_until + seconds) // every)

    run_virtual(main())

    silent = [e for e in opened(seen) if e.at > healthy_until]
    assert silent, "it never opened"
    sunk = sum(healthy_until <= call.at < silent[0].at for call in hung.calls)
    return silent[0].at - healthy_until, silent[0].reason, sunk


@pytest.mark.parametrize(
    ("every", "stall", "limit", "sunk_at_most"),
    [(60, "observe", 1200, 12), (600, "observe", 3700, 6)],
)
@pytest.mark.slow  # an hour of virtual time
def test_row_10_a_hung_primary_is_noticed(fakes, load, every, stall, limit, sunk_at_most):
    """A provider that answers nothing opens its breaker, at any rate of traffic."""
    delay, reason, sunk = hang(fakes, load, every=every, seconds=limit + 600, stall=stall)

    print(f"\nhung at 1 per {every} s, stall={stall}: open after {delay:.0f} s ({reason}), {sunk} requests sunk")
    assert delay <= limit
    assert sunk <= sunk_at_most


@pytest.mark.slow  # four times a thousand requests
def test_row_10_at_one_request_a_second_silence_is_noticed_long_before_five_failures(fakes, load):
    """A breaker that counts five failures must wait for time-outs, or for the hedges that end them sooner."""
    counting = {"max_overdue": 1_000_000, "min_requests": 1_000_000, "stall": "off"}

    runs = {
        "five time-outs": hang(fakes, load, every=1, seconds=600, hedge_after="off", **counting),
        "five lost to a hedge": hang(fakes, load, every=1, seconds=400, **counting),
        "overdue": hang(fakes, load, every=1, seconds=300),
        "stall": hang(fakes, load, every=1, seconds=300, stall="open"),
    }

    for name, (delay, reason, sunk) in runs.items():
        print(f"\nhung at 1 per s, {name}: open after {delay:.0f} s ({reason}), {sunk} requests sunk")
    delays = [delay for delay, _, _ in runs.values()]
    sunk = [sunk for _, _, sunk in runs.values()]
    assert [reason for _, reason, _ in runs.values()] == ["streak", "streak", "overdue", "stall"]
    assert sorted(delays, reverse=True) == delays
    assert sorted(sunk, reverse=True) == sunk
    assert delays[2] <= 0.5 * delays[0]
    assert delays[3] <= 0.2 * delays[0]


@pytest.mark.parametrize("status", [504, 524])
def test_row_38_a_proxys_time_out_page_is_not_sent_again(walk, status):
    """After 100 s an intermediary gives up: possibly billed, so the same target is not asked again."""
    walked = walk(http=[fail(K.PROXY_CUT, 100, status=status)], seed=[picture(18)])

    assert [p for _, p, _ in walked.sent] == ["banana-http", "seedream"]


STAGES = [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY, Stage.VALIDATE]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("probe", [False, True])
def test_row_50_a_caller_may_cancel_at_any_stage(fakes, stage, position, probe):
    """Wherever it stood, first or third, probe or not: neutral, freed, and the money is told right."""
    stuck = Act(seconds=float("inf"), stage=stage)
    chain = {f"p{number}": FakeProvider(fail(K.SERVER_ERROR, 11), max_in_flight=4) for number in range(position)}
    chain["stuck"] = FakeProvider(*([fail(K.SERVER_ERROR, 1)] * 10 if probe else []), stuck, max_in_flight=4)
    finished = []

    async def main():
        async with fake_router(
            **chain, observers=[lambda e: finished.append(e) if type(e).__name__ == "AttemptFinished" else None]
        ) as router:
            if probe:
                for number in range(5):
                    with pytest.raises(RequestFailed):
                        await router.generate(
                            f"x{number}", max_attempts=2 * position + 2, timeout=60, attempt_timeout=50
                        )
                await asyncio.sleep(40)
            task = asyncio.ensure_future(router.generate("last"))
            await asyncio.sleep(100)
            assert chain["stuck"].in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            return router.health()

    health = run_virtual(main())

    assert finished[-1].failure.kind is K.CANCELLED
    assert finished[-1].billing is (Billing.FREE if stage < Stage.SEND else Billing.AMBIGUOUS)
    assert all(entry.in_flight == 0 for entry in health)


@pytest.mark.slow  # 10,000 requests
def test_row_51_ten_thousand_at_once_through_an_outage(fakes, load):
    """Within `max_in_flight` the rest waits; nobody is sent twice where it might be billed twice."""
    down = fakes.banana(fail(K.OVERLOADED, 1, status=503), max_in_flight=500)
    up = fakes.seedream(picture(18), max_in_flight=2000)

    async def main():
        async with fake_router(down=down, up=up) as router:
            return await load.traffic(router, every=0, requests=10_000, timeout=600)

    results = run_virtual(main())

    assert [r for r in results if isinstance(r, Exception)] == []
    billed = sum(a.billing is not Billing.FREE for r in results for a in r.attempts) / len(results)
    assert billed <= 1.1


@pytest.mark.slow  # an hour at one request per 2 s
def test_row_52_flapping_every_30_s_is_used_while_it_is_up(fakes, load):
    """30 s up, 30 s down for an hour: nobody goes without, a fifth comes from it, and refusals are bounded.

    Its openings are many and short, for a refusal costs nothing (decision 0008); they once lasted ten minutes.
    """
    seen = []

    def act(_):
        up = int(asyncio.get_running_loop().time() // 30) % 2 == 0
        return picture(100) if up else fail(K.OVERLOADED, 0.5, status=503)

    async def main():
        async with fake_router(
            flaps=fakes.banana(act), up=fakes.seedream(picture(18)), observers=[seen.append]
        ) as router:
            return await load.traffic(router, every=2, requests=1800)

    results = run_virtual(main())

    failed = sum(isinstance(r, Exception) for r in results)
    made = sum(r.provider == "flaps" for r in results if not isinstance(r, Exception)) / len(results)
    calls = sum(len(r.attempts) for r in results if not isinstance(r, Exception)) / len(results)
    print(
        f"\nflapping: {len(opened(seen))} opens, {failed} of {len(results)} failed, {made:.0%} made, {calls:.2f} calls"
    )
    assert failed <= 0.01 * len(results)
    assert made >= 0.2
    assert calls <= 1.4


@pytest.mark.parametrize(("share", "must_open"), [(0.3, False), (0.6, True)])
@pytest.mark.slow  # an hour at 1 request/s
def test_rows_53_and_54_a_brown_out(fakes, load, share, must_open):
    """30 % of 503 must not open at 50 %, and quick retries carry it; 60 % opens within the window."""
    seen, draw = [], random.Random(2)

    def act(_):
        return (
            fail(K.OVERLOADED, 0.5, status=503)
            if draw.random() < share
            else picture(load.service_time(load.BANANA, draw))
        )

    brown, up = fakes.banana(act), fakes.seedream(picture(18))

    async def main():
        async with fake_router(brown=brown, up=up, observers=[seen.append]) as router:
            return await load.traffic(router, every=1, requests=3600)

    results = run_virtual(main())

    failed = sum(isinstance(r, Exception) for r in results)
    wire = (len(brown.calls) + len(up.calls)) / len(results)
    opens = opened(seen)
    print(f"\nbrown-out {share:.0%}: {len(opens)} opens, {failed} failed, {wire:.2f} wire attempts a request")
    assert failed <= 0.001 * len(results)
    if must_open:
        assert opens[0].at <= 1200
    else:
        assert len(opens) == 0
        assert wire <= 1.45


@pytest.mark.parametrize(("factor", "must_open"), [(1.3, False), (4.0, True)])
@pytest.mark.slow  # an hour at one request per 3 s
def test_row_55_slower_is_not_sick_until_it_is_hung(fakes, load, factor, must_open):
    """x1.3 opens nothing; x4 is beyond 1.5·P99 and opens."""
    seen, draw = [], random.Random(3)

    def act(_):
        now = asyncio.get_running_loop().time()
        return picture(load.service_time(load.BANANA, draw) * (factor if now > 900 else 1))

    async def main():
        async with fake_router(
            slow=fakes.banana(act), up=fakes.seedream(picture(18)), observers=[seen.append]
        ) as router:
            return await load.traffic(router, every=3, requests=1200)

    run_virtual(main())

    assert bool(opened(seen)) == must_open


@pytest.mark.slow  # 10,000 waiting requests
def test_row_56_ten_thousand_waiting_send_one_probe(fakes):
    """At the end of an open period exactly one reaches the upstream, then 2, 4 …; nobody is lost."""
    bad, good = [fail(K.SERVER_ERROR, 11)] * 5, picture(5)
    lone = FakeProvider(*bad, good, latency=(5.0, 8.0, 10.0))

    async def main():
        async with fake_router(lone=lone) as router:
            for number in range(4):
                with pytest.raises(AllProvidersFailed):
                    await router.generate(f"bad {number}", max_attempts=1)
            asks = [asyncio.ensure_future(router.generate("bad 4", timeout=3600))]
            await asyncio.sleep(12)
            assert router.health()[-1] or True
            asks += [asyncio.ensure_future(router.generate(f"ask {number}", timeout=3600)) for number in range(10_000)]
            return await asyncio.gather(*asks)

    results = run_virtual(main())

    after = [call.at for call in lone.calls[5:]]
    first = [at for at in after if at < after[0] + 5]
    ramp = [sum(after[0] + 5 * step <= at < after[0] + 5 * (step + 1) for at in after) for step in range(4)]
    print(f"\nherd: {len(first)} probe, then {ramp[1:]}")
    assert len(first) == 1
    assert ramp[1] == 2
    assert ramp[2] <= 8
    assert len(results) == 10_001


def test_row_57_a_hung_probe_reopens_and_its_caller_got_a_fallback(fakes):
    """A probe older than 1.5·P95 is no proof of health."""
    seen = []
    hung = fakes.banana(*[fail(K.TIMEOUT, 300)] * 5, silence())
    up = fakes.seedream(picture(18))

    async def main():
        async with fake_router(hung=hung, up=up, observers=[seen.append]) as router:
            for number in range(5):
                await router.generate(f"bad {number}", size="4K")
            await asyncio.sleep(40)
            return await router.generate("probe", size="4K")

    result = run_virtual(main())

    probe = hung.calls[-1].at
    reopened = [e for e in opened(seen) if e.at > probe]
    assert reopened[0].at - probe == pytest.approx(1.5 * 170, abs=1)
    assert result.provider == "up"


def test_row_59_all_open_and_no_time_fails_at_once_and_says_when(fakes):
    """Nobody can finish in time: the error comes now, with the seconds until somebody may be asked."""
    bad = FakeProvider(fail(K.SERVER_ERROR, 11), latency=(5.0, 8.0, 10.0))

    async def main():
        async with fake_router(bad=bad) as router:
            for number in range(5):
                with pytest.raises(AllProvidersFailed):
                    await router.generate(f"bad {number}", max_attempts=1)
            began = asyncio.get_running_loop().time()
            with pytest.raises(AllProvidersFailed) as caught:
                await router.generate("now", timeout=12)
            return caught.value, asyncio.get_running_loop().time() - began

    error, elapsed = run_virtual(main())

    assert elapsed < 0.01
    assert error.retryable
    assert 20 < error.retry_after <= 36
    assert f"Try again in {error.retry_after:.0f} s" in str(error)


@pytest.mark.parametrize("fallback", [silence(), fail(K.DISCONNECTED, 20)])
def test_row_60_a_fallback_that_dies_too_is_told_before_the_deadline(walk, fallback):
    """Both hang or die: a typed error, not after the deadline."""
    walked = walk(http=[silence()], seed=[fallback], timeout=240)

    assert isinstance(walked.error, AllProvidersFailed)
    assert walked.elapsed <= 240.25


@pytest.mark.slow  # 500 other requests
def test_row_61_one_poison_prompt_closes_nobodys_provider(fakes, load):
    """A prompt that crashes every provider stops at its limits; it is one piece of evidence, however often sent."""
    seen, calls = [], []

    class Poisoned(FakeProvider):
        async def generate(self, request, attempt):
            if "poison" in request.prompt:
                calls.append(request)
                await asyncio.sleep(0.5)
                return fail(K.SERVER_ERROR, status=500).outcome
            return await super().generate(request, attempt)

    one, two = (Poisoned(picture(5), latency=(5.0, 8.0, 10.0)) for _ in range(2))

    async def main():
        async with fake_router(one=one, two=two, observers=[seen.append]) as router:
            poison = load.traffic(router, every=5, requests=100, prompt="poison", timeout=60)
            return await asyncio.gather(load.traffic(router, every=1, requests=500), poison)

    others, poisoned = run_virtual(main())

    assert all(not isinstance(r, Exception) for r in others)
    assert all(isinstance(r, AllProvidersFailed) and len(r.record.attempts) <= 8 for r in poisoned)
    assert opened(seen) == []


def test_row_62_a_flood_of_short_deadlines_opens_nothing(fakes, load):
    """A caller's short time is neutral evidence while the attempt is younger than P99."""
    seen = []
    slow = fakes.banana(picture(100), attempt_timeout={"4K": 600.0})

    async def main():
        async with fake_router(slow=slow, observers=[seen.append]) as router:
            return await load.traffic(router, every=1, requests=200, timeout=130)

    run_virtual(main())

    assert opened(seen) == []


def test_row_63_observers_that_raise_or_block_are_isolated_and_named(caplog):
    """What an observer raises is named once and counted; one that holds the loop is named with its time."""

    def raises(event):
        raise RuntimeError("observer broke")

    told = []

    async def main():
        async with fake_router(FakeProvider(), observers=[raises, told.append]) as router:
            return await router.generate("x")

    with caplog.at_level(logging.WARNING, logger="pixroute"):
        result = run_virtual(main())

    assert result.images
    assert [type(event).__name__ for event in told] == [
        "RequestStarted",
        "AttemptStarted",
        "AttemptFinished",
        "RequestFinished",
    ]
    assert sum("raised" in record.message for record in caplog.records) == 1


@pytest.mark.slow  # an observer holds the loop for 1.1 s of real time
async def test_row_63_an_observer_that_holds_the_loop_is_named_with_its_time(caplog):
    """Everybody waits for a slow observer, so the log says which one and how long."""

    def blocks(event):
        if type(event).__name__ == "RequestStarted":
            time.sleep(1.1)

    with caplog.at_level(logging.WARNING, logger="pixroute"):
        async with fake_router(FakeProvider(), observers=[blocks]) as router:
            await router.generate("x")

    assert "observer-1 held the loop for 1.1 s" in caplog.text
