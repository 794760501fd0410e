"""A report that a browser shows: who won, four large figures a policy, what happened over time, and all figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from pixroute.simulate.figures import Figures
from pixroute.simulate.plots import Group, plots
from pixroute.simulate.scenario import Scenario
from pixroute.simulate.verdict import ORACLE, rivals, share, verdict
from pixroute.simulate.words import GROUPS, LARGE, TITLES, FigureRow, best

_STYLE = """
:root { --ink: #1c2430; --dim: #5b6675; --line: #d9dee5; --win: #0a7d4f; --soft: #f5f7f9 }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 86em; margin: 0 auto; padding: 1.2em }
h1 { font-size: 1.5em; line-height: 1.2; margin: .2em 0 } h2 { font-size: 1.15em; margin: 2em 0 .6em }
.lead { font-size: 1.25em; line-height: 1.4; margin: .6em 0; max-width: 46em } .dim, small { color: var(--dim) }
.cards { display: grid; gap: .8em; grid-template-columns: repeat(auto-fill, minmax(min(100%, 22em), 1fr)) }
.card { border: 1px solid var(--line); border-radius: .5em; padding: .8em 1em; break-inside: avoid }
.card.first { border: 2px solid var(--win) } .card.oracle { background: var(--soft) }
.card h3 { margin: 0; font-size: 1.05em } .card p { margin: 0 0 .5em; font-size: .875em; color: var(--dim) }
.large { display: grid; grid-template-columns: 1fr 1fr; gap: .4em .8em }
.large b { display: block; font-size: 1.55em; line-height: 1.15; font-weight: 600; white-space: nowrap }
.large span { font-size: .8em; color: var(--dim) } .best { color: var(--win) } .best::after { content: " \\2605" }
.plots { display: grid; gap: 1em; grid-template-columns: repeat(auto-fit, minmax(min(100%, 32em), 1fr)) }
figure { margin: 0; break-inside: avoid } figcaption { font-weight: 600 } figure svg { width: 100%; height: auto }
.shade { display: inline-block; width: 1.6em; height: .9em; background: #d9534f40; vertical-align: -.1em }
summary { cursor: pointer; font-weight: 600; margin: 1.5em 0 .5em } .scroll { overflow-x: auto }
table { border-collapse: collapse; font-size: .875em; font-variant-numeric: tabular-nums }
th, td { padding: .3em 0 .3em 1.1em; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:first-child, td:first-child { padding-left: 0; text-align: left; position: sticky; left: 0; background: #fff }
th { color: var(--dim); font-weight: 600 } td.best { font-weight: 700 } tr.oracle td { color: var(--dim) }
dl { font-size: .875em; margin: .4em 0 1.4em } dt { float: left; clear: left; font-weight: 600; margin-right: .5em }
dd { margin: 0; color: var(--dim) }
@media print { body { font-size: 11px; max-width: none; padding: 0 } .scroll { overflow: visible }
  .cards { grid-template-columns: 1fr 1fr 1fr } .plots { grid-template-columns: 1fr 1fr } table { break-inside: avoid }
  h2, h3, summary { break-after: avoid }
  th, td { padding-left: .6em } details::details-content { content-visibility: visible; block-size: auto } }
"""
_OPEN_WHEN_PRINTED = (
    "<script>addEventListener('beforeprint', () =>"
    " document.querySelectorAll('details').forEach(one => { one.open = true }))</script>"
)


def html(
    scenario: Scenario,
    figures: Sequence[Figures],
    groups: Sequence[Group],
    summaries: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Write the report; `summaries` say what each policy is, `notes` what the world assumes."""
    seeds, requests = len(groups[0][1]), figures[0].requests
    return "\n".join(
        [
            "<!doctype html><html lang=en><meta charset=utf-8>",
            '<meta name=viewport content="width=device-width, initial-scale=1">',
            f"<title>{escape(scenario.name)}</title><style>{_STYLE}</style>",
            f"<h1>{escape(scenario.name)}</h1>",
            f"<p class=lead>{escape(verdict(figures))}</p>",
            f"<p>{escape(scenario.summary)} <span class=dim>{_extent(scenario, seeds, requests)}</span></p>",
            *(f"<p class=dim>{escape(note)}</p>" for note in notes),
            f"<div class=cards>{''.join(_cards(figures, summaries or {}))}</div>",
            "<h2>Over time</h2>",
            *(["<p class=dim><span class=shade></span> while something is wrong</p>"] if scenario.faults else []),
            f"<div class=plots>{''.join(plots(_ordered_groups(groups, figures)))}</div>",
            f"<details><summary>All figures</summary>{''.join(_tables(figures))}</details>",
            f"<details><summary>Success by phase and resolution</summary>{''.join(_phases(figures))}</details>",
            _OPEN_WHEN_PRINTED,
            "</html>",
        ]
    )


def _extent(scenario: Scenario, seeds: int, requests: int) -> str:
    worlds = "one world" if seeds == 1 else f"{seeds} worlds"
    processes = "one process" if scenario.processes == 1 else f"{scenario.processes} processes"
    hours = "1 hour" if scenario.hours == 1 else f"{scenario.hours:g} hours"
    return f"{hours}, {processes}, {worlds}, {requests:,} requests."


def _cards(figures: Sequence[Figures], summaries: Mapping[str, str]) -> Iterable[str]:
    """Give a card for each policy, the best first, the oracle last."""
    marked = {row.name: best(row, figures) for row in LARGE}
    ordered = _ordered(figures)
    for place, each in enumerate(ordered):
        kind = " oracle" if each.policy == ORACLE else " first" if place == 0 and len(ordered) > 1 else ""
        large = "".join(
            f"<div><b{' class=best' if each.policy in marked[row.name] else ''}>{escape(row.say(each))}</b>"
            f"<span>{escape(row.name)} {escape(row.meaning)}</span></div>"
            for row in LARGE
        )
        head = f"<h3>{escape(each.policy)}</h3><p>{escape(summaries.get(each.policy, ''))}</p>"
        yield f'<div class="card{kind}">{head}<div class=large>{large}</div></div>'


def _ordered(figures: Sequence[Figures]) -> list[Figures]:
    """Put the best first and the oracle last."""
    return [*rivals(figures), *(each for each in figures if each.policy == ORACLE)]


def _ordered_groups(groups: Sequence[Group], figures: Sequence[Figures]) -> list[Group]:
    places = [each.policy for each in _ordered(figures)]
    return sorted(groups, key=lambda group: places.index(group[0]))


def _tables(figures: Sequence[Figures]) -> Iterable[str]:
    for title, group in zip(TITLES, GROUPS, strict=True):
        yield f"<h3>{title}</h3>{_table(group, figures)}<dl>"
        yield from (f"<dt>{escape(row.name)}</dt><dd>{escape(row.meaning)}</dd>" for row in group)
        yield "</dl>"


def _phases(figures: Sequence[Figures]) -> Iterable[str]:
    keys = list(figures[0].success_by)
    for phase in sorted({phase for phase, _ in keys}, key=("quiet", "before", "during", "after").index):
        rows = [
            FigureRow(
                resolution,
                "",
                lambda each, key=(phase, resolution): share(each.success_by[key]),  # type: ignore[misc]  # bound now
                lambda each, key=(phase, resolution): -each.success_by[key],  # type: ignore[misc]  # as above
            )
            for told, resolution in keys
            if told == phase
        ]
        yield f"<h3>{phase.capitalize()}</h3>{_table(rows, figures)}"


def _table(rows: Sequence[FigureRow], figures: Sequence[Figures]) -> str:
    """Give a row for each policy, the best value of each column marked."""
    marked = {row.name: best(row, figures) for row in rows}
    heads = "".join(f"<th>{escape(row.name)}</th>" for row in rows)
    lines = []
    for each in figures:
        cells = "".join(
            f"<td{' class=best' if each.policy in marked[row.name] else ''}>{escape(row.say(each))}</td>"
            for row in rows
        )
        kind = " class=oracle" if each.policy == ORACLE else ""
        lines.append(f"<tr{kind}><td>{escape(each.policy)}</td>{cells}</tr>")
    return f"<div class=scroll><table><tr><th></th>{heads}</tr>{''.join(lines)}</table></div>"
