"""Both drivers keep the contract that is public in `pixroute.testing`."""

import pytest

from pixroute.shared.postgres import PostgresKept, PostgresTold
from pixroute.shared.sqlite import SqliteKept, SqliteTold
from pixroute.testing.conformance.stores import KeptConformance, ToldConformance


class TestSqliteTold(ToldConformance):
    @pytest.fixture
    def told(self, tmp_path):
        return lambda: SqliteTold(tmp_path / "told.db")


class TestSqliteKept(KeptConformance):
    @pytest.fixture
    def kept(self, tmp_path):
        return lambda: SqliteKept(tmp_path / "kept.db")


class TestPostgresTold(ToldConformance):
    @pytest.fixture
    def told(self, cluster):
        url = cluster.database()
        return lambda: PostgresTold(url)


class TestPostgresKept(KeptConformance):
    @pytest.fixture
    def kept(self, cluster):
        url = cluster.database()
        return lambda: PostgresKept(url)
