"""What the processes of a gateway keep together: a connection to the store, and who of them lives.

Every process writes every second until when it is to be taken for alive. One whose time is over is dead, and what it
had begun is doubtful; but nobody says so who was himself cut off from the store a moment ago.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from attrs import define, field

from pixroute.shared.ports import Kept, Query, StoreAway

T = TypeVar("T")
log = logging.getLogger("pixroute.serve")
LIFE = 6.0
"""Seconds for which a process is taken for alive after it last said so."""
BEAT = 1.0
FLUSHED_WITHIN = 10.0
"""Seconds that the end waits for what is still to be written."""
REMEMBERED = 86_400.0
"""Seconds for which it is known that there was a process."""
ALIVE = "(SELECT owner FROM pixroute_serve_process WHERE until >= {now})"
"""SQL of those that live."""
TABLES = (
    "CREATE TABLE IF NOT EXISTS pixroute_serve_process (owner TEXT PRIMARY KEY, until DOUBLE PRECISION NOT NULL)",
    # what was begun under a name in whose turn, and what it came to
    """CREATE TABLE IF NOT EXISTS pixroute_serve_begun (
      caller TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL,
      owner TEXT NOT NULL, turn TEXT NOT NULL, state TEXT NOT NULL,
      at DOUBLE PRECISION NOT NULL, until DOUBLE PRECISION NOT NULL, told TEXT NOT NULL, bytes BIGINT NOT NULL,
      PRIMARY KEY (caller, name))""",
    # its pictures, in pieces
    """CREATE TABLE IF NOT EXISTS pixroute_serve_picture (
      caller TEXT NOT NULL, name TEXT NOT NULL, number BIGINT NOT NULL, piece BIGINT NOT NULL, data BYTEA NOT NULL,
      PRIMARY KEY (caller, name, number, piece))""",
    "CREATE TABLE IF NOT EXISTS pixroute_serve_key (prefix TEXT PRIMARY KEY, told TEXT NOT NULL, turn BIGINT NOT NULL)",
    # requests that a key has saved up
    """CREATE TABLE IF NOT EXISTS pixroute_serve_rate (
      caller TEXT PRIMARY KEY, saved DOUBLE PRECISION NOT NULL, at DOUBLE PRECISION NOT NULL)""",
    # pictures that are being made
    """CREATE TABLE IF NOT EXISTS pixroute_serve_place (
      caller TEXT NOT NULL, place TEXT NOT NULL, owner TEXT NOT NULL, pictures BIGINT NOT NULL,
      PRIMARY KEY (caller, place))""",
)


@define(eq=False)
class ServeStore:
    """One process's part in what all keep together.

    Args:
        kept: the store, with `TABLES`.
        owner: this process's name, drawn anew by each.
        life: seconds for which it is taken for alive.
        beat: seconds between two signs of it.
    """

    kept: Kept
    owner: str = field(factory=lambda: secrets.token_hex(8))
    life: float = LIFE
    beat: float = BEAT
    tidying: list[Callable[[], Awaitable[None]]] = field(factory=list)
    """What is done with every beat."""
    flushing: list[Callable[[], Awaitable[None]]] = field(factory=list)
    """What is waited for at the end."""
    _cut_off: float = field(init=False)
    _beats: asyncio.Task[None] = field(init=False)
    _away: bool = False

    def __attrs_post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self._cut_off = loop.time()
        self._beats = loop.create_task(self._beat())

    @property
    def is_sure(self) -> bool:
        """Whether it has seen the store for so long that who did not say a word is dead."""
        return asyncio.get_running_loop().time() - self._cut_off > self.life

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """Run `work` in a transaction.

        Raises:
            StoreAway: as of the store.
        """
        try:
            found = await self.kept.transact(work)
        except StoreAway as error:
            self._cut_off = asyncio.get_running_loop().time()
            if not self._away:
                self._away = True
                log.warning("%s", error, extra={"store": str(error)})
            raise
        self._away = False
        return found

    async def alive(self) -> None:
        """Say that this process lives.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> None:
            await query(
                """INSERT INTO pixroute_serve_process VALUES (:owner, {now} + :life)
                ON CONFLICT (owner) DO UPDATE SET until = excluded.until""",
                owner=self.owner,
                life=float(self.life),
            )
            await query("DELETE FROM pixroute_serve_process WHERE until < {now} - :old", old=REMEMBERED)

        await self.transact(work)

    async def _beat(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            began = clock()
            await asyncio.sleep(self.beat)
            if clock() - began > self.life:  # this process stood still
                self._cut_off = clock()
            with suppress(StoreAway):
                await self.alive()
                for tidy in self.tidying:
                    await tidy()

    async def aclose(self) -> None:
        """Write what is still to be written, say that this process is gone, and let go of the store."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSHED_WITHIN):
                for flush in self.flushing:
                    await flush()
        self._beats.cancel()

        async def work(query: Query) -> None:
            await query("DELETE FROM pixroute_serve_process WHERE owner = :owner", owner=self.owner)
            await query("DELETE FROM pixroute_serve_place WHERE owner = :owner", owner=self.owner)

        with suppress(StoreAway):
            await self.transact(work)
        await self.kept.aclose()
