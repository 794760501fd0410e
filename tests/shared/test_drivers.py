"""Both drivers keep the contract that is public in `pixroute.testing`."""

import pytest

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
