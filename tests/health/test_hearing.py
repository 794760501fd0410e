"""What a breaker makes of what it hears, one step at a time."""

from functools import partial

import pytest

from pixroute.health.breaker import Breaker
from pixroute.health.latency import table_survival
from pixroute.health.merging import NOBODY, Hearsay
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import BreakerPolicy

TIMES = Quantiles(10, 20, 30)


def half_open(now):
    """Give a breaker that five failures had opened, and that lets a probe pass now."""
    breaker = Breaker(BreakerPolicy(), jitter=lambda: 0.0)
    for number in range(5):
        token = breaker.admit(
            0,
            request=f"{number}",
            evidence=number,
            expected=TIMES,
            timeout=100,
            survival=partial(table_survival, TIMES),
        )
        breaker.settle(token, HealthSignal.HARD, 15)
    breaker.evaluate(now)
    assert breaker.state is State.HALF_OPEN
    return breaker


@pytest.mark.parametrize("answered", [True, False])
def test_who_joins_an_opening_by_silence_goes_on_by_success_alone(answered):
    """Time-outs in a row are a streak, too; a ramp that goes on by time would close on an upstream that hangs."""
    breaker = Breaker(BreakerPolicy(), jitter=lambda: 0.0)
    breaker.hear(Hearsay(processes=2, sick=OpenReason.STREAK, answered=answered, opened_at=0, until=30), 0)
    breaker.admit(40, request="p", evidence="p", expected=TIMES, timeout=100, survival=partial(table_survival, TIMES))

    assert breaker.places(44) == (1 if answered else 0)
    assert breaker.testify(44).answered is answered


def test_who_loses_the_others_on_the_ramp_goes_on_with_its_own_part():
    """They go on with theirs: eight that each took the whole ramp would send eight times what it allows."""
    breaker = half_open(50)
    breaker.hear(Hearsay(processes=8, proven=True, alive_at=51, allowed=(32, 32)), 51)
    together = breaker.places(51)
    breaker.hear(NOBODY, 52)

    assert (together, breaker.places(52)) == (4, 4)
