"""How a half-open breaker lets traffic back in (semantics §4)."""

from math import inf

import pytest

from pixroute.health.ramp import EVERY, Ramp


def test_it_begins_with_one_probe():
    """Nothing is proven, and time alone opens nothing."""
    ramp = Ramp()

    assert (ramp.allowed, ramp.proven, ramp.answered, ramp.before, ramp.due) == (1, False, False, 0, inf)


@pytest.mark.parametrize(("before", "allowed"), [(0, 1), (7, 1), (8, 1), (16, 2), (83, 10)])
@pytest.mark.parametrize("sign", ["prove", "go_on"])
def test_the_first_sign_of_life_lets_an_eighth_in(before, allowed, sign):
    """Of what was in flight when it opened, and one at least."""
    ramp = Ramp()
    ramp.before = before
    getattr(ramp, sign)()

    assert (ramp.allowed, type(ramp.allowed)) == (allowed, int)


def test_only_the_first_success_is_a_sign():
    """What failed since is not forgotten by the next."""
    ramp = Ramp()
    ramp.before = 80
    ramp.prove()
    ramp.halve(live=0, now=100.0)
    ramp.prove()

    assert (ramp.proven, ramp.allowed) == (True, 5)


@pytest.mark.parametrize(("allowed", "live", "left"), [(8, 0, 4), (9, 0, 4), (8, 6, 6), (1, 0, 1), (2, 0, 1)])
def test_a_failure_halves_it(allowed, live, left):
    """But as many as are live stay, and one at least."""
    ramp = Ramp()
    ramp.allowed = allowed
    ramp.halve(live=live, now=100.0)

    assert (ramp.allowed, type(ramp.allowed)) == (left, int)


def test_beginning_anew_forgets_what_was_proven():
    """One probe, whatever was allowed."""
    ramp = Ramp()
    ramp.prove()
    ramp.allowed = 16
    ramp.begin()

    assert (ramp.allowed, ramp.proven) == (1, False)


def test_time_without_a_failure_counts_where_answers_had_opened():
    """From the last failure on, without the machine's pauses, and again after each time it went on."""
    ramp = Ramp()
    ramp.answered = True
    ramp.wait_from(100.0)
    first = ramp.due
    ramp.leave_out(10.0)
    paused = ramp.due
    ramp.go_on()

    assert (first, paused, ramp.due) == (100.0 + EVERY, 110.0 + EVERY, 110.0 + 2 * EVERY)
