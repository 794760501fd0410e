"""The upstreams: what they answer, when, and what they put into their books."""

from math import inf

import pytest
from attrs import evolve

from pixroute import FailureKind
from pixroute.outcome import Billing
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.scenario import UPSTREAMS
from pixroute.simulate.world import seconds_at

K = FailureKind


@pytest.mark.parametrize(("score", "seconds"), [(0, 120), (1.6449, 170), (2.3263, 250)])
def test_work_takes_what_its_quantiles_say(score, seconds):
    """A normal score is read on a curve through P50, P95 and P99."""
    assert seconds_at(score, (120, 170, 250)) == pytest.approx(seconds)


def test_the_tail_goes_on_beyond_p99():
    """One call in ten thousand takes half as long again as P99."""
    assert seconds_at(3.7, (120, 170, 250)) > 1.5 * 250


def test_work_given_up_is_still_done_and_billed(make_world, make_order, ask):
    """The caller leaves after 5 s; the books do not care."""
    world = make_world()

    assert ask(world, make_order(), gives_up_after=5) == [None]

    (call,) = world.calls
    assert call.ended == pytest.approx(5)
    assert (call.kind, call.billing, call.billed) == (K.CANCELLED, Billing.AMBIGUOUS, True)


def test_abandoned_work_keeps_its_place_in_line(make_world, make_order, ask):
    """With one place, the second caller waits for work that nobody wants any more."""
    one_place = {**UPSTREAMS, "banana": evolve(UPSTREAMS["banana"], capacity=1)}
    world, free = make_world(upstreams=one_place), make_world()
    ask(world, make_order(1), gives_up_after=5)

    (late,) = ask(world, make_order(2))
    (early,) = ask(free, make_order(2))

    assert late.at > early.at + 40


def test_a_line_too_long_is_refused(make_world, make_order, ask):
    """What would wait longer than `longest_line` gets a 503."""
    short_line = {**UPSTREAMS, "banana": evolve(UPSTREAMS["banana"], capacity=1, longest_line=10.0)}

    answers = ask(make_world(upstreams=short_line), make_order(1), make_order(2))

    assert [answer.kind for answer in answers] == [None, K.OVERLOADED]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (SimulatedFault(on="banana", kind="overloaded"), (K.OVERLOADED, Billing.FREE)),
        (SimulatedFault(on="banana-http", kind="refused"), (K.CONNECT, Billing.FREE)),
        (SimulatedFault(on="*", kind="error"), (K.SERVER_ERROR, Billing.FREE)),
        (SimulatedFault(on="banana", kind="invalid"), (K.EMPTY, Billing.BILLED)),
        (SimulatedFault(on="banana", kind="cut", after=30), (K.PROXY_CUT, Billing.AMBIGUOUS)),
        (SimulatedFault(on="banana", kind="throttle", hint=20), (K.RATE_LIMITED, Billing.FREE)),
    ],
)
def test_a_fault_answers_as_it_is_called(make_world, make_order, ask, fault, outcome):
    """Kind and billing of every fault that answers."""
    world = make_world(fault)

    (answer,) = ask(world, make_order())

    assert (answer.kind, world.calls[0].billing) == outcome


def test_a_hang_takes_what_is_under_way_too(make_world, make_order, ask):
    """A call that would end while it hangs never ends."""
    world = make_world(SimulatedFault(on="banana", kind="hang", start=10, lasts=3600))

    assert ask(world, make_order(), gives_up_after=1000) == [None]
    assert world.calls[0].billed


def test_slow_work_takes_a_factor_or_other_quantiles(make_world, make_order, ask):
    """The same work, three times as long; or as long as another table says."""
    (usual,) = ask(make_world(), make_order())
    (slow,) = ask(make_world(SimulatedFault(on="banana", kind="slow", factor=3)), make_order())
    (other,) = ask(make_world(SimulatedFault(on="banana", kind="slow", latency=(1, 2, 3))), make_order())

    assert slow.at == pytest.approx(3 * usual.at, abs=0.01)
    assert other.at < 5


def test_a_fault_of_a_share_strikes_that_share(make_world, make_order, ask):
    """Three in ten."""
    world = make_world(SimulatedFault(on="banana", kind="overloaded", share=0.3))

    answers = ask(world, *map(make_order, range(200)))

    assert 40 <= sum(answer.kind is not None for answer in answers) <= 80


def test_a_throttle_counts_the_last_minute(make_world, make_order, ask):
    """Two calls a minute pass."""
    world = make_world(SimulatedFault(on="banana", kind="throttle", per_minute=2))

    answers = ask(world, *map(make_order, range(4)))

    assert [answer.kind for answer in answers] == [None, None, K.RATE_LIMITED, K.RATE_LIMITED]


def test_poison_fails_everywhere(make_world, make_order, ask):
    """A poisoned prompt gets a 500 from whomever it meets."""
    world = make_world()
    order = make_order(poison=True)

    kinds = {ask(world, order, provider=name)[0].kind for name in ("banana-http", "seedream")}

    assert kinds == {K.SERVER_ERROR}


@pytest.mark.parametrize(("at", "active"), [(9, False), (10, True), (19, True), (20, False), (40, True), (99, False)])
def test_a_fault_may_come_again(at, active):
    """Ten seconds of every thirty, from 10 s to 90 s."""
    flapping = SimulatedFault(on="*", kind="hang", start=10, lasts=80, every=30, down=10)

    assert flapping.active(at) is active


def test_a_fault_without_an_end_never_ends():
    """`lasts` left out."""
    assert SimulatedFault(on="*", kind="hang").end == inf
