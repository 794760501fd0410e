"""A report that a browser shows: the scenario, the comparison, the plots."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pixroute.simulate.figures import Figures
from pixroute.simulate.plots import Group, plots
from pixroute.simulate.scenario import Scenario
from pixroute.simulate.words import ROWS

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
td { padding: .2em .8em; border-bottom: 1px solid #ddd }
svg { max-width: 100%; height: auto }
"""


def html(scenario: Scenario, figures: Sequence[Figures], groups: Sequence[Group]) -> str:
    """Write the report."""
    seeds, requests = len(groups[0][1]), figures[0].requests
    return "\n".join(
        [
            "<!doctype html><meta charset=utf-8>",
            f"<title>{escape(scenario.name)}</title><style>{_STYLE}</style>",
            f"<h1>{escape(scenario.name)}</h1><p>{escape(scenario.summary)}</p>",
            f"<p>{scenario.hours:g} hours, processes: {scenario.processes}, seeds: {seeds}, {requests:,} requests.</p>",
            _table([["", *(each.policy for each in figures)], *_rows(figures)]),
            "<h2>Success by phase and resolution</h2>",
            _table([["", *(each.policy for each in figures)], *_phases(figures)]),
            *plots(groups),
        ]
    )


def _rows(figures: Sequence[Figures]) -> list[list[str]]:
    return [[f"{row.name}: {row.meaning}", *(row.say(each) for each in figures)] for row in ROWS]


def _phases(figures: Sequence[Figures]) -> list[list[str]]:
    return [[" ".join(key), *(f"{each.success_by[key]:.2%}" for each in figures)] for key in figures[0].success_by]


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
