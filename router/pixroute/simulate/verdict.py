"""Who won, and by how much, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

from pixroute.simulate.figures import Figures

ORACLE = "oracle"
"""Never wins: it knows what is to come."""
SAME = 0.0005
"""Shares of success that differ by less are told apart by money."""


def rivals(figures: Sequence[Figures]) -> list[Figures]:
    """Give those that can be compared, the best first: by pictures delivered, then by what each cost at worst."""
    real = [each for each in figures if each.policy != ORACLE]
    most = max((each.success for each in real), default=0.0)
    return sorted(real, key=lambda each: (round((most - each.success) / SAME), each.worst))


def verdict(figures: Sequence[Figures]) -> str:
    """Say who delivered most, at what price, and how far the next one is behind."""
    found = rivals(figures)
    if not found:
        return "Only the oracle was asked."
    best = found[0]
    told = f"{best.policy} delivered {share(best.success)} of the pictures for at most {dollars(best.worst)} a picture"
    if len(found) == 1:
        return f"{told}."
    next_ = found[1]
    other = f"the next best, {next_.policy}, {share(next_.success)} for {dollars(next_.worst)}"
    return f"{told}; {other}{_ahead(best, next_)}."


def share(value: float) -> str:
    """Write a share: `100 %`, `99.97 %`, `68.2 %`."""
    percent = 100 * value
    if percent == 100:
        return "100 %"
    return f"{min(percent, 99.99):.2f} %" if percent >= 99 else f"{percent:.1f} %"


def dollars(value: float) -> str:
    """Write an amount of money per picture."""
    return f"${value:.3f}"


def _ahead(best: Figures, next_: Figures) -> str:
    points = 100 * (best.success - next_.success)
    cheaper = 100 * (1 - best.worst / next_.worst) if next_.worst else 0.0
    said = [f"{points:.1f} points more" if points >= 0.05 else "as many pictures"]
    if abs(cheaper) >= 0.5:
        said.append(f"{abs(cheaper):.0f} % {'cheaper' if cheaper > 0 else 'dearer'}")
    return f": {', '.join(said)}"
