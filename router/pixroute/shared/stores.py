"""Open the store that a configuration names."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attrs import frozen

from pixroute.shared.ports import Kept, Told


@frozen
class Stores:
    """The two ports of one store.

    Args:
        told: for health and learned times.
        kept: for money, places and an operator's words.
        every: seconds from one exchange of what is told to the next.
        on_store_down: as in the table `[shared]`.
    """

    told: Told
    kept: Kept
    on_store_down: Literal["refuse", "share"] = "refuse"
    every: float = 1.0

    async def aclose(self) -> None:
        """Close both."""
        await self.told.aclose()
        await self.kept.aclose()


def open_stores(store: str, *, pooler: bool = False) -> Stores:
    """Give the ports of a store; nothing is connected before it is used.

    Args:
        store: the path of a SQLite file, or a URL beginning with postgresql:// or postgres://.
        pooler: a pooler in transaction mode, such as pgbouncer, stands in front of PostgreSQL.

    Raises:
        ValueError: the URL is of another kind, or the extra is missing.
    """
    scheme, separator, _ = store.partition("://")
    if not separator:
        from pixroute.shared.sqlite import SqliteKept, SqliteTold  # noqa: PLC0415 - for those who share

        path = Path(store)
        return Stores(SqliteTold(path.with_name(f"{path.name}-told")), SqliteKept(path))
    if scheme not in ("postgresql", "postgres"):
        raise ValueError(f'a store is a file, or begins with "postgresql://"; not with "{scheme}://"')
    if find_spec("asyncpg") is None:
        raise ValueError("PostgreSQL needs an extra: pip install 'pixroute[postgres]'")
    from pixroute.shared.postgres import PostgresKept, PostgresTold  # noqa: PLC0415 - for those who share

    return Stores(PostgresTold(store, pooler=pooler), PostgresKept(store, pooler=pooler))
