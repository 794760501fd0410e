"""The figures in words: what each is called, what it means, how it is written, and which of two is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from attrs import frozen

from pixroute.simulate.figures import Figures, Times
from pixroute.simulate.verdict import ORACLE, dollars, share

Rank = Callable[[Figures], float | None]
"""Gives a number that is smaller the better a figure is; None where there is none."""


@frozen
class FigureRow:
    """A figure: its name, what it is, how it is said, and how good it is; `rank` None: that cannot be said."""

    name: str
    meaning: str
    say: Callable[[Figures], str]
    rank: Rank | None = None


def best(row: FigureRow, figures: Sequence[Figures]) -> set[str]:
    """Give the policies whose figure, as it is written, is the best; none where all are. The oracle is not counted."""
    if row.rank is None:
        return set()
    ranks = {each.policy: inf if (rank := row.rank(each)) is None else rank for each in figures}
    ranks.pop(ORACLE, None)
    least = min(ranks.values(), default=inf)
    found = {name for name, rank in ranks.items() if rank <= least + 1e-9}
    said = {row.say(each) for each in figures if each.policy in found}
    found |= {each.policy for each in figures if each.policy in ranks and row.say(each) in said}
    return set() if len(found) == len(ranks) else found


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _times(times: Times) -> str:
    return " / ".join(map(_seconds, (times.p50, times.p95, times.p99)))


def _probes(figures: Figures) -> str:
    return f"{figures.wasted_probes} / {figures.probes}, {figures.probe_price:.2f}"


def _histogram(figures: Figures) -> str:
    return "  ".join(f"{number}: {count / figures.requests:.2%}" for number, count in figures.possibly_billed.items())


GROUPS = (
    (
        FigureRow("success", "pictures while the caller was there", lambda f: f"{f.success:.3%}", lambda f: -f.success),
        FigureRow(
            "delivery s", "P50 / P95 / P99 to the picture", lambda f: _times(f.delivery), lambda f: f.delivery.p95
        ),
        FigureRow("error s", "P50 / P95 / P99 to the error", lambda f: _times(f.error), lambda f: f.error.p95 or 0.0),
        FigureRow("primary", "share of the pictures it made", lambda f: f"{f.primary:.1%}"),
    ),
    (
        FigureRow(
            "$ per picture",
            "surely billed / in the upstreams' books / at worst",
            lambda f: f"{f.certain:.4f} / {f.expected:.4f} / {f.worst:.4f}",
            lambda f: f.worst,
        ),
        FigureRow(
            "$ wasted",
            "per picture at worst, on calls that delivered nothing",
            lambda f: f"{f.wasted:.4f}",
            lambda f: f.wasted,
        ),
        FigureRow(
            "abandoned",
            "calls billed without a picture delivered, per request",
            lambda f: f"{f.abandoned:.4f}",
            lambda f: f.abandoned,
        ),
    ),
    (
        FigureRow(
            "possibly billed",
            "requests by calls that may have been billed",
            _histogram,
            lambda f: f.mean_possibly_billed,
        ),
        FigureRow(
            "at most",
            "the highest such number at any instant",
            lambda f: str(f.most_possibly_billed),
            lambda f: f.most_possibly_billed,
        ),
        FigureRow(
            "calls",
            "per request, and in the worst minute",
            lambda f: f"{f.amplification:.3f} / {f.worst_minute:.2f}",
            lambda f: f.amplification,
        ),
    ),
    (
        FigureRow(
            "detected",
            "seconds from the fault to the first opening",
            lambda f: _seconds(f.detection),
            lambda f: f.detection,
        ),
        FigureRow("sunk", "calls lost until then", lambda f: _seconds(f.sunk), lambda f: f.sunk),
        FigureRow(
            "recovered",
            "seconds from the fault's end until the primary serves again",
            lambda f: _seconds(f.recovery),
            lambda f: f.recovery,
        ),
        FigureRow("opens/h", "per process", lambda f: f"{f.opens_per_hour:.2f}"),
        FigureRow(
            "false/d",
            "openings a day and process that no fault explains",
            lambda f: f"{f.false_opens:.2f}",
            lambda f: f.false_opens,
        ),
    ),
    (
        FigureRow("probes", "in vain / all, and their dollars at worst", _probes),
        FigureRow("violations", "of the invariants", lambda f: str(f.violations), lambda f: f.violations),
        FigureRow(
            "regret",
            "behind the oracle: success, and as multiples of its own $ per picture, P50, P99",
            lambda f: str(f.regret or "–"),
        ),
    ),
)
"""What was delivered, what it cost, what was sent, what was noticed, and how that was found out."""
TITLES = ("Delivered", "Money", "Calls", "The fault noticed", "Probes, and what could still be gained")
ROWS = tuple(row for group in GROUPS for row in group)
LARGE = (
    FigureRow("delivered", "of the requests", lambda f: share(f.success), lambda f: -f.success),
    FigureRow("P95", "to the picture", lambda f: f"{_seconds(f.delivery.p95)} s", lambda f: f.delivery.p95),
    FigureRow("a picture", "at worst", lambda f: dollars(f.worst), lambda f: f.worst),
    FigureRow("wasted", "a picture, at worst", lambda f: dollars(f.wasted), lambda f: f.wasted),
)
"""The four that a reader wants first."""
