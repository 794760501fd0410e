"""The rows of a comparison: which figures, in which words."""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from pixroute.simulate.figures import Figures, Times


@frozen
class FigureRow:
    """A figure: its name, what it is, how it is said."""

    name: str
    meaning: str
    say: Callable[[Figures], str]


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
        FigureRow("success", "pictures while the caller was there", lambda f: f"{f.success:.3%}"),
        FigureRow("delivery s", "P50 / P95 / P99 to the picture", lambda f: _times(f.delivery)),
        FigureRow("error s", "P50 / P95 / P99 to the error", lambda f: _times(f.error)),
        FigureRow("primary", "share of the pictures it made", lambda f: f"{f.primary:.1%}"),
        FigureRow(
            "regret",
            "behind the oracle: success, and as multiples of its own $ per picture, P50, P99",
            lambda f: str(f.regret or "–"),
        ),
    ),
    (
        FigureRow(
            "$ per picture",
            "surely billed / in the upstreams' books / at worst",
            lambda f: f"{f.certain:.4f} / {f.expected:.4f} / {f.worst:.4f}",
        ),
        FigureRow("$ wasted", "per picture at worst, on calls that delivered nothing", lambda f: f"{f.wasted:.4f}"),
        FigureRow("abandoned", "calls billed without a picture delivered, per request", lambda f: f"{f.abandoned:.4f}"),
    ),
    (
        FigureRow("possibly billed", "requests by calls that may have been billed", _histogram),
        FigureRow("at most", "the highest such number at any instant", lambda f: str(f.most_possibly_billed)),
        FigureRow(
            "calls", "per request, and in the worst minute", lambda f: f"{f.amplification:.3f} / {f.worst_minute:.2f}"
        ),
    ),
    (
        FigureRow("detected", "seconds from the fault to the first opening", lambda f: _seconds(f.detection)),
        FigureRow("sunk", "calls lost until then", lambda f: _seconds(f.sunk)),
        FigureRow(
            "recovered", "seconds from the fault's end until the primary serves again", lambda f: _seconds(f.recovery)
        ),
        FigureRow("opens/h", "per process", lambda f: f"{f.opens_per_hour:.2f}"),
        FigureRow("false/d", "openings a day and process that no fault explains", lambda f: f"{f.false_opens:.2f}"),
    ),
    (
        FigureRow("probes", "in vain / all, and their dollars at worst", _probes),
        FigureRow("violations", "of the invariants", lambda f: str(f.violations)),
    ),
)
"""What was delivered, what it cost, what was sent, what was noticed, and how that was found out."""
ROWS = tuple(row for group in GROUPS for row in group)
