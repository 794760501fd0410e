"""Accounts that nobody asks."""

import pytest

from pixroute.health.holds import Holds
from pixroute.outcome import REACTIONS, FailureKind, Hold

AUTH = REACTIONS[FailureKind.AUTH].hold
QUOTA = REACTIONS[FailureKind.QUOTA].hold


@pytest.fixture
def holds():
    return Holds()


def repeat(holds, hold, times):
    """Place a hold again and again, each time as soon as the last has ended; give the lengths."""
    now, lengths = 0.0, []
    for _ in range(times):
        holds.place("key", hold, now)
        until = holds.until("key", now)
        lengths.append(until - now)
        now = until
    return lengths


def test_a_bad_key_is_held_thirty_seconds_doubling_to_five_minutes(holds):
    """AUTH holds for 30, 60, 120, 240, 300, 300 s."""
    assert repeat(holds, AUTH, 6) == [30, 60, 120, 240, 300, 300]


def test_an_empty_account_is_held_an_hour_each_time(holds):
    """QUOTA holds for 1 h and does not double."""
    assert repeat(holds, QUOTA, 3) == [3600, 3600, 3600]


def test_another_trouble_is_no_repetition(holds):
    """A bad key after an empty account is held its own first time."""
    holds.place("key", QUOTA, 0)
    holds.place("key", AUTH, 3600)

    assert holds.until("key", 3600) == 3630


def test_a_burst_of_failures_repeats_nothing(holds):
    """Fifty attempts in flight that all meet the bad key are one trouble."""
    for second in range(20):
        holds.place("key", AUTH, second)

    assert holds.until("key", 20) == 49


def test_a_shorter_hold_does_not_end_a_longer(holds):
    """An hour without money is not cut to 30 s by a bad key."""
    holds.place("key", QUOTA, 0)
    holds.place("key", AUTH, 10)

    assert holds.until("key", 10) == 3600


def test_a_hold_ends_by_itself(holds):
    """At its end the account may be asked again, and is not listed any more."""
    holds.place("key", Hold(first=30, longest=30), 0)

    assert holds.active(29) == {"key": 30}
    assert holds.until("key", 30) is None
    assert holds.active(30) == {}


def test_other_accounts_are_not_held(holds):
    """A hold is one account's."""
    holds.place("key", AUTH, 0)

    assert holds.until("another", 1) is None


def test_a_changed_secret_ends_the_hold_and_its_repetitions(holds):
    """A new key need not wait for the old one's hold, nor inherit its doubling."""
    secret = ["old"]
    holds.place("key", AUTH, 0, lambda: secret[0])
    before = holds.until("key", 1)
    secret[0] = "new"

    assert before == 30
    assert holds.until("key", 2) is None
    holds.place("key", AUTH, 40, lambda: secret[0])
    assert holds.until("key", 40) == 70


def test_the_secret_is_read_only_while_a_hold_lasts(holds):
    """Nobody reads a secret's file for an account without a hold."""
    reads = []
    holds.place("key", AUTH, 0, lambda: reads.append(1) or "same")
    holds.until("key", 1)
    during = len(reads)

    holds.until("key", 30)
    holds.until("another", 30)

    assert len(reads) == during == 2


def test_an_account_that_was_served_begins_anew(holds):
    """After a success the next hold is the first again."""
    repeat(holds, AUTH, 3)

    holds.forget("key")
    holds.forget("never held")

    assert not holds
    assert repeat(holds, AUTH, 1) == [30]
