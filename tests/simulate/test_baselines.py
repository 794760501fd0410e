"""What others do, call by call."""

import pytest

from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.policies import CONTESTANTS
from pixroute.testing import run_virtual


@pytest.fixture
def served(make_world):
    """Ask a baseline for some orders, one after another; give who served and every call."""

    def served_(name, *orders, faults=()):
        world = make_world(*faults)

        async def main():
            service = CONTESTANTS[name].start(world, 1)
            by = [await service.ask(order) for order in orders]
            await service.aclose()
            return by, service.notes

        by, notes = run_virtual(main())
        return by, [call.provider for call in world.calls], notes

    return served_


DOWN = SimulatedFault(on="banana", kind="overloaded")
SILENT = SimulatedFault(on="banana", kind="hang")


def test_three_retries_ask_one_provider_four_times(served, make_order):
    """And nobody else."""
    by, calls, _ = served("three-retries", make_order(), faults=[DOWN])

    assert by == [None]
    assert calls == ["banana-http"] * 4


def test_a_plain_chain_asks_each_once(served, make_order):
    """In order, each with its full time-out."""
    by, calls, _ = served("plain-chain", make_order(), faults=[DOWN])

    assert by == ["seedream"]
    assert calls == ["banana-http", "banana-https", "seedream"]


def test_five_failures_in_a_row_open(served, make_order):
    """From the sixth request on the sick provider is left out."""
    by, calls, notes = served("count-of-5", *map(make_order, range(6)), faults=[DOWN])

    assert by == ["seedream"] * 6
    assert len(notes.openings) == 2
    assert calls[-1] == "seedream"
    assert calls.count("banana-http") < 6


def test_a_trial_follows_when_the_time_is_over(served, make_order):
    """One call while the others pass by."""
    _, calls, notes = served("count-of-5", *map(make_order, range(20)), faults=[DOWN])

    assert notes.probes >= 1
    assert calls.count("banana-http") >= 6


def test_a_time_out_cools_down_at_once(served, make_order):
    """The other port is asked next, then the fallback."""
    by, calls, notes = served("ratio-cooldown", make_order(), faults=[SILENT])

    assert by == ["seedream"]
    assert set(calls) == {"banana-http", "banana-https", "seedream"}
    assert [opening.reason for opening in notes.openings] == ["ratio"] * len(notes.openings) != []


def test_a_ratio_needs_five_calls(served, make_order):
    """Within one minute."""
    _, _, notes = served("ratio-cooldown", make_order(), faults=[DOWN])

    assert notes.openings == []


def test_the_fallback_makes_a_larger_picture_where_it_makes_none_so_small(served, make_order):
    """1K becomes 2K on Seedream."""
    by, _, _ = served("plain-chain", make_order(resolution="1K"), faults=[DOWN])

    assert by == ["seedream"]
