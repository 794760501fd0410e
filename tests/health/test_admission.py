"""A place taken on everything that an attempt needs: its silence excused, and its places given back untold."""

import pytest

from pixroute.health.states import OpenReason
from pixroute.outcome import HealthSignal


def used(w, *keys):
    """Give what is in flight: of the upstream, the origin and the provider."""
    return [w.entry(key).in_flight for key in (*keys, "http")]


def test_an_answer_that_has_begun_is_no_silence(world):
    """Neither the upstream's nor the origin's."""
    w = world()
    admission = w.admit(w.http)
    before = [token.excused for token in admission._tokens]

    admission.excuse()

    assert before == [False, False]
    assert [token.excused for token in admission._tokens] == [True, True]


@pytest.mark.parametrize("slot", [False, True])
def test_what_could_not_be_settled_is_given_back(world, slot):
    """On every scope; the slot only where it is said, for its provider may still work."""
    w = world()
    admission = w.admit(w.http)
    assert used(w, "banana 4K", "http://one:1") == [1, 1, 1]

    admission.give_back(**({"slot": True} if slot else {}))

    assert used(w, "banana 4K", "http://one:1") == [0, 0, 0 if slot else 1]
    admission.give_back(slot=True)
    admission.release_slot()
    assert used(w, "banana 4K", "http://one:1") == [0, 0, 0]


def test_a_route_without_an_origin_is_given_back(world):
    """It has one scope less."""
    w = world()
    admission = w.admit(w.keys("local"))

    admission.give_back(slot=True)

    assert [w.entry(key).in_flight for key in ("banana 4K", "local")] == [0, 0]


def test_an_answer_to_a_call_from_before_it_opened_opens_nothing_again(world):
    """The upstream's generation counts, and not the origin's."""
    w = world()
    old = w.admit(w.http)
    w.call(w.http, HealthSignal.HARD, times=5)
    w.loop.run_until(1)
    reason = w.entry("banana 4K").reason

    w.end(old, HealthSignal.NEUTRAL, opens=(OpenReason.FORBIDDEN, 3000))

    assert w.entry("banana 4K").reason == reason == OpenReason.STREAK


def test_an_answer_opens_the_upstream_though_its_origin_opened_meanwhile(world):
    """It was asked in the upstream's present generation."""
    w = world()
    old = w.admit(w.http)
    w.call(w.http, HealthSignal.NEUTRAL, HealthSignal.HARD, times=5)

    w.end(old, HealthSignal.NEUTRAL, HealthSignal.NEUTRAL, opens=(OpenReason.FORBIDDEN, 3000))

    assert w.entry("banana 4K").reason == OpenReason.FORBIDDEN
