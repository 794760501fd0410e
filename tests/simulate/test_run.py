"""Runs: repeatable, fair, and without a violation."""

import pytest
from attrs import evolve

from pixroute.simulate.policies import BASELINES, CONTESTANTS, DEFAULT, WITHOUT
from pixroute.simulate.run import simulate

pytestmark = pytest.mark.slow  # an hour of traffic each: some hundred requests


@pytest.mark.parametrize("name", ["pixroute", "ratio-cooldown"])
def test_the_same_seed_gives_the_same_hash(hour, name):
    """I10: every event, in order, with its time; another seed gives another."""
    digests = [simulate(hour, CONTESTANTS[name], seed).notes.digest for seed in (1, 1, 2)]

    assert digests[0] == digests[1] != digests[2]


def test_a_policy_does_not_change_the_world(hour):
    """The first call of a request to an upstream takes the same time whoever makes it."""
    quiet = evolve(hour, faults=())

    def times(contestant):
        calls = simulate(quiet, contestant, 1).calls
        return {(call.order, call.upstream): call.ended - call.started for call in calls if call.kind is None}

    ours, theirs = times(DEFAULT), times(BASELINES[0])
    both = ours.keys() & theirs.keys()
    assert len(both) > 200
    assert {key: ours[key] for key in both} == pytest.approx({key: theirs[key] for key in both}, abs=0.01)


@pytest.mark.parametrize("contestant", [DEFAULT, *WITHOUT], ids=lambda each: each.name)
def test_no_part_switched_off_violates_an_invariant(hour, contestant):
    """I1 to I8 hold of every variant of ours, with callers who leave and several processes."""
    callers = evolve(hour.callers, short=0.1, cancel=0.1, poison=0.05)

    notes = simulate(evolve(hour, processes=2, callers=callers), contestant, 1).notes

    assert notes.violations == []
    assert notes.most_possibly_billed <= 2


def test_everybody_gets_an_answer_and_ours_a_picture(hour):
    """While the first upstream hangs, ours serves all; a single provider does not."""
    ours, single = (simulate(hour, CONTESTANTS[name], 1) for name in ("pixroute", "three-retries"))

    assert len(ours.ends) == len(single.ends)
    assert all(end.provider for end in ours.ends)
    assert not all(end.provider for end in single.ends)
