"""Times that processes pool: counted in fixed buckets, told, added up."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.health.latency import KEPT, LearnedLatency
from pixroute.health.sketch import BUCKETS, TimesTold, read_times, sketch, times, write_times
from pixroute.health.statement import Unreadable
from pixroute.latency import Quantiles

TABLE = Quantiles(10, 20, 30)
SECONDS = st.floats(0.25, 3500)


@given(seconds=st.lists(SECONDS, max_size=200))
def test_a_time_comes_back_within_four_per_cent(seconds):
    """However many there are, the sketch has 128 buckets at most."""
    back = times(sketch(seconds))

    assert len(sketch(seconds)) <= BUCKETS
    assert all(abs(one / other - 1) < 0.04 for one, other in zip(sorted(seconds), back, strict=True))


@given(first=st.lists(SECONDS, max_size=100), second=st.lists(SECONDS, max_size=100))
def test_what_is_told_is_read(first, second):
    """The same counts, whatever they are."""
    told = TimesTold(sketch(first), sketch(second))

    assert read_times(write_times(told)) == told


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"successes":{}}', '{"successes":[[1]]}', '{"successes":[[128,1]]}', '{"successes":[[-1,1]]}',
     '{"successes":[[1,0]]}', '{"successes":[[1,1],[1,1]]}', '{"successes":[[1,201]]}', '{"censored":[[1,1.5]]}',
     '{"censored":[[true,1]]}', json.dumps({"successes": [[one, 2] for one in range(101)]})],
)  # fmt: skip
def test_hostile_counts_are_refused(text):
    """With a reason."""
    with pytest.raises(Unreadable):
        read_times(text)


def learned(*seconds):
    """Give what one process has learned."""
    latency = LearnedLatency(TABLE)
    for one in seconds:
        latency.add(one)
    return latency


def test_many_learn_together_what_none_knew_alone():
    """Ten processes of ten calls each know P50, P95 and P99 as one of a hundred would."""
    processes = [learned(*(20 + 10 * number + one for one in range(10))) for number in range(10)]
    alone = learned(*(20 + one for one in range(100)))
    told = [one.told(10) for one in processes]
    for number, one in enumerate(processes):
        one.pool(told[:number] + told[number + 1 :])

    assert not learned(*range(20, 30)).learned
    assert all(one.learned for one in processes)
    for one in processes:
        assert one.quantiles.p50 == pytest.approx(alone.quantiles.p50, rel=0.04)
        assert one.quantiles.p95 == pytest.approx(alone.quantiles.p95, rel=0.04)
        assert one.survival(60) == pytest.approx(alone.survival(60), abs=0.04)


def test_the_fleet_keeps_as_many_times_as_one_process_would():
    """Each tells its part of the last two hundred."""
    processes = [learned(*range(1, 400)) for _ in range(8)]

    assert sum(count for one in processes for _, count in one.told(8).successes) == KEPT


def test_who_is_alone_again_knows_its_own_times():
    """Others that tell no more are forgotten."""
    latency = learned(*[50] * 40)
    before = latency.quantiles
    latency.pool([TimesTold(sketch([200.0] * 100), ())])
    together = latency.quantiles
    latency.pool([])

    assert together.p50 > 100
    assert latency.quantiles == before
