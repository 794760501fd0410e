"""The default chain at 4K, walked decision by decision on virtual time."""

import asyncio
from decimal import Decimal

import pytest

from pixroute import (
    AllProvidersFailed,
    DeadlineInfeasible,
    FailureKind,
    InvalidRequest,
    Moderated,
    Policy,
    Stage,
)
from pixroute.outcome import Billing
from pixroute.testing import fail, fake_router, picture, run_virtual, silence

K = FailureKind


def test_503_without_hint_is_retried_once_then_falls_back_past_the_sibling(walk):
    """Overloaded: one quick retry, the sibling shares the upstream, Seedream delivers, nothing was paid twice."""
    walked = walk(http=[fail(K.OVERLOADED, 2, status=503)], seed=[picture(18)])

    assert [(p, k) for _, p, k in walked.sent] == [
        ("banana-http", "overloaded"),
        ("banana-http", "overloaded"),
        ("seedream", "picture"),
    ]
    assert walked.result.fell_back
    assert walked.result.cost.certain == Decimal("0.04")
    assert walked.result.cost.possible == 0
    assert walked.elapsed < 2 + 1 + 2 + 18.1


def test_a_hung_provider_is_joined_at_one_and_a_half_p99(walk):
    """Silence: the fallback joins at 375 s, wins, and the loser counts as possibly billed."""
    walked = walk(http=[silence()], seed=[picture(18)])

    assert walked.sent == [(0, "banana-http", "cancelled"), (375, "seedream", "picture")]
    assert walked.elapsed == pytest.approx(393)
    assert walked.result.cost.possible == Decimal("0.09")
    assert walked.record.attempts[1].hedge


def test_a_refused_port_is_free_and_the_sibling_comes_next(walk):
    """CONNECT is the origin's: after one retry the sibling on another origin is asked, in chain order."""
    walked = walk(http=[fail(K.CONNECT)], https=[picture(100)])

    assert [(p, k) for _, p, k in walked.sent] == [
        ("banana-http", "connect"),
        ("banana-http", "connect"),
        ("banana-https", "picture"),
    ]
    assert walked.result.cost == walked.record.attempts[-1].cost


def test_a_reset_after_sending_may_be_billed_and_goes_to_another_upstream(walk):
    """RST at 60 s: no second send to the same upstream."""
    walked = walk(http=[fail(K.DISCONNECTED, 60)], seed=[picture(18)])

    assert walked.sent == [(0, "banana-http", "disconnected"), (60, "seedream", "picture")]
    assert walked.result.cost.possible == Decimal("0.09")


def test_a_wrong_key_is_told_at_once(walk):
    """401: every provider of the account is left out and nobody waits for the hold to end."""
    walked = walk(http=[fail(K.AUTH, 0.2, status=401)])

    assert [(p, k) for _, p, k in walked.sent] == [("banana-http", "auth")]
    assert isinstance(walked.error, AllProvidersFailed)
    assert walked.elapsed < 0.3


def test_a_429_with_31_s_goes_to_the_fallback_and_comes_back_after_31_s(walk):
    """A hint is nobody's sickness: the next request after it goes to the preferred provider again."""
    served = {}

    async def before(router):
        first = await router.generate("before", size="4K")
        served["first"] = first.provider
        await asyncio.sleep(31)

    walked = walk(
        http=[fail(K.RATE_LIMITED, 1, status=429, hint=31.0), picture(100)], seed=[picture(18)], before=before
    )

    assert served["first"] == "seedream"
    assert walked.result.provider == "banana-http"


def test_a_429_with_31_s_is_waited_for_by_a_lone_provider(walk, fakes):
    """Rule 9: with nobody else, the request waits for the hint to end, and no longer."""
    walked = walk(chain={"only": fakes.banana(fail(K.RATE_LIMITED, 1, status=429, hint=31.0), picture(100))})

    assert walked.sent == [(0, "only", "rate_limited"), (32, "only", "picture")]


def test_20_s_go_straight_to_the_fallback(walk):
    """Less than an even chance buys nothing: Banana is never asked."""
    walked = walk(seed=[picture(18)], timeout=20)

    assert walked.sent == [(0, "seedream", "picture")]


def test_5_s_are_infeasible_for_everybody(walk):
    """Nothing is sent when nobody could finish."""
    walked = walk(timeout=5)

    assert walked.sent == []
    assert isinstance(walked.error, DeadlineInfeasible)


def test_four_pictures_are_four_parts(walk):
    """Each part is planned by itself and may bill by itself."""
    walked = walk(
        http=[picture(100), fail(K.OVERLOADED, 1, hint=60.0), picture(100), picture(100)], seed=[picture(18)], n=4
    )

    assert len(walked.result.images) == 4
    assert sorted(image.provider for image in walked.result.images) == ["banana-http"] * 3 + ["seedream"]
    assert walked.result.cost.certain == Decimal("0.31")


def test_a_sensitive_request_never_goes_in_clear(walk):
    """The HTTP port is passed over, with its reason."""
    walked = walk(https=[picture(100)], sensitive=True)

    assert walked.sent == [(0, "banana-https", "picture")]
    assert walked.verdicts["banana-http"] == "PLAINTEXT"


def test_all_open_waits_for_the_first_that_reopens(walk):
    """Nothing is sent to an open breaker; the request waits for the earliest and is served by it."""

    async def before(router):
        for number in range(4):
            with pytest.raises(AllProvidersFailed):
                await router.generate(f"poison {number}", size="4K", max_attempts=3)

    bad = [fail(K.SERVER_ERROR, 11)] * 5
    walked = walk(http=[*bad, picture(100)], https=bad, seed=[*bad, picture(18)], before=before)

    assert [(p, k) for _, p, k in walked.sent] == [
        ("banana-http", "server_error"),
        ("seedream", "server_error"),
        ("banana-http", "picture"),
    ]
    assert walked.record.attempts[2].started >= 11 + 30
    assert any(
        {r.name for r in d.verdicts.values()} == {"TRIED", "OPEN"} or d.action.startswith("wait for")
        for d in walked.record.decisions
    )


def test_moderated_stops_and_nobody_else_is_asked(walk):
    """The default: another model would be paid for the same refusal."""
    walked = walk(http=[fail(K.MODERATED, 30, status=200, billing=Billing.BILLED)])

    assert walked.sent == [(0, "banana-http", "moderated")]
    assert isinstance(walked.error, Moderated)
    assert walked.error.cost.certain == Decimal("0.09")


def test_moderated_may_go_on_by_policy(walk):
    """`on_moderated = "next"` asks another model."""
    walked = walk(http=[fail(K.MODERATED, 30, status=200)], seed=[picture(18)], on_moderated="next")

    assert walked.sent == [(0, "banana-http", "moderated"), (30, "seedream", "picture")]


def test_a_proxys_504_may_be_billed_and_goes_to_another_upstream(walk):
    """Somebody between cut it: the provider may still be drawing."""
    walked = walk(http=[fail(K.PROXY_CUT, 60, status=504)], seed=[picture(18)])

    assert walked.sent == [(0, "banana-http", "proxy_cut"), (60, "seedream", "picture")]


@pytest.mark.parametrize("kind", [K.UNDERSIZED, K.EMPTY, K.BAD_IMAGE])
def test_what_is_worthless_was_paid_for_and_goes_to_another_upstream(walk, kind):
    """The second paid try is the last."""
    walked = walk(http=[fail(kind, 100, status=200)], seed=[picture(18)])

    assert walked.sent == [(0, "banana-http", str(kind)), (100, "seedream", "picture")]
    assert walked.result.cost.certain == Decimal("0.13")


def test_two_paid_failures_are_the_limit(walk):
    """`max_possibly_billed` 2: the sibling is not asked a third time."""
    walked = walk(http=[fail(K.EMPTY, 100, status=200)], seed=[fail(K.EMPTY, 18, status=200)])

    assert len(walked.sent) == 2
    assert walked.verdicts["banana-https"] == "SPENT"
    assert isinstance(walked.error, AllProvidersFailed)


def test_400_everywhere_is_sent_once_each_at_most(walk):
    """A provider that can do the same is not asked the same."""
    walked = walk(http=[fail(K.INVALID, 0.2, status=400)], seed=[fail(K.INVALID, 0.2, status=400)])

    assert [p for _, p, _ in walked.sent] == ["banana-http", "seedream"]
    assert isinstance(walked.error, InvalidRequest)


def test_a_caller_who_cancels_with_two_in_flight_leaves_nothing(fakes):
    """Both attempts are settled, their slots freed, their tasks ended."""
    slow, fallback = fakes.banana(silence(), max_in_flight=1), fakes.seedream(silence(), max_in_flight=1)
    finished = []

    async def main():
        def note(event):
            if type(event).__name__ == "AttemptFinished":
                finished.append((event.provider, event.stage, event.billing))

        async with fake_router(slow=slow, fallback=fallback, observers=[note]) as router:
            task = asyncio.ensure_future(router.generate("x", size="4K"))
            await asyncio.sleep(380)
            assert slow.in_flight == fallback.in_flight == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0)
            assert slow.in_flight == fallback.in_flight == 0

    run_virtual(main())

    assert finished == [("slow", Stage.WAIT, Billing.AMBIGUOUS), ("fallback", Stage.WAIT, Billing.AMBIGUOUS)]


def test_a_lone_upstream_that_answers_503_for_30_s_delivers_by_its_rounds(walk, fakes):
    """Rounds after 5 and 15 s (+0–20 %) reach the end of a short outage."""
    walked = walk(chain={"only": fakes.banana(*[fail(K.OVERLOADED, 1, status=503)] * 4, picture(100))}, policy=Policy())

    assert walked.result is not None
    assert 20 < walked.record.attempts[-1].started < 90


def test_what_a_person_should_mend_is_in_the_log_once(fakes, caplog):
    """A wrong key is told once, with the provider's sentence, however many requests meet it."""

    async def main():
        async with fake_router(only=fakes.banana(fail(K.AUTH, status=401))) as router:
            for _ in range(3):
                with pytest.raises(AllProvidersFailed):
                    await router.generate("x")
                await asyncio.sleep(400)

    run_virtual(main())

    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert told == ["provider only: auth: scripted auth (told once)"]


def test_a_senseless_hint_is_an_event(fakes):
    """HintIgnored says what the provider said."""
    seen = []

    async def main():
        hinted = fakes.banana(fail(K.OVERLOADED, status=503, ignored_hint="retry-after '-5' is negative"), picture(1))
        async with fake_router(only=hinted, observers=[seen.append]) as router:
            await router.generate("x")

    run_virtual(main())

    assert [event.text for event in seen if type(event).__name__ == "HintIgnored"] == ["retry-after '-5' is negative"]


def test_siblings_that_cannot_be_used_are_not_waited_for_in_turns(fakes):
    """Two that share a half-open upstream, both left out of this round, once passed one place to and fro for ever."""
    shared = {"upstream": "u", "account": "a"}

    def member(*script, price):
        from pixroute.testing import FakeProvider  # noqa: PLC0415

        return FakeProvider(*script, **shared, price=price, latency=(18.0, 27.0, 40.0))

    bad = [fail(K.SERVER_ERROR, 11)]

    async def main():
        one, two, three = member(*bad, price="0.01"), member(*bad, price="0.01"), member(*bad, price="0.01")
        async with fake_router(one=one, two=two, three=three) as router:
            asks = [router.generate(f"x{number}", timeout=300) for number in range(8)]
            return await asyncio.wait_for(asyncio.gather(*asks, return_exceptions=True), 310)

    results = run_virtual(main())

    assert all(isinstance(result, AllProvidersFailed) for result in results)
    assert max(len(result.record.decisions) for result in results) < 100
