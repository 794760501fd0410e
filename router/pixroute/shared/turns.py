"""Processes that wait for a place of the fleet take turns: who has stood in line longest comes first.

Within a process requests wait in their own order; a process that was given a place stands behind the others again.
"""

from __future__ import annotations

from pixroute.shared.ports import Query

STANDS = 2.0
"""Seconds for which a process keeps its place in line without asking."""


async def stand(query: Query, owner: str, name: str) -> None:
    """Stand in line, or go on standing."""
    await query("DELETE FROM pixroute_wait WHERE until < {now}")
    await query(
        """INSERT INTO pixroute_wait VALUES (:owner, :name, {now}, {now} + :stands)
        ON CONFLICT (owner, name) DO UPDATE SET until = excluded.until""",
        owner=owner,
        name=name,
        stands=STANDS,
    )


async def go_behind(query: Query, owner: str, name: str) -> None:
    """Go to the end of the line: others come first for the next place."""
    await query("UPDATE pixroute_wait SET since = {now} WHERE owner = :owner AND name = :name", owner=owner, name=name)


async def step_out(query: Query, owner: str, name: str) -> None:
    """Stand in line no more."""
    await query("DELETE FROM pixroute_wait WHERE owner = :owner AND name = :name", owner=owner, name=name)


async def count_ahead(query: Query, owner: str, name: str) -> int:
    """Count the processes that stood in line earlier; who does not stand in it comes last."""
    (row,) = await query(
        """SELECT COUNT(*) AS ahead FROM pixroute_wait WHERE name = :name AND owner <> :owner AND until >= {now}
        AND since < COALESCE((SELECT since FROM pixroute_wait
        WHERE name = :name AND owner = :owner AND until >= {now}), {now})""",
        name=name,
        owner=owner,
    )
    return int(row["ahead"])
