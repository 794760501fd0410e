"""What holds of openings and hints, whatever their number and order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.health.breaker import Breaker
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import BreakerPolicy

seconds = st.floats(0, 2000)


@given(hints=st.lists(st.tuples(st.floats(0, 100), seconds), min_size=1, max_size=20))
def test_hints_only_extend(hints):
    """The end of a pause is the latest of the clamped hints that came before it ended (I8)."""
    breaker = Breaker(BreakerPolicy(), jitter=lambda: 0)
    now = until = 0.0
    for later, hint in hints:
        now += later
        until = max(until, now + min(max(hint, 1), 900))

        breaker.hint(hint, now)

        assert (breaker.reason, breaker.until) == (OpenReason.HINT, until)
    assert breaker.view(until).state is State.CLOSED


@given(jitter=st.floats(0, 1, exclude_max=True), openings=st.integers(1, 12))
def test_an_opening_lasts_no_less_than_the_first_and_no_more_than_the_longest(jitter, openings):
    """30 s ≤ open ≤ 600 s plus a fifth, each no shorter than the one before."""
    policy = BreakerPolicy(max_failures=1, max_open=600, max_open_refused=600)
    breaker, now, lasted = Breaker(policy, jitter=lambda: jitter), 0.0, []
    for number in range(openings):
        token = breaker.admit(
            now, request="r", evidence=number, expected=Quantiles(50, 80, 100), timeout=100, survival=lambda _: 1.0
        )
        breaker.settle(token, HealthSignal.HARD, now)
        lasted.append(breaker.until - now)
        now = breaker.until

    assert 30 <= lasted[0] <= 36
    assert max(lasted) <= 720
    assert lasted == pytest.approx(sorted(lasted))
