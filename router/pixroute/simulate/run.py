"""One scenario under one policy and one seed, in virtual time."""

from __future__ import annotations

import asyncio
import gc
from math import inf
from time import process_time

from attrs import frozen

from pixroute.simulate.callers import SimulatedRequest, orders
from pixroute.simulate.contestant import Contestant, Notes, PolicyService
from pixroute.simulate.scenario import Scenario
from pixroute.simulate.world import SimulatedCall, World
from pixroute.testing.virtual import run_virtual


@frozen
class RequestEnd:
    """How a request ended: when, by whom (None: no picture), and whether its caller had gone."""

    order: SimulatedRequest
    at: float
    provider: str | None
    left: bool = False

    @property
    def seconds(self) -> float:
        """From its arrival."""
        return self.at - self.order.at


@frozen(kw_only=True)
class SimulationRun:
    """All that happened. `cpu` is the processor time it took, in seconds."""

    scenario: Scenario
    policy: str
    seed: int
    ends: list[RequestEnd]
    calls: list[SimulatedCall]
    notes: Notes
    cpu: float


def simulate(scenario: Scenario, contestant: Contestant, seed: int) -> SimulationRun:
    """Let it happen."""
    began = process_time()
    # Nothing here is garbage in a circle for long, and looking for it among millions of live values costs a third.
    gc.disable()
    try:
        world, ends, notes = run_virtual(_happen(scenario, contestant, seed))
    finally:
        gc.enable()
    return SimulationRun(
        scenario=scenario,
        policy=contestant.name,
        seed=seed,
        ends=ends,
        calls=world.calls,
        notes=notes,
        cpu=process_time() - began,
    )


async def _happen(scenario: Scenario, contestant: Contestant, seed: int) -> tuple[World, list[RequestEnd], Notes]:
    loop = asyncio.get_running_loop()
    world = World(scenario, seed)
    service = contestant.start(world, seed)
    ends: list[RequestEnd] = []
    async with asyncio.TaskGroup() as group:
        for order in orders(scenario, seed):
            await asyncio.sleep(order.at - loop.time())
            group.create_task(_serve(service, order, ends))
    await service.aclose()
    return world, ends, service.notes


async def _serve(service: PolicyService, order: SimulatedRequest, ends: list[RequestEnd]) -> None:
    loop = asyncio.get_running_loop()
    provider, left = None, False
    try:
        async with asyncio.timeout(order.leaves_after if order.leaves_after < inf else None):
            provider = await service.ask(order)
    except TimeoutError:
        left = True
    ends.append(RequestEnd(order, loop.time(), provider, left))
