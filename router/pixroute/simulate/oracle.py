"""The oracle: it knows every fault in advance. The distance to it, the regret, is what a policy could still gain."""

from __future__ import annotations

import asyncio
from math import inf

from pixroute.group import names_of
from pixroute.simulate.baselines import Loop
from pixroute.simulate.callers import SimulatedRequest

LOOKS_EVERY = 5.0
"""Seconds between two looks of a request that nobody would serve now."""


class Oracle(Loop):
    """Asks the first provider of the chain that will deliver while the caller is there, and nobody who will not.

    Of a group, it asks the one who will deliver first.
    """

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Wait for the first who will deliver; a request that nobody can ever serve ends at once."""
        ends = self._now() + min(order.leaves_after, inf if order.timeout is None else order.timeout)
        while not order.poison and self._now() < ends:
            for step in self.world.scenario.steps:
                able = [(at, name) for name in names_of([step]) if (at := self._delivers(name, order)) < ends]
                if able:
                    _, provider = min(able, key=lambda one: one[0])
                    await self.attempt(provider, order, ends - self._now())
                    return provider
            await asyncio.sleep(LOOKS_EVERY)
        return None

    def _delivers(self, provider: str, order: SimulatedRequest) -> float:
        """Tell when its picture would come; inf: never."""
        answer = self.world.foresee(provider, order, self._sent(provider, order.resolution))
        return answer.at if answer.kind is None else inf

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()
