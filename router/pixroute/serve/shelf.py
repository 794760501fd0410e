"""What was begun under a name, in the store that all processes of a gateway share.

A row is written before a request is worked on. Nobody takes it over: when its process dies, it is doubtful. So no
clock, and no process that stood still, can make one name buy twice.

A store that does not answer in time may have done what it was told all the same. So each row has the turn in which it
was begun: what is given back once more, to be sure, is that turn's row and no later one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from secrets import token_hex
from typing import Any

from attrs import define, field

from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.call import Outcome
from pixroute.serve.document import read as read_bytes
from pixroute.serve.outcomes import read, sizes, written
from pixroute.serve.repeats import Elsewhere, Fresh, Known, Name, Nothing, doubtful, other_body
from pixroute.serve.together import ALIVE, ServeStore
from pixroute.shared.ports import Query, Row, StoreAway

PIECE = 512 * 1024
"""Bytes of a picture in one row, and in one transaction: a store has a second for each."""
AGAIN = 1.0
"""Seconds until a store that was away is asked again to keep an answer."""
TIDIED_EVERY = 5.0
_MINE = "caller = :caller AND name = :name"


@define(eq=False)
class StoreShelf:
    """A `Shelf` in a store.

    Args:
        store: of this process.
        most: answers that are kept.
        most_bytes: bytes of their pictures.
    """

    store: ServeStore
    most: int
    most_bytes: int
    _turns: set[str] = field(factory=set)  # of this process, until they are over
    _keeping: set[asyncio.Task[None]] = field(factory=set)
    _tidied: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.store.tidying.append(self._tidy)
        self.store.flushing.append(self.written)

    # What a shelf does

    async def begin(self, name: Name, keep: float) -> Fresh | Elsewhere | Known:
        """Take the name, or tell what became of it."""
        turn = token_hex(8)

        async def work(query: Query) -> Row | None:
            await query(
                f"DELETE FROM pixroute_serve_begun WHERE {_MINE} AND state = 'over' AND until < {{now}}",  # noqa: S608 - our own names
                caller=name.caller,
                name=name.key,
            )
            taken = await query(
                """INSERT INTO pixroute_serve_begun
                VALUES (:caller, :name, :digest, :owner, :turn, 'open', {now}, {now} + :keep, '', 0)
                ON CONFLICT (caller, name) DO NOTHING RETURNING owner""",
                caller=name.caller,
                name=name.key,
                digest=name.digest,
                owner=self.store.owner,
                turn=turn,
                keep=float(keep),
            )
            return None if taken else await self._row(query, name)

        self._turns.add(turn)
        row: Row | None = {}
        try:
            row = await self.store.transact(work)
        finally:
            if row is not None:  # if it was taken all the same, it is given back with the next tidying
                self._turns.discard(turn)
        return Fresh(turn) if row is None else await self._found(name, row)

    async def look(self, name: Name) -> Nothing | Elsewhere | Known:
        """Tell what became of a name, and take nothing."""
        row = await self.store.transact(lambda query: self._row(query, name))
        return await self._found(name, row) if row else Nothing()

    def settle(self, name: Name, turn: str, outcome: Outcome, keep: float) -> None:
        """Keep what it came to, for so many seconds; a store that is away gets it when it is back."""
        self._keep(self._settle(name, turn, outcome, keep))

    def release(self, name: Name, turn: str) -> None:
        """End the turn."""
        self._keep(self._release(name, turn))

    async def written(self) -> None:
        """Wait until all that is to be kept is."""
        while self._keeping:
            await asyncio.wait(self._keeping)

    # Reading

    async def _row(self, query: Query, name: Name) -> Row:
        rows = await query(
            f"""SELECT digest, owner, turn, state, told,
            CASE WHEN owner IN {ALIVE} THEN 1 ELSE 0 END AS lives
            FROM pixroute_serve_begun WHERE {_MINE}""",  # noqa: S608 - our own names
            caller=name.caller,
            name=name.key,
        )
        return rows[0] if rows else {}

    async def _found(self, name: Name, row: Row) -> Elsewhere | Known:
        if not row:
            return Elsewhere()  # it was given back in this very moment
        if row["digest"] != name.digest:
            raise other_body()
        turn = str(row["turn"])
        if row["state"] == "over":
            return await self._read(name, turn, str(row["told"]))
        if row["lives"] or row["owner"] == self.store.owner or not self.store.is_sure:
            return Elsewhere()
        return await self._doubt(name, turn)

    async def _read(self, name: Name, turn: str, told: str) -> Elsewhere | Known:
        pictures = []
        for number, size in enumerate(sizes(told)):
            held = bytearray()
            for piece in range(-(-size // PIECE)):
                held += await self._piece(name, number, piece)
            if len(held) != size:
                return Elsewhere()  # it was forgotten while it was read
            pictures.append(bytes(held))
        return Known(read(told, pictures), turn)

    async def _piece(self, name: Name, number: int, piece: int) -> bytes:
        async def work(query: Query) -> bytes:
            rows = await query(
                f"SELECT data FROM pixroute_serve_picture WHERE {_MINE} AND number = :number AND piece = :piece",  # noqa: S608 - our own names
                caller=name.caller,
                name=name.key,
                number=number,
                piece=piece,
            )
            return bytes(rows[0]["data"]) if rows else b""

        return await self.store.transact(work)

    async def _doubt(self, name: Name, turn: str) -> Elsewhere | Known:
        """Say that its process died."""
        problem = doubtful()

        async def work(query: Query) -> bool:
            return bool(
                await query(
                    f"""UPDATE pixroute_serve_begun SET state = 'over', told = :told
                    WHERE {_MINE} AND state = 'open' AND turn = :turn RETURNING turn""",  # noqa: S608 - our own names
                    caller=name.caller,
                    name=name.key,
                    turn=turn,
                    told=written(problem),
                )
            )

        return Known(problem, turn) if await self.store.transact(work) else Elsewhere()

    # Writing

    def _keep(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(writing)
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    async def _settle(self, name: Name, turn: str, outcome: Outcome, keep: float) -> None:
        answer = outcome if isinstance(outcome, GatewayAnswer) else None
        for number, image in enumerate(answer.images if answer else ()):
            for piece in range(-(-image.content.size // PIECE)):
                await self._write(name, number, piece, await read_bytes(image.content, piece * PIECE, PIECE))

        async def work(query: Query) -> None:
            await query(
                """INSERT INTO pixroute_serve_begun
                VALUES (:caller, :name, :digest, :owner, :turn, 'over', {now}, {now} + :keep, :told, :bytes)
                ON CONFLICT (caller, name) DO UPDATE SET state = excluded.state, at = excluded.at,
                until = excluded.until, told = excluded.told, bytes = excluded.bytes""",
                caller=name.caller,
                name=name.key,
                digest=name.digest,
                owner=self.store.owner,
                turn=turn,
                keep=float(keep),
                told=written(outcome),
                bytes=answer.size if answer else 0,
            )

        await self._surely(work)
        self._turns.discard(turn)

    async def _write(self, name: Name, number: int, piece: int, data: bytes) -> None:
        async def work(query: Query) -> None:
            await query(
                """INSERT INTO pixroute_serve_picture VALUES (:caller, :name, :number, :piece, :data)
                ON CONFLICT (caller, name, number, piece) DO UPDATE SET data = excluded.data""",
                caller=name.caller,
                name=name.key,
                number=number,
                piece=piece,
                data=data,
            )

        await self._surely(work)

    async def _release(self, name: Name, turn: str) -> None:
        async def work(query: Query) -> None:
            await query(
                f"DELETE FROM pixroute_serve_begun WHERE {_MINE} AND turn = :turn",  # noqa: S608 - our own names
                caller=name.caller,
                name=name.key,
                turn=turn,
            )

        await self._surely(work)
        self._turns.discard(turn)

    async def _surely(self, work: Callable[[Query], Awaitable[None]]) -> None:
        while True:
            try:
                return await self.store.transact(work)
            except StoreAway:
                await asyncio.sleep(AGAIN)

    # Bounds

    async def _tidy(self) -> None:
        """Drop what is over and old, what nobody will end, and the oldest beyond the bounds."""
        now = asyncio.get_running_loop().time()
        if now - self._tidied < TIDIED_EVERY:
            return
        self._tidied = now
        await self.store.transact(self._drop)

    async def _drop(self, query: Query) -> None:
        await query("DELETE FROM pixroute_serve_begun WHERE state = 'over' AND until < {now}")
        await query(f"DELETE FROM pixroute_serve_begun WHERE until < {{now}} AND owner NOT IN {ALIVE}")  # noqa: S608 - our own names
        for row in await query(
            "SELECT turn FROM pixroute_serve_begun WHERE owner = :owner AND state = 'open'", owner=self.store.owner
        ):
            if row["turn"] not in self._turns:  # it was taken after we had given up on it
                await query("DELETE FROM pixroute_serve_begun WHERE turn = :turn", turn=row["turn"])
        rows = await query("SELECT caller, name, bytes FROM pixroute_serve_begun WHERE state = 'over' ORDER BY at DESC")
        size = 0
        for number, row in enumerate(rows, 1):
            size += int(row["bytes"])
            if number > self.most or size > self.most_bytes:
                await query(
                    f"DELETE FROM pixroute_serve_begun WHERE {_MINE} AND state = 'over'",  # noqa: S608 - our own names
                    caller=row["caller"],
                    name=row["name"],
                )
        await query(
            """DELETE FROM pixroute_serve_picture WHERE NOT EXISTS (SELECT 1 FROM pixroute_serve_begun AS one
            WHERE one.caller = pixroute_serve_picture.caller AND one.name = pixroute_serve_picture.name)"""
        )
