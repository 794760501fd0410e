"""Admissions that have not been settled, and what their silence says."""

from math import inf, log

import pytest

from pixroute.health.in_flight import AdmissionToken, InFlight
from pixroute.latency import Quantiles


def token(started=0.0, request="r", expected=Quantiles(50, 80, 100)):  # noqa: B008 - frozen
    """Give an admission; half the calls are back in every 10 s."""
    return AdmissionToken(request, request, 0, started, expected, 100.0, lambda age: 0.5 ** (age / 10))


@pytest.fixture
def flight():
    """Three live admissions of three requests, started at 0, 10 and 20 s."""
    flight = InFlight()
    flight.live |= {token(0, "a"), token(10, "b"), token(20, "c")}
    return flight


@pytest.mark.parametrize(("now", "answered"), [(5, True), (130, True), (130.1, False)])
def test_what_comes_up_to_p99_is_an_answer(now, answered):
    """Counted from its own start."""
    assert token(30).answered(now) is answered


@pytest.mark.parametrize(
    ("since", "now", "accepted"),
    [(0, 30, 3), (0, 29.9, 2), (0, 9, 0), (1, 30, 2), (10, 30, 2), (20, 30, 1), (21, 99, 0)],
)
def test_what_is_older_than_a_refusal_is_being_worked_on(flight, since, now, accepted):
    """Started in between: no earlier than `since`, at least 10 s ago."""
    assert flight.accepted(since, now) == accepted


@pytest.mark.parametrize(("count", "at"), [(1, 150), (2, 160), (3, 170), (4, inf)])
def test_overdue_is_told_for_a_number_of_requests(flight, count, at):
    """Each 1.5·P99 after its start; never, while there are fewer."""
    assert flight.overdue_at(count, 1.5) == at


def test_a_request_is_overdue_with_its_oldest_call(flight):
    """And counts once."""
    flight.live.add(token(5, "c"))

    assert [flight.overdue_at(count, 1.5) for count in (2, 3, 4)] == [155, 160, inf]


def test_overdue_requests_are_counted_with_the_longest_p95_of_their_calls(flight):
    """Those that are overdue by now."""
    flight.live.add(token(0, "c", Quantiles(50, 90, 100)))

    assert [flight.overdue_lately(now, 1.5) for now in (149, 150, 159, 160)] == [(0, 0), (2, 90), (2, 90), (3, 90)]


def test_the_first_slow_call_is_told(flight):
    """By P95; never, while nothing is in flight."""
    assert flight.slow_at(1.5) == 120
    assert InFlight().slow_at(1.5) == inf


def test_a_new_generation_keeps_the_old_ones_as_no_evidence(flight):
    """They are still in flight."""
    flight.retire()
    flight.live.add(token(30))

    assert (len(flight), flight.overdue_at(1, 1.5), flight.accepted(0, 99)) == (4, 180, 1)


def test_a_settled_admission_goes_out_once(flight):
    """It says whether it was live; a second time is an error."""
    young = token(40)
    old = next(iter(flight.live))
    flight.retire()
    flight.live.add(young)

    assert [flight.remove(young), flight.remove(old)] == [True, False]
    assert len(flight) == 2
    with pytest.raises(KeyError):
        flight.remove(old)


def test_a_pause_is_taken_off_the_age_of_what_is_live(flight):
    """As if it had started later; and its silence is no evidence from then on."""
    before = flight.slow_at(1.5)

    flight.leave_out(1000)

    assert flight.slow_at(1.5) == before + 1000
    assert flight.overdue_at(1, 1.5) == inf
    assert flight.log_likelihood(-inf, 2000, 2) == 0


def test_the_likelihood_is_that_of_the_live_ones(flight):
    """What is older says nothing any more."""
    flight.older.add(token(0))

    assert flight.log_likelihood(-inf, 40, 2) == pytest.approx(log(0.5) * (40 + 30 + 20) / 20)
