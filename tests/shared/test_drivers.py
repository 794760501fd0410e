"""Both drivers keep the contract that is public in `pixroute.testing`."""

import asyncio

import pytest

from pixroute.shared.ports import StoreAway
from pixroute.shared.postgres import PostgresKept, PostgresTold
from pixroute.shared.sqlite import SqliteKept, SqliteTold
from pixroute.testing.conformance.stores import KeptConformance, ToldConformance


class TestSqliteTold(ToldConformance):
    """Of SQLite."""

    @pytest.fixture
    def told(self, tmp_path):
        """Open the same file."""
        return lambda: SqliteTold(tmp_path / "told.db")


class TestSqliteKept(KeptConformance):
    """Of SQLite."""

    @pytest.fixture
    def kept(self, tmp_path):
        """Open the same file."""
        return lambda: SqliteKept(tmp_path / "kept.db")


class TestPostgresTold(ToldConformance):
    """Of PostgreSQL."""

    @pytest.fixture
    def told(self, cluster):
        """Connect to the same database."""
        url = cluster.database()
        return lambda: PostgresTold(url)


class TestPostgresKept(KeptConformance):
    """Of PostgreSQL."""

    @pytest.fixture
    def kept(self, cluster):
        """Connect to the same database."""
        url = cluster.database()
        return lambda: PostgresKept(url)


class TestPooledTold(ToldConformance):
    """Of PostgreSQL behind pgbouncer in transaction mode."""

    @pytest.fixture
    def told(self, cluster, pooler):
        """Connect to the same database."""
        url = pooler(cluster.database())
        return lambda: PostgresTold(url, pooler=True)


class TestPooledKept(KeptConformance):
    """Of PostgreSQL behind pgbouncer in transaction mode."""

    @pytest.fixture
    def kept(self, cluster, pooler):
        """Connect to the same database."""
        url = pooler(cluster.database())
        return lambda: PostgresKept(url, pooler=True)


async def test_a_connection_that_the_server_ended_meanwhile_is_opened_again(cluster):
    """Nobody needs to hear of it: nothing had begun on it."""
    url = cluster.database()
    kept = PostgresKept(url)

    async def pid(query):
        (row,) = await query("SELECT pg_backend_pid() AS pid")
        return row["pid"]

    try:
        before = await kept.transact(pid)
        cluster.sql(f"SELECT pg_terminate_backend({before})")  # the loop stands still, and has not heard of it
        after = await kept.transact(pid)
    finally:
        await kept.aclose()

    assert before != after


async def test_a_pooler_needs_to_be_told_of(cluster, pooler):
    """Prepared names of one server are unknown, or another's, at the next."""
    url = pooler(cluster.database())
    stores = [PostgresKept(url) for _ in range(6)]

    async def work(query):
        await query("SELECT 1 + :one AS two", one=1)
        await asyncio.sleep(0.02)

    async def often(store):
        for _ in range(5):
            await store.transact(work)

    ended = await asyncio.gather(*map(often, stores), return_exceptions=True)
    for store in stores:
        await store.aclose()

    assert any(isinstance(end, StoreAway) and "pooler = true" in str(end) for end in ended), ended
