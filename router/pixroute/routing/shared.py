"""What all requests of one router share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import define, field

from pixroute.health.registry import Health
from pixroute.outcome import FailureKind
from pixroute.routing.budget import HedgeBudget
from pixroute.routing.deliver import Delivery
from pixroute.routing.heartbeat import Heartbeat
from pixroute.routing.observers import Observers

if TYPE_CHECKING:
    from pixroute.http.transport import Transport
    from pixroute.routing.fleet import Fleet
    from pixroute.routing.gate import Gate
    from pixroute.routing.run import Run


@define(kw_only=True)
class Shared:
    """What all requests of a router share. A reload changes `observers` alone, which is None while nobody observes."""

    health: Health
    http: Transport
    random: random.Random
    hedge_budget: HedgeBudget
    observers: Observers | None
    reap: Callable[[asyncio.Task[None], str], None]
    heartbeat: Heartbeat
    gate: Gate | None = None
    fleet: Fleet | None = None
    warned: set[tuple[str, FailureKind]] = field(factory=set)
    closing: asyncio.Event = field(factory=asyncio.Event)
    runs: dict[Run, None] = field(factory=dict)  # a set in order of arrival: the same seed gives the same events
    delivery: Delivery = field(init=False)

    @delivery.default
    def _delivery(self) -> Delivery:
        return Delivery(self.http.memory)
