"""Policies, and the time-outs that a configuration may say in three ways."""

import pytest

from pixroute import Policy
from pixroute.policy import DEFAULT_TIMEOUTS, TIMEOUT_PRESETS, timeouts


@pytest.mark.parametrize(
    ("said", "table"),
    [
        ("peak", {"1K": 600, "2K": 600, "4K": 600, "other": 600}),
        ("datacenter", {"1K": 300, "2K": 300, "4K": 600, "other": 600}),
        (120, {"1K": 120, "2K": 120, "4K": 120, "other": 120}),
        (0.5, {"1K": 0.5, "2K": 0.5, "4K": 0.5, "other": 0.5}),
        ({"4K": 700}, {"1K": 300, "2K": 300, "4K": 700, "other": 600}),
    ],
)
def test_attempt_time_outs_are_a_preset_a_number_or_a_table(said, table):
    """What a table leaves out has its default."""
    assert timeouts(said) == table
    assert Policy(attempt_timeout=said).attempt_timeout == table


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("offfice", 'attempt_timeout must be "datacenter", "home", .*, not "offfice"'),
        ({"8K": 1}, 'attempt_timeout."8K" must be "1K", "2K", "4K" or "other", not "8K"'),
        (0, "a number above 0 or a table, not 0"),
        ({"4K": -1}, 'attempt_timeout."4K" must be a number above 0, not -1'),
        (float("nan"), "a number above 0 or a table, not nan"),
    ],
)
def test_an_unreadable_time_out_says_what_may_stand_there(said, why):
    """One sentence, before anything is sent."""
    with pytest.raises(ValueError, match=why):
        Policy(attempt_timeout=said)


def test_the_default_is_the_vendors_table_for_a_data_centre():
    """300 s up to 2K, 600 s at 4K and where the resolution is not known."""
    assert Policy().attempt_timeout == DEFAULT_TIMEOUTS == TIMEOUT_PRESETS["datacenter"]
