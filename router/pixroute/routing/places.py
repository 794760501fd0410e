"""Who waits for a place of the fleet: this process stands in line for all of its requests, and wakes them in turn."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from pixroute.shared.ports import StoreAway

if TYPE_CHECKING:
    from pixroute.health.registry import Health
    from pixroute.shared.lease import LeaseHold
    from pixroute.shared.leases import Leases

EVERY = 0.5
"""Seconds between two looks: who waits here hears within a second of a place that another process gave back."""


@define
class Places:
    """Looks at the store as long as somebody waits for a place at a provider, and not otherwise.

    Args:
        leases: of this process.
        health: where requests wait, each provider's in order of arrival.
    """

    leases: Leases
    health: Health
    _full: dict[str, int] = field(factory=dict, init=False)  # providers without a free place, and their limits
    _soon: asyncio.Event = field(factory=asyncio.Event, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Hear of places that were refused, and of those that this process gave back."""
        self.leases.on_full = self._found_full
        self.leases.on_settled = self._soon.set

    def close(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    def _found_full(self, hold: LeaseHold) -> None:
        self._full[hold.name] = hold.limit
        self.health.spare(hold.name, 0)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while self._full:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self._soon.wait()
            self._soon.clear()
            for name, limit in tuple(self._full.items()):
                await self._look(name, limit)

    async def _look(self, name: str, limit: int) -> None:
        try:
            if self.health.waits_at(name):
                self.health.spare(name, await self.leases.look(name, limit))
                return  # who was woken now takes its place in line along: it is left at the next look
            await self.leases.leave(name)
        except StoreAway:
            pass  # who waits asks again, and is told what holds without the store
        self._full.pop(name, None)
        self.health.spare(name, None)
