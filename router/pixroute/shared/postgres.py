"""Both ports on PostgreSQL through asyncpg (extra `postgres`): one connection each, opened again when it is lost."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, TypeVar

from pixroute.shared import schema
from pixroute.shared.patience import in_time
from pixroute.shared.ports import PATIENCE, Fact, Query, Row, StoreAway

T = TypeVar("T")

NOW = "extract(epoch from clock_timestamp())::float8"
_TYPES = {bool: "bool", int: "int8", float: "float8", str: "text", bytes: "bytea"}
_LOCK = 0x706978726F757465
"""Of the advisory lock under which tables are made: CREATE TABLE IF NOT EXISTS races with itself."""
UNREACHABLE = "is it running, and does this machine reach it?"
_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


class PostgresDatabase:
    """One connection; one transaction at a time."""

    def __init__(self, url: str, *, tables: Sequence[str], pooler: bool) -> None:
        self._url = url
        self._tables = tables
        self._pooler = pooler
        self._connection: Any = None
        self._turn = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """Run `work` in a transaction within a second, whatever becomes of the caller."""
        late = f"PostgreSQL failed (no answer within a second): {UNREACHABLE}."
        return await in_time(self._transact(work), late=late, give_up=self._cut)

    async def _transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        import asyncpg  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, without types

        fails: tuple[type[Exception], ...] = (ValueError, *_lost(asyncpg))
        async with self._turn:
            self._holder = asyncio.current_task()
            try:
                async with AsyncExitStack() as transaction:
                    connection = await self._begun(asyncpg, transaction)
                    return await work(partial(_query, connection))
            except StoreAway:
                raise
            except fails as error:
                self._give_up()
                raise StoreAway(f"PostgreSQL failed ({_told(error)}): {_advice(error)}.") from error
            finally:
                self._holder = None

    def _cut(self, task: asyncio.Task[T]) -> None:
        """Break off what a silent server would keep waiting; who only stands in line for the connection leaves it."""
        if task is self._holder:
            self._give_up()

    async def aclose(self) -> None:
        """Close the connection."""
        async with self._turn:
            if self._connection is not None:
                with suppress(Exception):  # whatever it says, it is given up
                    await self._connection.close(timeout=PATIENCE)
                self._give_up()

    async def _begun(self, asyncpg: Any, transaction: AsyncExitStack) -> Any:
        """Begin a transaction; where the server has ended our connection meanwhile, on a new one."""
        if self._connection is not None:
            connection = await self._connected(asyncpg)
            try:
                await transaction.enter_async_context(connection.transaction())
            except _lost(asyncpg):
                self._give_up()
            else:
                return connection
        connection = await self._connected(asyncpg)
        await transaction.enter_async_context(connection.transaction())
        return connection

    async def _connected(self, asyncpg: Any) -> Any:
        if self._connection is None or self._connection.is_closed():
            # a pooler gives each transaction another server, on which no prepared statement of ours is known
            cache = {"statement_cache_size": 0} if self._pooler else {}
            self._connection = connection = await asyncpg.connect(self._url, timeout=PATIENCE, **cache)
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_LOCK})")
                for table in self._tables:
                    await connection.execute(table.format(unlogged="UNLOGGED"))
            return connection
        return self._connection

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class PostgresKept(PostgresDatabase):
    """Money and places; a commit is on disk before it is told, whatever the server's default."""

    def __init__(self, url: str, *, pooler: bool = False, tables: Sequence[str] = schema.KEPT) -> None:
        super().__init__(url, tables=tables, pooler=pooler)

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """As `Kept.transact`."""

        async def durable(query: Query) -> T:
            await query("SET LOCAL synchronous_commit = on")
            return await work(query)

        return await super().transact(durable)


class PostgresTold:
    """Health in an UNLOGGED table: after a crash of the server it is empty, and is told anew."""

    def __init__(self, url: str, *, pooler: bool = False) -> None:
        self._database = PostgresDatabase(url, tables=schema.TOLD, pooler=pooler)

    async def exchange(self, owner: str, facts: Mapping[str, str] | None, *, life: float) -> Sequence[Fact]:
        """As `Told.exchange`."""

        async def work(query: Query) -> list[Row]:
            if facts is not None:
                await query("DELETE FROM pixroute_told WHERE owner = :owner OR until < {now}", owner=owner)
                await query(
                    """INSERT INTO pixroute_told
                    SELECT :owner, name, value, {now}, {now} + :life FROM unnest(:names, :told) AS t (name, value)""",
                    owner=owner,
                    life=life,
                    names=list(facts),
                    told=list(facts.values()),
                )
            return await query("SELECT owner, name, value, {now} - told AS age FROM pixroute_told WHERE until >= {now}")

        rows = await self._database.transact(work)
        return [Fact(row["owner"], row["name"], row["value"], row["age"]) for row in rows]

    async def aclose(self) -> None:
        """As `Told.aclose`."""
        await self._database.aclose()


def _lost(asyncpg: Any) -> tuple[type[Exception], ...]:
    """Give what is raised of a connection that fails; the last, of one that the server ended between two calls."""
    return OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError


async def _query(connection: Any, sql: str, /, **values: object) -> list[Row]:
    places = {name: f"${number}::{_type(value)}" for number, (name, value) in enumerate(values.items(), 1)}
    text = _NAME.sub(lambda found: places[found[1]], sql.format(now=NOW))
    return [dict(row) for row in await connection.fetch(text, *values.values())]


def _type(value: object) -> str:
    return "text[]" if isinstance(value, list) else _TYPES[type(value)]


def _told(error: BaseException) -> str:
    return "no answer within a second" if isinstance(error, TimeoutError) else type(error).__name__


def _advice(error: BaseException) -> str:
    """Say what to do by the kind of the error alone; its text may hold the URL."""
    name = type(error).__name__
    if "Password" in name or "Authorization" in name:
        return "it refuses the user or the password; look at the URL"
    if "TooManyConnections" in name:
        return "it has no connection left; raise max_connections, or put a pooler in front of it"
    if "InvalidCatalog" in name:
        return "there is no such database; make it"
    if "PreparedStatement" in name or "InvalidSQLStatementName" in name:
        return "a pooler stands in front of it: say pooler = true in [shared]"
    if "ReadOnly" in name:
        return "it takes no writes; give the primary's address, not a replica's"
    if isinstance(error, ValueError):
        return "its URL cannot be read; it has the form postgresql://user@host/database"
    return UNREACHABLE
