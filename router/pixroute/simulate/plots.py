"""What happened over time, as pictures in SVG: a strip for each policy, so that no line hides another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from io import StringIO
from math import nan
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pixroute.outcome import Billing
from pixroute.simulate.run import SimulationRun
from pixroute.simulate.scenario import HOUR, Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Group = tuple[str, Sequence[SimulationRun]]
"""A policy's name and its runs."""
Bins = dict[int, float]
STRIPS = 36
"""Bins of a scenario, of at least a minute each."""
_WIDTH, _STRIP, _REST = 4.6, 0.56, 0.7
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_ORACLE = "#777777"
_FAULT = "#d9534f"


@frozen(kw_only=True)
class TimePlot:
    """A figure over time: its title, and its value in each bin of so many seconds."""

    title: str
    unit: str
    values: Callable[[Sequence[SimulationRun], float], Bins]
    share: bool = False


def plots(groups: Sequence[Group]) -> list[str]:
    """Draw what was served, how soon, at what price and with how many calls; a strip a policy, in this order."""
    return [_draw(plot, groups) for plot in PLOTS]


def _draw(plot: TimePlot, groups: Sequence[Group]) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - an extra, reached when a report is written
    from matplotlib.figure import Figure  # noqa: PLC0415

    scenario = groups[0][1][0].scenario
    width = max(60.0, scenario.seconds / STRIPS)
    found = [(name, plot.values(runs, width)) for name, runs in groups]
    top = 1.0 if plot.share else max((value for _, bins in found for value in bins.values()), default=1.0) or 1.0
    style: dict[Any, Any] = {
        "svg.hashsalt": "pixroute",
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=(_WIDTH, _REST + _STRIP * len(found)), layout="constrained")
        strips = figure.subplots(len(found), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
        for place, (axes, (name, bins)) in enumerate(zip(strips, found, strict=True)):
            colour = _ORACLE if name == "oracle" else _COLOURS[place % len(_COLOURS)]
            _strip(axes, bins, width, colour)
            _shade(axes, scenario)
            axes.set_ylim(0, 1.12 * top)
            axes.set_yticks([0, top], ["0", _tick(top, share=plot.share)])
            axes.set_ylabel(name, rotation=0, ha="left", va="center", labelpad=88)
        strips[-1].set_xlabel("hours")
        strips[-1].set_xlim(0, scenario.hours)
        target = StringIO()
        figure.savefig(target, format="svg", metadata={"Date": None})
    text = target.getvalue().split("?>", 1)[-1]
    return f"<figure><figcaption>{plot.title} <small>{plot.unit}</small></figcaption>{text}</figure>"


def _strip(axes: Axes, bins: Bins, width: float, colour: str) -> None:
    last = max(bins, default=0)
    edges = [number * width / HOUR for number in range(last + 2)]
    values = [bins.get(number, nan) for number in range(last + 1)]
    axes.stairs(values, edges, color=colour, linewidth=1.4)
    axes.stairs(values, edges, color=colour, alpha=0.25, fill=True)
    axes.spines[["top", "right"]].set_visible(False)


def _shade(axes: Axes, scenario: Scenario) -> None:
    """Shade the time of every fault; one that comes and goes, as a whole."""
    spans = {(fault.start, min(fault.end, scenario.seconds)) for fault in scenario.faults}
    for start, end in sorted(spans):
        axes.axvspan(start / HOUR, end / HOUR, color=_FAULT, alpha=0.16, linewidth=0)


def _tick(value: float, *, share: bool) -> str:
    if share:
        return "100 %"
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


# What is drawn


def _served(runs: Sequence[SimulationRun], width: float) -> Bins:
    told: dict[int, list[bool]] = defaultdict(list)
    for run in runs:
        for end in run.ends:
            if not end.order.poison and not end.order.cancels:
                told[int(end.order.at // width)].append(end.provider is not None)
    return {number: sum(each) / len(each) for number, each in told.items()}


def _seconds(runs: Sequence[SimulationRun], width: float) -> Bins:
    told: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        for end in run.ends:
            if end.provider is not None:
                told[int(end.order.at // width)].append(end.seconds)
    return {number: median(each) for number, each in told.items()}


def _wasted(runs: Sequence[SimulationRun], width: float) -> Bins:
    told: Bins = defaultdict(float)
    for run in runs:
        for call in run.calls:
            lost = call.kind is not None and call.billing is not Billing.FREE
            told[int(call.started // width)] += call.price * lost / len(runs) / (width / HOUR)
    return dict(told)


def _calls(runs: Sequence[SimulationRun], width: float) -> Bins:
    told: Bins = defaultdict(float)
    for run in runs:
        for call in run.calls:
            told[int(call.started // width)] += 60 / width / len(runs)
    return dict(told)


PLOTS = (
    TimePlot(title="Requests served", unit="share, by arrival", values=_served, share=True),
    TimePlot(title="Time to the picture", unit="seconds, median by arrival", values=_seconds),
    TimePlot(title="Money wasted", unit="dollars an hour, at worst", values=_wasted),
    TimePlot(title="Calls", unit="a minute", values=_calls),
)
