"""Small worlds."""

import asyncio
from math import inf

import pytest
from attrs import evolve

from pixroute.simulate.callers import Callers, SimulatedRequest
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.scenario import Scenario
from pixroute.simulate.world import World
from pixroute.testing import run_virtual


def order(number=0, resolution="4K", **fields) -> SimulatedRequest:
    usual = SimulatedRequest(
        number=number,
        at=0,
        process=0,
        resolution=resolution,
        timeout=None,
        leaves_after=inf,
        cancels=False,
        poison=False,
    )
    return evolve(usual, **fields)


@pytest.fixture
def make_order():
    """Make a request."""
    return order


@pytest.fixture
def make_world():
    """Make a world of the default chain with these faults."""

    def make(*faults: SimulatedFault, seed=1, **fields) -> World:
        return World(Scenario(name="small", faults=faults, **fields), seed)

    return make


@pytest.fixture
def ask():
    """Ask a provider on virtual time; give the answers of as many orders as are given, in their order."""

    def ask_(world: World, *orders: SimulatedRequest, provider="banana-http", gives_up_after=None) -> list:
        async def one(each):
            try:
                async with asyncio.timeout(gives_up_after):
                    return await world.call(provider, each, each.resolution)
            except TimeoutError:
                return None

        async def main():
            return await asyncio.gather(*map(one, orders))

        return run_virtual(main())

    return ask_


@pytest.fixture
def hour():
    """Some hundred requests within an hour; the first upstream hangs for twenty minutes of it."""
    hang = SimulatedFault(on="banana", kind="hang", start=1200, lasts=1200)
    return Scenario(name="hour", callers=Callers(rate=0.1), faults=(hang,))
