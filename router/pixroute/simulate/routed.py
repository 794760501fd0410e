"""Our own router in the simulated world, watched for everything that must never happen."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from pixroute.errors import RequestFailed
from pixroute.events import AnyEvent, AttemptFinished, AttemptStarted, BreakerChanged
from pixroute.outcome import Billing
from pixroute.policy import Policy
from pixroute.provider import ProviderSettings
from pixroute.request import ImageRequest, Resolution, Size
from pixroute.routing.router import Router
from pixroute.shared import Stores
from pixroute.simulate.callers import SimulatedRequest
from pixroute.simulate.contestant import Notes, Opening
from pixroute.simulate.draw import stream
from pixroute.simulate.provider import SimulatedProvider
from pixroute.simulate.store import SimulatedKept, SimulatedStore, SimulatedTold
from pixroute.simulate.world import World
from pixroute.testing.invariants import Invariants, Trace

SIZES: Mapping[Resolution, Size] = {"1K": Size("1K"), "2K": Size("2K"), "4K": Size("4K")}


class Routed:
    """One router per process of the scenario."""

    def __init__(
        self, world: World, seed: int, policy: Policy, settings: Mapping[str, ProviderSettings] | None = None
    ) -> None:
        self.notes = Notes()
        self._settings = settings or {}
        self._world = world
        self._orders: dict[str, SimulatedRequest] = {}
        self._trace = Trace()
        self._checkers: list[Invariants] = []
        fleet = world.scenario.fleet
        self._store = SimulatedStore(fleet, stream(seed, "store")) if fleet.shares else None
        seeds = stream(seed, "routers")
        self._routers = [
            self._router(number, seeds.getrandbits(32), policy) for number in range(world.scenario.processes)
        ]

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Ask the router of the order's process."""
        prompt = str(order.number)
        self._orders[prompt] = order
        request = ImageRequest(prompt, size=SIZES[order.resolution])
        try:
            result = await self._routers[order.process].generate(request, timeout=order.timeout)
        except RequestFailed:
            return None
        finally:
            del self._orders[prompt]
        return result.provider

    async def aclose(self) -> None:
        """Check the invariants and close."""
        await asyncio.sleep(1)  # losers end a moment after their winners
        for router, checker in zip(self._routers, self._checkers, strict=True):
            try:
                checker.check_end(router.health())
            except AssertionError:
                self.notes.violations += checker.violations
            self.notes.most_possibly_billed = max(self.notes.most_possibly_billed, checker.most_possibly_billed)
            await router.aclose()
        self.notes.digest = self._trace.digest

    def _router(self, number: int, seed: int, policy: Policy) -> Router:
        providers = {
            name: SimulatedProvider(name, self._world, self._orders, self._settings.get(name))
            for name in self._world.scenario.providers
        }
        checker = Invariants(
            max_possibly_billed=policy.max_possibly_billed,
            max_attempts=policy.max_attempts,
            providers=providers,
            shared=self._store is not None,
        )
        self._checkers.append(checker)
        return Router(
            providers=providers,
            chains={"default": self._world.scenario.steps},
            policy=policy,
            observers={
                "invariants": checker,
                "trace": self._trace,
                "watch": RouterWatch(self._world, number, self.notes),
            },
            seed=seed,
            shared=None if self._store is None else self._stores(self._store, number),
        )

    @staticmethod
    def _stores(store: SimulatedStore, number: int) -> Stores:
        return Stores(SimulatedTold(store, number), SimulatedKept(store, number), every=store.fleet.every)


class RouterWatch:
    """Notes a router's openings and probes: a probe is what starts while a breaker on its way is half-open."""

    def __init__(self, world: World, process: int, notes: Notes) -> None:
        self._places = world.scenario.providers
        self._process = process
        self._notes = notes
        self._half_open: set[str] = set()
        self._probes: set[str] = set()
        self._upstream_of = {place.origin: place.upstream for place in self._places.values()}

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        match event:
            case BreakerChanged():
                self._change(event)
            case AttemptStarted():
                place = self._places[event.provider]
                if not self._half_open.isdisjoint((place.origin, f"{place.upstream} {event.resolution}")):
                    self._probes.add(event.attempt)
            case AttemptFinished() if event.attempt in self._probes:
                self._probes.discard(event.attempt)
                self._notes.probes += 1
                if event.failure is not None:
                    self._notes.wasted_probes += 1
                    spent = event.cost.certain if event.billing is Billing.BILLED else event.cost.possible
                    self._notes.probe_price += float(spent or 0)

    def _change(self, event: BreakerChanged) -> None:
        if event.state == "half-open":
            self._half_open.add(event.key)
        else:
            self._half_open.discard(event.key)
        if event.state == "open":
            upstream = self._upstream_of.get(event.key) or event.key.rsplit(" ", 1)[0]
            self._notes.openings.append(Opening(event.at, self._process, upstream, str(event.reason)))
