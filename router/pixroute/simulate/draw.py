"""Chance by name: the same seed and names give the same number, whoever asks and in whatever order.

So a change of policy, which changes who is asked when, does not change the world.
"""

from __future__ import annotations

from hashlib import blake2b
from math import exp, sqrt
from random import Random
from statistics import NormalDist

_NORMAL = NormalDist()
_STEP = 30.0


def draw(seed: int, *names: object) -> float:
    """Give a number in (0, 1)."""
    text = "/".join(map(str, (seed, *names)))
    number = int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
    return (number + 0.5) / 2.0**64


def draw_normal(seed: int, *names: object) -> float:
    """Give a standard normal number."""
    return _NORMAL.inv_cdf(draw(seed, *names))


def stream(seed: int, *names: object) -> Random:
    """Give a generator of its own, for what is drawn in a fixed order."""
    return Random("/".join(map(str, (seed, *names))))  # noqa: S311 - a simulation


class Spells:
    """A standard normal that wanders: AR(1), whose correlation falls to 1/e in `lasting` seconds."""

    def __init__(self, random: Random, lasting: float) -> None:
        self._random = random
        self._keep = exp(-_STEP / lasting)
        self._levels = [random.gauss(0, 1)]

    def at(self, now: float) -> float:
        """Give its level at a time."""
        step = int(now / _STEP)
        while len(self._levels) <= step:
            shock = self._random.gauss(0, sqrt(1 - self._keep**2))
            self._levels.append(self._keep * self._levels[-1] + shock)
        return self._levels[step]
