"""Open the store that a configuration names."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from attrs import frozen

from pixroute.shared.ports import Kept, Told
from pixroute.shared.schema import KEPT


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
    if (path := _path(store)) is not None:
        from pixroute.shared.sqlite import SqliteTold  # noqa: PLC0415 - for those who share

        told: Told = SqliteTold(path.with_name(f"{path.name}-told"))
    else:
        from pixroute.shared.postgres import PostgresTold  # noqa: PLC0415 - for those who share

        told = PostgresTold(store, pooler=pooler)
    return Stores(told, open_kept(store, pooler=pooler))


def open_kept(store: str, *, pooler: bool = False, tables: Sequence[str] = KEPT, beside: str = "") -> Kept:
    """Give the port of what is kept, with other tables for somebody who keeps things of his own.

    Args:
        store: as of `open_stores`.
        pooler: as of `open_stores`.
        tables: statements that make them, where they are missing.
        beside: what is added to a SQLite file's name, so that one does not wait for the other.

    Raises:
        ValueError: as `open_stores`.
    """
    if (path := _path(store)) is not None:
        from pixroute.shared.sqlite import SqliteKept  # noqa: PLC0415 - for those who share

        return SqliteKept(path.with_name(path.name + beside), tables)
    from pixroute.shared.postgres import PostgresKept  # noqa: PLC0415 - for those who share

    return PostgresKept(store, pooler=pooler, tables=tables)


def _path(store: str) -> Path | None:
    """Give the path of a SQLite file; None: it is PostgreSQL.

    Raises:
        ValueError: as `open_stores`.
    """
    scheme, separator, _ = store.partition("://")
    if not separator:
        return Path(store)
    if scheme not in ("postgresql", "postgres"):
        raise ValueError(f'a store is a file, or begins with "postgresql://"; not with "{scheme}://"')
    if find_spec("asyncpg") is None:
        raise ValueError("PostgreSQL needs an extra: pip install 'pixroute[postgres]'")
    return None
