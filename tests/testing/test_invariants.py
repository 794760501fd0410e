"""The checker finds what must never happen, and nothing else."""

import asyncio
from contextlib import suppress

import pytest
from attrs import evolve

from pixroute import FailureKind, RequestFailed
from pixroute.events import AttemptFinished, AttemptStarted, BreakerChanged, RequestStarted
from pixroute.http import HttpSettings
from pixroute.outcome import Blame
from pixroute.secret import Secret
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence
from pixroute.testing.invariants import Invariants, Trace


def told(*providers, requests=12, gap=20.0, **ask):
    """What a router tells of some requests in a row, and its health afterwards."""
    events = []
    table = {f"p{number}": provider for number, provider in enumerate(providers)}

    async def main():
        async def one(router):
            with suppress(RequestFailed):
                await router.generate(f"picture {asyncio.get_running_loop().time()}", size="4K", **ask)

        async with fake_router(observers=[events.append], **table) as router:
            async with asyncio.TaskGroup() as group:
                for _ in range(requests):
                    group.create_task(one(router))
                    await asyncio.sleep(gap)
            return router.health()

    return table, events, run_virtual(main())


def violations(table, events) -> list[str]:
    """What the checker says of these events, by invariant."""
    checker = Invariants(providers=table)
    for event in events:
        checker(event)
    with suppress(AssertionError):
        checker.check_end()
    return [text[:2] for text in checker.violations]


SICK = (
    FakeProvider(fail(FailureKind.OVERLOADED, 2, status=503), latency=(100, 150, 200)),
    FakeProvider(silence(), latency=(100, 150, 200)),
    FakeProvider(picture(20), latency=(20, 30, 40)),
)


@pytest.fixture(scope="module")
def sick():
    """Twelve requests through an overloaded provider, a silent one and a healthy one."""
    return told(*SICK)


def test_nothing_is_found_where_nothing_is_wrong(sick):
    """Retries, fallbacks, hedges and opening breakers violate nothing."""
    table, events, health = sick
    checker = Invariants(providers=table)

    for event in events:
        checker(event)
    checker.check_end(health)

    assert checker.most_possibly_billed == 2
    assert any(isinstance(event, BreakerChanged) for event in events)


def forced(**fields):
    """What is told of p0's breaker."""
    said = {"at": 0.0, "key": f"{SICK[0].identity.upstream} 4K", "reason": "streak", "until": 900.0, "state": "open"}
    return BreakerChanged(**{**said, **fields})


def test_a_call_to_a_breaker_that_is_observed_is_none_to_an_open_one(sick):
    """I7: an operator lets pass what evidence alone would keep back, and nothing else."""
    table, events, _ = sick
    calls = [event for event in events if not isinstance(event, BreakerChanged)]

    assert "I7" not in violations(table, [forced(forced="observe"), *calls])
    assert "I7" in violations(table, [forced(forced="observe", reason="hint"), *calls])
    assert "I7" in violations(table, [forced(), *calls])


def test_an_operator_alone_ends_an_opening_early(sick):
    """I8: `until` moves earlier by his word; what he forced open for ever ends by no other."""
    table, _, _ = sick
    closed = {"at": 5.0, "state": "closed", "reason": None, "until": None}

    assert violations(table, [forced(reason="hint"), forced(**closed, by_operator=True)]) == []
    assert violations(table, [forced(reason="hint"), forced(**closed)]) == ["I8"]
    assert violations(table, [forced(reason="forced", until=None), forced(**closed)]) == ["I8"]


def test_a_third_call_that_may_be_billed_is_found(sick):
    """I1: the limit holds at every instant."""
    table, events, _ = sick
    checker = Invariants(max_possibly_billed=1, providers=table)

    for event in events:
        checker(event)

    assert {text[:2] for text in checker.violations} == {"I1"}


def test_an_attempt_that_ends_twice_is_found(sick):
    """I3: exactly once."""
    table, events, _ = sick
    end = next(event for event in events if isinstance(event, AttemptFinished))
    at = events.index(end)

    assert violations(table, [*events[:at], end, *events[at:]]) == ["I3"]


def test_an_attempt_without_reason_is_found(sick):
    """I2: the same provider is asked again only after a retry or a round was told."""
    table, events, _ = sick
    start = next(event for event in events if isinstance(event, AttemptStarted))
    again = evolve(start, attempt="again", price=evolve(start.price, certain=0))
    at = events.index(start) + 1

    assert "I2" in violations(table, [*events[:at], again, *events[at:]])


def test_a_call_to_an_open_breaker_is_found(sick):
    """I7: an open breaker lets nothing through."""
    table, events, _ = sick
    start = next(event for event in events if isinstance(event, AttemptStarted))
    upstream = table[start.provider].identity.upstream
    opened = BreakerChanged(at=0, key=f"{upstream} 4K", state="open", reason="streak", until=30)

    assert "I7" in violations(table, [opened, *events])


def test_an_opening_that_shrinks_is_found():
    """I8: `until` never moves earlier, but for an early half-open."""
    opened = BreakerChanged(at=0, key="u 4K", state="open", reason="forbidden", until=30)
    shorter = evolve(opened, at=5, reason="overdue", until=20)
    early = evolve(opened, at=10, state="half-open", until=None)

    assert violations({}, [opened, shorter]) == ["I8"]
    assert violations({}, [opened, early]) == ["I8"]
    assert violations({}, [evolve(opened, reason="rate"), early]) == []


def test_a_request_that_never_ends_is_found(sick):
    """I5: a picture or a typed error."""
    table, events, _ = sick
    start = next(event for event in events if isinstance(event, RequestStarted))

    assert violations(table, [*events, evolve(start, request="lost")]) == ["I5"]


def test_a_slow_cut_is_found(sick):
    """I6: an attempt ends at `ends_at`."""
    table, events, _ = sick
    end = next(event for event in events if isinstance(event, AttemptFinished))
    at = events.index(end)

    assert violations(table, [*events[:at], evolve(end, at=1e6), *events[at + 1 :]]) == ["I6"]


def test_the_same_events_have_the_same_digest(sick):
    """I10: a trace is a function of the events."""
    _, events, _ = sick
    one, other, less = Trace(), Trace(), Trace()

    for event in events:
        one(event)
        other(event)
    for event in events[:-1]:
        less(event)

    assert one.digest == other.digest != less.digest


def test_a_breaker_opened_by_our_own_lack_is_found(sick):
    """I11: right after a breaker opened, the attempt that opened it says that it was our fault."""
    table, events, _ = sick
    checker = Invariants(providers=table)
    ended = next(event for event in events if isinstance(event, AttemptFinished) and event.failure is not None)
    failure = evolve(ended.failure, blame=Blame.OURS)
    opened = BreakerChanged(
        at=ended.at, key=table[ended.provider].identity.origin, state="open", reason="streak", until=1e9
    )

    for event in (opened, evolve(ended, failure=failure)):
        checker(event)

    assert "I11" in {text[:3] for text in checker.violations}


def test_an_event_that_shows_a_key_is_found(sick):
    """I12: in any form, of any provider's settings."""
    table, events, _ = sick
    provider = FakeProvider()
    provider.settings = HttpSettings(api_key=Secret("sk-never-shown"))
    checker = Invariants(providers={**table, "keyed": provider})
    ended = next(event for event in events if isinstance(event, AttemptFinished))

    checker(evolve(ended, provider_request_id="req c2stbmV2ZXItc2hvd24="))

    assert "I12" in {text[:3] for text in checker.violations}
