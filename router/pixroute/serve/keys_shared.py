"""API keys in the store that all processes of a gateway share: a revoked one is dead everywhere within two seconds."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import attrs
from attrs import define, field

from pixroute.serve.keys import ApiKey, opened
from pixroute.serve.together import ServeStore
from pixroute.shared.ports import Kept, Query


async def read_shared_keys(query: Query) -> dict[str, ApiKey]:
    """Read the keys by their prefixes, in a transaction."""
    rows = await query("SELECT prefix, told FROM pixroute_serve_key ORDER BY prefix")
    return {str(row["prefix"]): ApiKey(**json.loads(str(row["told"]))) for row in rows}


async def change_shared_keys(kept: Kept, change: Callable[[dict[str, ApiKey]], None]) -> None:
    """Change the keys: what is left in the mapping is written, all or nothing.

    Raises:
        StoreAway: as of the store; whatever `change` raises leaves them as they were.
    """

    async def work(query: Query) -> None:
        keys = await read_shared_keys(query)
        before = dict(keys)
        change(keys)
        for prefix, key in keys.items():
            if key != before.get(prefix):
                await query(
                    """INSERT INTO pixroute_serve_key VALUES (:prefix, :told, 1)
                    ON CONFLICT (prefix) DO UPDATE SET told = excluded.told, turn = pixroute_serve_key.turn + 1""",
                    prefix=prefix,
                    told=json.dumps(attrs.asdict(key)),
                )

    await kept.transact(work)


@define(eq=False)
class SharedKeyRing:
    """The keys of a store, read with every beat; while the store is away the last that were read stay.

    Args:
        store: of this process.
    """

    store: ServeStore
    _keys: Mapping[str, ApiKey] = field(factory=dict)
    _version: tuple[int, int] | None = None

    def __attrs_post_init__(self) -> None:
        self.store.tidying.insert(0, self.read)

    def find(self, text: str) -> ApiKey | None:
        """Give the key that this text is, if it opens anything."""
        return opened(self._keys, text)

    async def read(self) -> None:
        """Read what has changed.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> None:
            (row,) = await query(
                """SELECT COUNT(*) AS keys, CAST(COALESCE(SUM(turn), 0) AS BIGINT) AS turns FROM pixroute_serve_key"""
            )
            version = int(row["keys"]), int(row["turns"])
            if version != self._version:
                self._keys, self._version = await read_shared_keys(query), version

        await self.store.transact(work)
