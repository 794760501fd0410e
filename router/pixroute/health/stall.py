"""How unlikely a silence is (semantics §4.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import log

Survival = Callable[[float], float]
"""The share of healthy calls that take longer than an age in seconds; in (0, 1], never rising."""


def silence_log_likelihood(
    calls: Iterable[tuple[float, Survival]], last_success: float, now: float, slowdown: float
) -> float:
    """Give the natural logarithm of the chance that healthy calls all kept silent since the last success.

    Args:
        calls: start and survival of each call in flight.
        last_success: when a call last succeeded; -inf if none ever did.
        now: the same clock.
        slowdown: the healthy provider may be this many times slower than its survival says (θ).
    """
    return sum(
        log(survival((now - start) / slowdown)) - log(survival(max(0.0, last_success - start) / slowdown))
        for start, survival in calls
    )
