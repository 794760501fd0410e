"""What runs come to."""

import pytest

from pixroute.outcome import Billing, FailureKind
from pixroute.simulate.callers import Callers
from pixroute.simulate.contestant import Notes, Opening
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.figures import measure
from pixroute.simulate.run import RequestEnd, SimulationRun
from pixroute.simulate.scenario import Scenario
from pixroute.simulate.words import ROWS
from pixroute.simulate.world import SimulatedCall

HANG = SimulatedFault(on="banana", kind="hang", start=600, lasts=600)


def call(number, started, *, price=0.09, kind=None, billing=Billing.BILLED, billed=True, upstream="banana"):
    provider = {"banana": "banana-http"}.get(upstream, upstream)
    return SimulatedCall(number, provider, upstream, started, price, billed, started + 50, kind, billing)


@pytest.fixture
def run(make_order):
    """Three requests: one served by the primary, one by the fallback after a hang, one not at all."""
    ends = [
        RequestEnd(make_order(0, at=0), 50, "banana-http"),
        RequestEnd(make_order(1, at=700), 900, "seedream"),
        RequestEnd(make_order(2, at=1300), 1700, None, left=True),
    ]
    lost = {"kind": FailureKind.CANCELLED, "billing": Billing.AMBIGUOUS}
    calls = [
        call(0, 0),
        call(1, 700, **lost),
        call(1, 850, price=0.04, upstream="seedream"),
        call(2, 1300, **lost, billed=False),
    ]
    openings = [Opening(300, 0, "banana", "rate"), Opening(720, 0, "banana", "overdue")]
    return SimulationRun(
        scenario=Scenario(name="three", callers=Callers(), faults=(HANG,)),
        policy="any",
        seed=0,
        ends=ends,
        calls=calls,
        notes=Notes(openings=openings),
        cpu=1.0,
    )


def test_success_is_counted_by_phase_and_resolution(run):
    """Two of three."""
    figures = measure([run])

    assert figures.success == pytest.approx(2 / 3)
    assert figures.success_by == {("before", "4K"): 1.0, ("during", "4K"): 1.0, ("after", "4K"): 0.0}


def test_money_is_certain_expected_and_worst(run):
    """Per picture: what was surely billed, what the books say, what it may have been."""
    figures = measure([run])

    assert figures.certain == pytest.approx((0.09 + 0.04) / 2)
    assert figures.expected == pytest.approx((0.09 + 0.04 + 0.09) / 2)
    assert figures.worst == pytest.approx((0.09 + 0.04 + 0.18) / 2)
    assert figures.wasted == pytest.approx(0.18 / 2)


def test_calls_that_may_be_billed_are_a_histogram(run):
    """One, two and one."""
    figures = measure([run])

    assert figures.possibly_billed == {0: 0, 1: 2, 2: 1}
    assert figures.mean_possibly_billed == pytest.approx(4 / 3)


def test_openings_are_detections_or_false(run):
    """The one before the fault is false; the one within it came after 120 s and one lost call."""
    figures = measure([run])

    assert figures.detection == 120
    assert figures.sunk == 1
    assert figures.false_opens == pytest.approx(24)
    assert figures.opens_per_hour == pytest.approx(2)


def test_every_row_can_be_said(run):
    """Also where there is nothing to say."""
    figures = measure([run])

    assert all(row.say(figures) for row in ROWS)
