"""Who asks, drawn once per seed."""

import pytest

from pixroute.simulate.callers import Callers, orders
from pixroute.simulate.scenario import Scenario


def arrivals(seed=1, hours=1.0, **callers):
    return list(orders(Scenario(name="any", hours=hours, callers=Callers(**callers)), seed))


def test_a_seed_gives_the_same_requests():
    """And another seed others."""
    assert arrivals(1) == arrivals(1) != arrivals(2)


def test_rate_and_mix_are_as_asked():
    """One a second; 40, 40 and 20 %."""
    found = arrivals(hours=2)
    shares = {size: sum(each.resolution == size for each in found) / len(found) for size in ("1K", "2K", "4K")}

    assert len(found) == pytest.approx(7200, rel=0.05)
    assert shares == pytest.approx({"1K": 0.4, "2K": 0.4, "4K": 0.2}, abs=0.03)


def test_a_day_swings():
    """With a swing of 0.8 the middle of the day is far busier than its ends."""
    found = arrivals(hours=24, rate=0.05, swing=0.8)
    night = sum(each.at < 4 * 3600 for each in found)
    noon = sum(10 * 3600 <= each.at < 14 * 3600 for each in found)

    assert len(found) == pytest.approx(0.05 * 86400, rel=0.1)
    assert noon > 4 * night


def test_some_have_little_time_some_leave_and_some_are_poison():
    """Each a share of its own; a swing of the rate does not change who they are."""
    found = arrivals(short=0.2, short_timeout=45, cancel=0.1, poison=0.05)

    assert sum(each.timeout == 45 for each in found) == pytest.approx(0.2 * len(found), rel=0.15)
    assert sum(each.cancels for each in found) == pytest.approx(0.1 * len(found), rel=0.2)
    assert sum(each.poison for each in found) == pytest.approx(0.05 * len(found), rel=0.3)
    assert all(each.leaves_after <= 120 for each in found if each.cancels)


def test_processes_share_the_requests():
    """Three processes, about a third each."""
    found = list(orders(Scenario(name="any", processes=3), 1))

    assert {each.process for each in found} == {0, 1, 2}
