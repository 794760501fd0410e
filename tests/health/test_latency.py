"""Times learned from calls."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixroute.health.latency import ENOUGH, FLOOR, KEPT, LearnedLatency, table_survival
from pixroute.latency import Quantiles

TABLE = Quantiles(50, 120, 150)
NO_LEAST = Quantiles(0, 0, 0)
seconds = st.floats(0.01, 600)


def learned(times, least=NO_LEAST):
    latency = LearnedLatency(TABLE, least=least)
    for time in times:
        latency.add(time)
    return latency


def test_the_table_stands_until_thirty_successes_are_known():
    """29 successes change nothing, the 30th does."""
    latency = learned([10.0] * (ENOUGH - 1))
    before = latency.quantiles, latency.survival(10)

    latency.add(10.0)

    assert before == (TABLE, table_survival(TABLE, 10))
    assert latency.quantiles == Quantiles(10, 10, 10)
    assert latency.survival(10) == FLOOR


def test_quantiles_are_those_of_the_successes():
    """Of 1 to 100, P50 is 50, P95 is 95 and P99 is 99."""
    assert learned(range(1, 101)).quantiles == Quantiles(50, 95, 99)


@pytest.mark.parametrize(
    ("least", "expected"),
    [(None, Quantiles(10, 120, 150)), (Quantiles(40, 8, 15), Quantiles(10, 10, 15))],
    ids=["the table by default", "only P95 and P99"],
)
def test_a_fast_spell_does_not_make_the_usual_look_like_silence(least, expected):
    """P95 and P99 are never learned below a least; P50 is."""
    assert learned([10.0] * ENOUGH, least).quantiles == expected


def test_slower_than_the_table_is_learned():
    """The least is no most."""
    assert learned([500.0] * ENOUGH, TABLE).quantiles == Quantiles(500, 500, 500)


def test_only_the_last_two_hundred_count():
    """What is older than the last 200 successes is forgotten."""
    latency = learned([500.0] * 300 + [10.0] * KEPT)

    assert latency.quantiles == Quantiles(10, 10, 10)
    assert latency.survival(20) == FLOOR


def test_what_was_read_is_read_again_until_more_is_known():
    """Quantiles are computed once per change."""
    latency = learned(range(1, 101))

    assert latency.quantiles is latency.quantiles


def test_a_call_that_ended_otherwise_counts_as_longer_than_its_age_and_no_more():
    """A cut call outlived every age below its own, and says nothing of ages above."""
    latency = learned([10.0] * 50 + [20.0] * 50)
    latency.add_censored(15.0)

    assert latency.survival(12) == pytest.approx(51 / 101)
    assert latency.survival(15) == pytest.approx(50 / 100)


def test_nothing_is_learned_while_the_upstream_is_sick():
    """The measure of a healthy upstream is frozen while its breaker is not closed."""
    latency = LearnedLatency(TABLE, learns=lambda: False)
    for _ in range(ENOUGH):
        latency.add(1.0)
    latency.add_censored(1.0)

    assert latency.quantiles == TABLE
    assert latency.survival(50) == table_survival(TABLE, 50)


@settings(max_examples=25)
@given(st.lists(seconds, min_size=ENOUGH, max_size=300))
def test_quantiles_are_in_order_and_were_seen(times):
    """P50 ≤ P95 ≤ P99, each a time that was seen; half of the kept times are not above P50."""
    latency = learned(times)
    kept = sorted(times[-KEPT:])
    actual = latency.quantiles

    assert kept[0] <= actual.p50 <= actual.p95 <= actual.p99 <= kept[-1]
    assert sum(time <= actual.p50 for time in kept) >= len(kept) / 2
    assert sum(time < actual.p50 for time in kept) <= len(kept) / 2


@settings(max_examples=25)
@given(st.lists(seconds, min_size=ENOUGH, max_size=60), st.lists(seconds, max_size=60), seconds, seconds)
def test_learned_survival_never_rises_and_stays_within_floor_and_one(times, cut, age, more):
    """1e-4 ≤ S(later) ≤ S(earlier) ≤ 1, cut calls or not."""
    latency = learned(times)
    for time in cut:
        latency.add_censored(time)

    assert FLOOR <= latency.survival(age + more) <= latency.survival(age) <= 1


@pytest.mark.parametrize(("age", "survives"), [(0, 1), (-5, 1), (50, 0.5), (120, 0.05), (150, 0.01), (1e6, FLOOR)])
def test_a_tables_survival_goes_through_its_points(age, survives):
    """S is 1 at 0, a half at P50, 5 % at P95, 1 % at P99, and never under the floor."""
    assert table_survival(TABLE, age) == pytest.approx(survives, rel=1e-3)


@given(st.tuples(seconds, seconds, seconds).map(sorted), seconds, seconds)
def test_a_tables_survival_never_rises(points, age, more):
    """Whatever the table says, equal numbers included, later is never likelier."""
    table = Quantiles(*points)

    assert FLOOR <= table_survival(table, age + more) <= table_survival(table, age) * (1 + 1e-9) <= 1 + 1e-9


def test_hardly_a_picture_comes_at_once():
    """At a quarter of P50 nearly every call is still out, unlike along a straight line in ln S."""
    assert table_survival(Quantiles(50, 120, 150), 12.5) > 0.99 > 0.5**0.25
