"""What a breaker remembers of requests that ended."""

from math import inf

import pytest

from pixroute.health.evidence import MOST_REQUESTS, BreakerEvidence
from pixroute.outcome import HealthSignal

SUCCESS, HARD, THROTTLE = HealthSignal.SUCCESS, HealthSignal.HARD, HealthSignal.THROTTLE


@pytest.fixture
def evidence():
    """Nothing has happened yet."""
    return BreakerEvidence()


def test_the_row_counts_from_a_time_on_that_time_included(evidence):
    """And tells when its first failed."""
    for second in (1, 2, 3):
        evidence.add(second, HARD, second)

    assert evidence.in_a_row(1) == (3, 1)
    assert evidence.in_a_row(2) == (2, 2)
    assert evidence.in_a_row(4) == (0, 4)


def test_the_rate_counts_from_a_time_on_that_time_included(evidence):
    """Hard and throttled are bad; what was settled before is forgotten, the bad with it."""
    evidence.add("a", HARD, 1)
    evidence.add("b", THROTTLE, 2)
    evidence.add("c", SUCCESS, 3)

    assert evidence.rate(1) == (2, 3)
    assert evidence.rate(2) == (1, 2)
    assert evidence.rate(2.5) == (0, 1)


def test_a_look_at_the_latest_forgets_nothing(evidence):
    """From a time on, that time included."""
    evidence.add("a", HARD, 1)
    evidence.add("b", THROTTLE, 2)
    evidence.add("c", SUCCESS, 3)

    assert [evidence.since(time) for time in (4, 3, 2)] == [(0, 0), (0, 1), (1, 2)]
    assert evidence.rate(1) == (2, 3)


def test_a_later_outcome_takes_the_place_of_an_earlier(evidence):
    """For the rate; and a request that fails again is last in the row."""
    evidence.add("a", HARD, 1)
    evidence.add("b", HARD, 2)

    evidence.add("a", HARD, 3)

    assert evidence.rate(0) == (2, 2)
    assert evidence.in_a_row(0) == (2, 2)


def test_memory_is_bounded(evidence):
    """The oldest is forgotten first, and its badness with it."""
    evidence.add("bad", HARD, 0)
    for number in range(MOST_REQUESTS - 1):
        evidence.add(number, SUCCESS, 1)
    before = evidence.rate(0)

    evidence.add("one more", SUCCESS, 2)

    assert before == (1, MOST_REQUESTS)
    assert evidence.rate(0) == (0, MOST_REQUESTS)
    assert MOST_REQUESTS == 1024


class TestSuspended:
    """A failure that a retry may still make good."""

    def test_it_counts_from_its_time_on(self, evidence):
        """Not before; and as of that time, not of when it was taken up."""
        evidence.suspend("a", HARD, 5)

        evidence.take_up(4.9)
        before = evidence.rate(0)
        evidence.take_up(5)

        assert before == (0, 0)
        assert evidence.in_a_row(0) == (1, 5)

    def test_not_if_the_request_is_asked_again(self, evidence):
        """Then only its last outcome counts."""
        evidence.suspend("a", HARD, 5)

        evidence.withdraw("a")
        evidence.take_up(inf)

        assert evidence.rate(0) == (0, 0)

    def test_withdrawing_what_is_not_suspended_changes_nothing(self, evidence):
        """Most requests never failed."""
        evidence.suspend("a", HARD, 5)

        evidence.withdraw("b")
        evidence.take_up(6)

        assert evidence.rate(0) == (1, 1)

    def test_several_are_taken_up_in_turn(self, evidence):
        """Those whose time has come, with their verdicts."""
        evidence.suspend("a", HARD, 5)
        evidence.suspend("b", THROTTLE, 6)
        evidence.suspend("c", HARD, 9)

        evidence.take_up(7)

        assert evidence.rate(0) == (2, 2)
        assert evidence.in_a_row(0)[0] == 0
        evidence.take_up(9)
        assert evidence.rate(0) == (3, 3)


def test_nothing_is_left_when_all_is_forgotten(evidence):
    """Row, rate and what was suspended; counting begins afresh."""
    evidence.add("a", HARD, 1)
    evidence.suspend("b", HARD, 2)

    evidence.clear()
    evidence.take_up(inf)

    assert evidence.rate(-inf) == (0, 0)
    assert evidence.in_a_row(-inf) == (0, -inf)
    evidence.add("c", SUCCESS, 3)
    assert evidence.rate(-inf) == (0, 1)
