"""Who asks for what and when: drawn once per seed, whatever the policy."""

from __future__ import annotations

from collections.abc import Iterator
from math import pi, sin

from attrs import frozen

from pixroute.request import Resolution
from pixroute.simulate.draw import draw, stream
from pixroute.simulate.scenario import HOUR, Callers, Scenario


@frozen
class SimulatedRequest:
    """One request: its number, when, of which process, what, how long its caller waits, whether it is poison."""

    number: int
    at: float
    process: int
    resolution: Resolution
    timeout: float | None
    leaves_after: float
    cancels: bool
    poison: bool


def orders(scenario: Scenario, seed: int) -> Iterator[SimulatedRequest]:
    """Give the requests in the order of their arrival."""
    for number, at in enumerate(_arrivals(scenario.callers, scenario.seconds, seed)):
        yield _order(scenario, seed, number, at)


def _order(scenario: Scenario, seed: int, number: int, at: float) -> SimulatedRequest:
    callers = scenario.callers
    resolution = _choose(callers, draw(seed, "resolution", number))
    short = bool(callers.short) and draw(seed, "short", number) < callers.short
    cancels = bool(callers.cancel) and draw(seed, "cancel", number) < callers.cancel
    patience = callers.short_timeout + 1 if short else callers.patience[resolution]
    return SimulatedRequest(
        number=number,
        at=at,
        process=int(draw(seed, "process", number) * scenario.processes),
        resolution=resolution,
        timeout=callers.short_timeout if short else None,
        leaves_after=callers.cancel_within * draw(seed, "leaves", number) if cancels else patience,
        cancels=cancels,
        poison=bool(callers.poison) and draw(seed, "poison", number) < callers.poison,
    )


def _arrivals(callers: Callers, seconds: float, seed: int) -> Iterator[float]:
    """Thin a Poisson process of the day's highest rate; the day begins at its lowest."""
    random, at = stream(seed, "arrivals"), 0.0
    while (at := at + random.expovariate(callers.rate * (1 + callers.swing))) < seconds:
        level = 1 - callers.swing * sin(2 * pi * (at / (24 * HOUR) + 0.25))
        if random.random() * (1 + callers.swing) < level:
            yield round(at, 3)  # a virtual clock does not wait for less


def _choose(callers: Callers, chance: float) -> Resolution:
    left = chance * sum(callers.resolutions.values())
    for resolution, share in callers.resolutions.items():
        left -= share
        if left < 0:
            return resolution
    return resolution
