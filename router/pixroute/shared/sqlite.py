"""Both ports on SQLite: one file for what is kept, one beside it for what is told, one thread each."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from pixroute.shared import schema
from pixroute.shared.patience import in_time
from pixroute.shared.ports import Fact, Query, Row, StoreAway

T = TypeVar("T")

WAL_SINCE = (3, 51, 3)
"""WAL files of older versions may be corrupted when the log is reset (sqlite.org/wal.html, "the WAL reset bug")."""
NOW = "((julianday('now') - 2440587.5) * 86400.0)"
BUSY = 0.8
"""Seconds for which a transaction waits for another process's: less than its caller does, who is told why."""
LATE = "it did not answer within a second; its disk hangs, or another process holds it"
MEMORY = Path(":memory:")
_REASONS = (
    (r"locked|busy", "another process holds it; if nobody should, end whoever does"),
    (r"readonly|read-only", "it cannot be written; give this process's user the right to, or mount it writable"),
    (r"full|disk I/O", "its disk is full or failing; make room"),
    (r"unable to open", "it cannot be opened; is the folder there and writable?"),
    (r"not a database|malformed", "it is damaged; move it away, and a new one is made"),
)


class SqliteDatabase:
    """One connection in one thread; statements of one caller at a time."""

    def __init__(self, path: Path, *, tables: Sequence[str], synchronous: str) -> None:
        self._path = path
        self._tables = tables
        self._synchronous = synchronous
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pixroute-sqlite")
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # which file that path was when it was opened
        self._failed = False
        self._turn = asyncio.Lock()

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """Run `work` between BEGIN IMMEDIATE and COMMIT within a second, whatever becomes of the caller."""
        if self._path == MEMORY:  # nobody else can keep it waiting
            return await asyncio.shield(asyncio.ensure_future(self._transact(work)))
        return await in_time(self._transact(work), late=f"The store {self._path.name} failed: {LATE}.")

    async def _transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        async with self._turn:
            await self._do(self._begin)
            try:
                done = await work(self._query)
            except BaseException:
                await self._do(self._end, "ROLLBACK")
                raise
            await self._do(self._end, "COMMIT")
            return done

    async def aclose(self) -> None:
        """Close the connection and end the thread."""
        async with self._turn:
            if self._connection is not None:
                await self._do(self._connection.close)
                self._connection = None
            self._thread.shutdown(wait=False)

    async def _query(self, sql: str, /, **values: object) -> list[Row]:
        return await self._do(self._execute, sql.format(now=NOW), values)

    async def _do(self, call: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)
        except sqlite3.Error as error:
            raise StoreAway(f"The store {self._path.name} failed ({error}): {_advice(error)}.") from error
        except RuntimeError as error:  # the thread has ended
            raise StoreAway(f"The store {self._path.name} is closed.") from error

    # In the thread

    def _begin(self) -> None:
        if self._failed or (self._connection is not None and self._file != self._which()):
            self._let_go()  # somebody put another file in its place; or it was opened read-only, and would stay so
        if self._connection is None:
            self._connection = self._opened()
            self._file = self._which()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:
            self._failed = True
            raise

    def _which(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _let_go(self) -> None:
        """Open it anew next time; what is in memory alone would be lost by that."""
        self._failed = False
        if self._connection is not None and self._path != MEMORY:
            self._connection.close()
            self._connection = None

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute(f"PRAGMA journal_mode = {journal_mode()}")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("BEGIN IMMEDIATE")
            for table in self._tables:
                connection.execute(table.format(unlogged=""))
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _execute(self, sql: str, values: Mapping[str, object]) -> list[Row]:
        assert self._connection is not None
        try:
            return [dict(row) for row in self._connection.execute(sql, values)]
        except sqlite3.Error:
            self._failed = True
            raise

    def _end(self, word: str) -> None:
        """Commit or roll back; a connection that cannot is opened anew."""
        assert self._connection is not None
        try:
            if self._connection.in_transaction:
                self._connection.execute(word)
        except sqlite3.Error:
            self._let_go()
            raise


class SqliteKept(SqliteDatabase):
    """Money and places in a file, on disk when a transaction ends."""

    def __init__(self, path: Path, tables: Sequence[str] = schema.KEPT) -> None:
        super().__init__(path, tables=tables, synchronous="FULL")


class SqliteTold:
    """Health in a file of its own, written without waiting for the disk."""

    def __init__(self, path: Path) -> None:
        self._database = SqliteDatabase(path, tables=schema.TOLD, synchronous="OFF")

    async def exchange(self, owner: str, facts: Mapping[str, str] | None, *, life: float) -> Sequence[Fact]:
        """As `Told.exchange`."""

        async def work(query: Query) -> list[Row]:
            if facts is not None:
                await query("DELETE FROM pixroute_told WHERE owner = :owner OR until < {now}", owner=owner)
            for name, value in (facts or {}).items():
                await query(
                    "INSERT INTO pixroute_told VALUES (:owner, :name, :value, {now}, {now} + :life)",
                    owner=owner,
                    name=name,
                    value=value,
                    life=life,
                )
            return await query("SELECT owner, name, value, {now} - told AS age FROM pixroute_told WHERE until >= {now}")

        return [
            Fact(row["owner"], row["name"], row["value"], row["age"]) for row in await self._database.transact(work)
        ]

    async def aclose(self) -> None:
        """As `Told.aclose`."""
        await self._database.aclose()


def journal_mode() -> str:
    """Give the journal that this SQLite keeps safely: a WAL only from the version without the bug of its reset."""
    return "WAL" if sqlite3.sqlite_version_info >= WAL_SINCE else "TRUNCATE"


def _advice(error: sqlite3.Error) -> str:
    return next((told for pattern, told in _REASONS if re.search(pattern, str(error))), "see the message")
