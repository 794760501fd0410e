"""The figures that have a target, as shares of it."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from measure import Figure

mpl.use("Agg")

from matplotlib import pyplot as plt


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Draw medians and quartiles; left of the line is within the target."""
    shown = [figure for figure in figures if figure.target][::-1]
    shares = [[value / (figure.target or 1) for value in figure.quartiles] for figure in shown]
    canvas, axes = plt.subplots(figsize=(10, 1 + 0.3 * len(shown)), layout="constrained")
    axes.barh(
        [f"{figure.benchmark}: {figure.name}" for figure in shown],
        [median for _, median, _ in shares],
        xerr=[[median - low for low, median, _ in shares], [high - median for _, median, high in shares]],
        color=["tab:green" if figure.meets else "tab:red" for figure in shown],
    )
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("share of the target (median, quartiles)")
    canvas.savefig(path, dpi=120)
    plt.close(canvas)
