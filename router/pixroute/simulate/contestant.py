"""What a policy is to the simulator: something that is asked for pictures, in a world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attrs import Factory, define, frozen

from pixroute.simulate.callers import SimulatedRequest
from pixroute.simulate.world import World


@frozen
class Opening:
    """A breaker opened, or a cooldown began: when, of which process, on which upstream, why."""

    at: float
    process: int
    upstream: str
    reason: str


@define
class Notes:
    """What a service tells beside its pictures.

    `probes` counts calls let through to find out whether an upstream is well again, `wasted_probes` those of them
    that brought nothing, `probe_price` what these may have cost. `digest` covers all its events.
    """

    openings: list[Opening] = Factory(list)
    probes: int = 0
    wasted_probes: int = 0
    probe_price: float = 0.0
    most_possibly_billed: int = 0
    violations: list[str] = Factory(list)
    digest: str = ""


class PolicyService(Protocol):
    """A policy at work."""

    @property
    def notes(self) -> Notes:
        """What it tells; complete after `aclose`."""
        ...

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Give the name of the provider that delivered; None if none did. Cancelled when the caller goes away."""
        ...

    async def aclose(self) -> None:
        """End, when nothing is under way any more."""
        ...


@frozen(kw_only=True)
class Contestant:
    """A policy to compare: `start(world, seed)` puts it to work."""

    name: str
    summary: str
    start: Callable[[World, int], PolicyService]
