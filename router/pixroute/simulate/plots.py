"""The figures as pictures, in SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from pixroute.simulate.figures import measure
from pixroute.simulate.run import SimulationRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Paint = Callable[["Axes", Sequence[SimulationRun], str, float], None]
"""Draws a policy's runs, under its name and its place among the others, 0 to 1."""
Group = tuple[str, Sequence[SimulationRun]]
"""A policy's name and its runs."""
BIN = 300.0


def plots(groups: Sequence[Group]) -> list[str]:
    """Draw success and calls over time, times to the picture, and what may have been billed."""
    return [
        _draw(_success, groups, "Requests served, by arrival", "hours"),
        _draw(_calls, groups, "Calls per minute", "hours"),
        _draw(_delivery, groups, "Requests served within", "seconds"),
        _draw(_billed, groups, "Requests by calls that may have been billed", "calls"),
    ]


def _draw(paint: Paint, groups: Sequence[Group], title: str, x: str) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - an extra, reached when a report is written
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for place, (name, runs) in enumerate(groups):
        paint(axes, runs, name, place / len(groups))
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    target = StringIO()
    with mpl.rc_context({"svg.hashsalt": "pixroute", "svg.fonttype": "none"}):
        figure.savefig(target, format="svg", metadata={"Date": None})
    return target.getvalue().split("?>", 1)[-1]


def _success(axes: Axes, runs: Sequence[SimulationRun], name: str, _: float) -> None:
    asked: Counter[int] = Counter()
    served: Counter[int] = Counter()
    for run in runs:
        for end in run.ends:
            asked[int(end.order.at // BIN)] += 1
            served[int(end.order.at // BIN)] += end.provider is not None
    bins = sorted(asked)
    axes.plot([each * BIN / 3600 for each in bins], [served[each] / asked[each] for each in bins], label=name)


def _calls(axes: Axes, runs: Sequence[SimulationRun], name: str, _: float) -> None:
    counts = Counter(int(call.started // BIN) for run in runs for call in run.calls)
    bins = range(max(counts, default=0) + 1)
    axes.plot([each * BIN / 3600 for each in bins], [counts[each] / len(runs) * 60 / BIN for each in bins], label=name)


def _delivery(axes: Axes, runs: Sequence[SimulationRun], name: str, _: float) -> None:
    times = sorted(end.seconds for run in runs for end in run.ends if end.provider is not None)
    total = sum(len(run.ends) for run in runs)
    picked = times[:: max(1, len(times) // 500)]
    axes.plot(picked, [place * max(1, len(times) // 500) / total for place in range(len(picked))], label=name)


def _billed(axes: Axes, runs: Sequence[SimulationRun], name: str, shift: float) -> None:
    counts = measure(runs).possibly_billed
    total = sum(counts.values())
    axes.bar([number + 0.8 * shift for number in counts], [n / total for n in counts.values()], 0.1, label=name)
    axes.set_yscale("log")
