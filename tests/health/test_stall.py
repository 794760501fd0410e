"""The likelihood of silence."""

from math import inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.health.latency import table_survival
from pixroute.health.stall import silence_log_likelihood
from pixroute.latency import Quantiles

ages = st.floats(0, 1000)


def halving(age):
    """Half the calls are back in every 10 s."""
    return 0.5 ** (age / 10)


def test_no_calls_say_nothing():
    """With nothing in flight, silence is certain."""
    assert silence_log_likelihood([], -inf, 100, 2) == 0


def test_it_is_the_sum_over_calls_of_the_survival_at_their_slowed_age():
    """LL = Σ ln S(a/θ) where nothing ever succeeded."""
    actual = silence_log_likelihood([(0, halving), (20, halving)], -inf, 40, 2)

    assert actual == pytest.approx(log(0.5**2) + log(0.5**1))


def test_what_a_call_survived_before_the_last_success_counts_no_more():
    """LL subtracts ln S of the age that a call had at the last success."""
    actual = silence_log_likelihood([(0, halving)], 20, 40, 2)

    assert actual == pytest.approx(log(0.5**2) - log(0.5**1))


@given(starts=st.lists(ages, max_size=20))
def test_a_success_this_instant_ends_the_silence(starts):
    """At the instant of a success the likelihood is 1."""
    calls = [(start, halving) for start in starts]

    assert silence_log_likelihood(calls, 1000, 1000, 2) == 0


@given(starts=st.lists(ages, max_size=20), first=ages, longer=ages, last=ages)
def test_silence_only_grows_less_likely_with_time(starts, first, longer, last):
    """Later is never more likely, and never above 1."""
    survival = lambda age: table_survival(Quantiles(50, 80, 100), age)  # noqa: E731 - a value among values
    calls = [(start, survival) for start in starts]
    now = 1000 + first
    earlier = silence_log_likelihood(calls, last, now, 2)

    assert silence_log_likelihood(calls, last, now + longer, 2) <= earlier + 1e-9
    assert earlier <= 1e-9


def test_a_burst_of_calls_is_not_a_stall_before_half_of_them_should_be_back():
    """A hundred calls started at once are no stall at an age of half their P50."""
    survival = lambda age: table_survival(Quantiles(50, 120, 150), age)  # noqa: E731 - a value among values

    actual = silence_log_likelihood([(0, survival)] * 100, -inf, 25, 2)

    assert actual > log(0.5)


def test_a_hung_provider_is_found_before_its_calls_are_overdue():
    """Forty calls that are all silent at P99 cannot be chance, though the provider may be twice as slow."""
    survival = lambda age: table_survival(Quantiles(50, 80, 100), age)  # noqa: E731 - a value among values

    assert silence_log_likelihood([(0, survival)] * 40, -inf, 100, 2) < log(1e-6)
