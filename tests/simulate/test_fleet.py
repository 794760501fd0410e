"""Processes that share what they know, and a store that is slow, lossy, cut off or out of time."""

import pytest
from attrs import evolve

from pixroute.simulate.callers import orders
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.policies import DEFAULT
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import Callers, Scenario, ScenarioFleet

pytestmark = pytest.mark.slow  # a quarter of an hour of several processes, in virtual time

HANG = Scenario(
    name="hang",
    hours=0.2,
    processes=6,
    callers=Callers(rate=0.5),
    faults=(SimulatedFault(on="banana", kind="hang", start=120, lasts=None),),
)


def first_openings(run):
    """Give when each process first opened the primary."""
    first = {}
    for opening in run.notes.openings:
        if opening.upstream == "banana":
            first.setdefault(opening.process, opening.at)
    return first


def ran(scenario, **fleet):
    """Let it happen with what they share."""
    return simulate(evolve(scenario, fleet=ScenarioFleet(**fleet)), DEFAULT, seed=1)


def test_all_notice_together_and_sooner():
    """Where they share, the last one opens within seconds of the first, and before all but one of those that do not."""
    alone, together = ran(HANG), ran(HANG, shares=True)
    opened = first_openings(together)

    assert len(opened) == HANG.processes
    assert max(opened.values()) - min(opened.values()) < 5
    assert max(opened.values()) < sorted(first_openings(alone).values())[1]
    assert together.notes.wasted_probes <= alone.notes.wasted_probes
    assert together.notes.violations == []


@pytest.mark.parametrize(
    "weather", [{"delay": 0.8}, {"loss": 0.3}, {"skew": 3600.0}, {"skew": -3600.0}, {"cut_off": 2, "cut_for": 9e9}]
)
def test_a_bad_store_costs_time_and_nothing_else(weather):
    """Every request ends as ever, no invariant is violated, and those that reach the store notice together."""
    run = ran(HANG, shares=True, **weather)
    reached = [at for process, at in first_openings(run).items() if process >= weather.get("cut_off", 0)]

    assert len(run.ends) == len(list(orders(HANG, 1)))
    assert run.notes.violations == []
    assert reached
    assert max(reached) - min(reached) < 30


def test_one_sick_process_closes_nothing_for_the_others():
    """Its own network swallows every answer; the others never notice."""
    broken = SimulatedFault(on="*", kind="hang", start=120, lasts=None, process=0)
    run = ran(evolve(HANG, faults=(broken,)), shares=True)

    assert {opening.process for opening in run.notes.openings} <= {0}
