"""Windows of budgets, what they cover, and money in millionths."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.shared.budgets import Budget, Covers, millionths, window

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)).map(lambda at: at.replace(tzinfo=UTC).timestamp())  # noqa: DTZ001 - set just after
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Shanghai", "Australia/Lord_Howe"])


@given(per=st.sampled_from(["hour", "day", "month"]), zone=ZONES, now=MOMENTS)
def test_windows_cover_time_without_gap(per, zone, now):
    """A moment lies in its window, every moment of a window names the same, and the next begins where it ends."""
    begins, ends = window(per, zone, now)
    inside = [window(per, zone, at) for at in (begins.timestamp(), (begins.timestamp() + ends.timestamp()) / 2)]
    after, _ = window(per, zone, ends.timestamp())

    assert begins.timestamp() <= now < ends.timestamp()
    assert inside == [(begins, ends)] * 2
    assert after.timestamp() == ends.timestamp()


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)], ids=["spring", "autumn", "usual"]
)
def test_a_day_is_as_long_as_the_wall_clock_says(day, hours):
    """Where clocks are changed, a day has 23 or 25 hours."""
    begins, ends = window("day", "Europe/Berlin", datetime(*day, 12, tzinfo=UTC).timestamp())

    assert ends.timestamp() - begins.timestamp() == hours * 3600


def test_an_hour_that_comes_twice_is_two_windows():
    """In autumn the hour from two to three has two names."""
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    names = {window("hour", "Europe/Berlin", (first + timedelta(hours=n)).timestamp())[0].isoformat() for n in range(2)}

    assert names == {"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"}


def test_a_hold_names_its_window():
    """Another period is another name: nothing is ever set back."""
    budget = Budget(limit="20.00", per="month")
    hold = budget.hold("team", Decimal("0.0399999"), datetime(2026, 12, 31, 23, tzinfo=UTC).timestamp())

    assert hold.name == "team@2026-12-01T00:00:00+00:00"
    assert (hold.amount, hold.limit) == (40_000, 20_000_000)
    assert hold.ends == datetime(2027, 1, 1, tzinfo=UTC).timestamp()


@given(st.decimals(min_value=0, max_value=1000, places=9))
def test_money_is_rounded_up(amount):
    """A limit is never passed by rounding."""
    assert amount <= Decimal(millionths(amount)) / 1_000_000 < amount + Decimal("0.000001")


@pytest.mark.parametrize(
    ("covers", "matches"),
    [
        ({}, True),
        ({"chain": "default"}, True),
        ({"chain": ["other"]}, False),
        ({"provider": ["a", "b"]}, True),
        ({"provider": "b"}, False),
        ({"resolution": "4K"}, False),
        ({"tags": {"team": "red"}}, True),
        ({"tags": {"team": "blue"}}, False),
        ({"chain": "default", "tags": {"team": "red", "who": "me"}}, False),
    ],
)
def test_what_a_budget_covers(covers, matches):
    """All that is said must be so."""
    assert Covers(**covers).match(chain="default", provider="a", resolution="1K", tags={"team": "red"}) is matches


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"limit": "nan"}, "limit"),
        ({"limit": -1}, "limit"),
        ({"per": "week"}, "per"),
        ({"time_zone": "Mars/Olympus"}, "time_zone 'Mars/Olympus' is no time zone"),
        ({"currency": "dollars"}, "currency"),
        ({"on_exhausted": "stop"}, "on_exhausted"),
    ],
)
def test_a_wrong_budget_is_told_by_its_field(wrong, sentence):
    """One sentence that names the field."""
    with pytest.raises(ValueError, match=sentence):
        Budget(**{"limit": "20", "per": "day"} | wrong)
