"""The store of a fleet, in memory: the two ports in virtual time, with all that may befall a store."""

from __future__ import annotations

import asyncio
import sqlite3
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import TypeVar

from attrs import Factory, define

from pixroute.shared import schema
from pixroute.shared.ports import PATIENCE, Fact, Query, Row, StoreAway
from pixroute.simulate.scenario import ScenarioFleet

T = TypeVar("T")

SKEW_EVERY = 600.0
"""Seconds after which the store's clock jumps, forth and back by turns."""


@define
class _Told:
    value: str
    told: float
    until: float


@define
class SimulatedStore:
    """What all processes see: a board of facts, a database, and the weather."""

    fleet: ScenarioFleet
    random: Random
    board: dict[tuple[str, str], _Told] = Factory(dict)
    database: sqlite3.Connection = Factory(
        lambda: sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    )

    def __attrs_post_init__(self) -> None:
        weakref.finalize(self, self.database.close)  # by whichever thread lets go of it
        self.database.row_factory = sqlite3.Row
        for table in schema.KEPT:
            self.database.execute(table.format(unlogged=""))

    @property
    def clock(self) -> float:
        """The store's time."""
        now = asyncio.get_running_loop().time()
        return now + (self.fleet.skew if now // SKEW_EVERY % 2 else 0.0)

    async def weather(self, process: int) -> None:
        """Let pass what an exchange of a process takes.

        Raises:
            StoreAway: it is cut off, or this exchange is lost; after a second, as a driver would.
        """
        now, fleet = asyncio.get_running_loop().time(), self.fleet
        cut = process < fleet.cut_off and fleet.cut_from <= now < fleet.cut_from + fleet.cut_for
        if cut or (fleet.loss and self.random.random() < fleet.loss):
            await asyncio.sleep(PATIENCE)
            raise StoreAway("The simulated store does not answer.")
        if fleet.delay:
            await asyncio.sleep(fleet.delay * (0.5 + self.random.random()))


@define
class SimulatedTold:
    """One process's way to the board."""

    store: SimulatedStore
    process: int

    async def exchange(self, owner: str, facts: Mapping[str, str] | None, *, life: float) -> Sequence[Fact]:
        """As `Told.exchange`."""
        await self.store.weather(self.process)
        board, now = self.store.board, self.store.clock
        if facts is not None:
            for place in [place for place, told in board.items() if place[0] == owner or told.until < now]:
                del board[place]
            for key, value in facts.items():
                board[owner, key] = _Told(value, now, now + life)
        read = [Fact(who, key, told.value, now - told.told) for (who, key), told in board.items() if told.until >= now]
        await self.store.weather(self.process)
        return read

    async def aclose(self) -> None:
        """Nothing to give back."""


@define
class SimulatedKept:
    """One process's way to the database; a transaction takes no other's time."""

    store: SimulatedStore
    process: int

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """As `Kept.transact`."""
        await self.store.weather(self.process)
        database, now = self.store.database, self.store.clock

        async def query(sql: str, /, **values: object) -> list[Row]:
            return [dict(row) for row in database.execute(sql.format(now=repr(now)), values)]

        database.execute("BEGIN")
        try:
            done = await work(query)
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")
        return done

    async def aclose(self) -> None:
        """Nothing to give back."""
