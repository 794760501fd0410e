"""The report: who won, large figures, plots with the fault in them, the best marked."""

import re

import pytest
from attrs import evolve

from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.figures import Times, measure
from pixroute.simulate.policies import CONTESTANTS
from pixroute.simulate.report import html
from pixroute.simulate.run import simulate
from pixroute.simulate.scenario import Callers, Scenario
from pixroute.simulate.verdict import rivals, share, verdict
from pixroute.simulate.words import LARGE, ROWS, best

FAULT = SimulatedFault(on="banana", kind="overloaded", start=60, lasts=60)
NAMES = ("three-retries", "pixroute", "oracle")


@pytest.fixture(scope="module")
def compared():
    """A small world for three policies: the scenario, the groups, the figures."""
    world = Scenario(name="<small>", hours=0.05, callers=Callers(rate=0.3), faults=(FAULT,))
    groups = [(name, [simulate(world, CONTESTANTS[name], 1)]) for name in NAMES]
    return world, groups, [measure(runs) for _, runs in groups]


def test_the_best_delivers_most_then_costs_least(compared):
    """The oracle does not compete."""
    one = compared[2][0]
    cheap, dear, few = (
        evolve(one, policy="cheap", success=0.99, worst=0.05),
        evolve(one, policy="dear", success=0.9902, worst=0.10),
        evolve(one, policy="few", success=0.5, worst=0.01),
    )

    assert [each.policy for each in rivals([few, dear, cheap, evolve(one, policy="oracle")])] == [
        "cheap",
        "dear",
        "few",
    ]
    assert verdict([few, cheap]) == (
        "cheap delivered 99.00 % of the pictures for at most $0.050 a picture; the next best, few, 50.0 % for $0.010: "
        "49.0 points more, 400 % dearer."
    )
    assert verdict([dear, cheap]).endswith("dear, 99.02 % for $0.100: as many pictures, 50 % cheaper.")
    assert verdict([cheap]) == "cheap delivered 99.00 % of the pictures for at most $0.050 a picture."


@pytest.mark.parametrize(
    ("value", "text"), [(1, "100 %"), (0.99999, "99.99 %"), (0.9996, "99.96 %"), (0.682, "68.2 %"), (0, "0.0 %")]
)
def test_only_all_is_100_percent(value, text):
    """A share just below it is not rounded up."""
    assert share(value) == text


def test_the_best_of_a_row_is_marked_unless_all_are_alike(compared):
    """Nothing delivered is never the best."""
    one, two, three = compared[2]
    nothing = evolve(one, delivery=Times(None, None, None))
    delivery = next(row for row in ROWS if row.name == "delivery s")

    assert best(delivery, [nothing, two, three]) == {"pixroute"}
    assert best(LARGE[0], [evolve(one, success=1.0), evolve(two, success=1.0)]) == set()


def test_figures_that_are_written_alike_are_marked_alike(compared):
    """$0.000 beside a marked $0.000 would be a riddle."""
    one, two, three = compared[2]
    nothing, little, much = (
        evolve(one, wasted=0.0),
        evolve(two, wasted=0.0001),
        evolve(one, policy="other", wasted=0.04),
    )

    assert best(LARGE[3], [nothing, little, much, three]) == {one.policy, two.policy}


def test_the_report_begins_with_a_sentence_and_four_large_figures(compared):
    """A card for each policy, the best first, the oracle last; all figures are folded."""
    world, groups, figures = compared
    page = html(world, figures, groups, {"pixroute": "ours & <best>"})

    assert page.index(verdict(figures)) < page.index("class=cards")
    heads = re.findall(r"<h3>([\w-]+)</h3><p>", page)
    assert heads == [each.policy for each in rivals(figures)] + ["oracle"]
    assert page.count("class=large") == len(NAMES)
    assert len(re.findall(r"<div><b[^>]*>", page)) == 4 * len(NAMES)
    assert "<table" not in page.partition("<details>")[0]
    assert "&lt;small&gt;" in page
    assert "ours &amp; &lt;best&gt;" in page
    assert 'name=viewport content="width=device-width' in page


def test_every_strip_of_every_plot_is_shaded(compared):
    """A fault is seen wherever time is."""
    world, groups, figures = compared
    shaded = html(world, figures, groups)
    quiet = html(evolve(world, faults=()), figures, groups)

    assert shaded.count("<svg") == 4
    assert shaded.count("opacity: 0.16") == 4 * len(NAMES)
    assert "while something is wrong" not in quiet
