"""The table `[shared]`: where processes keep what they share."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from attrs import frozen

from pixroute.secret import Secret
from pixroute.values import check


@frozen(kw_only=True)
class SharedSettings:
    """Where the processes of a fleet keep what they share: money of `[budgets]`, places, probes, health and times.

    Args:
        store: the path of a SQLite file on a local disk, for the processes of one machine; for several machines
            `{ env = "NAME" }` of a variable that holds a `postgresql://` URL (extra `postgres`).
        pooler: whether a pooler in transaction mode, such as pgbouncer, stands in front of PostgreSQL.
        on_store_down: what a budget allows while the store is away: "refuse" nothing; "share" what was left of the
            limit when this process last saw it, divided by the processes it saw then. A process that never saw the
            store has nothing. The limit may be passed by what was taken and not yet seen, at most once.
    """

    store: Path | Secret
    pooler: bool = False
    on_store_down: Literal["refuse", "share"] = "refuse"

    __attrs_post_init__ = check
