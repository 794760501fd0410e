"""What one transaction of leases reads and writes: few statements for many attempts."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from pixroute.shared.lease import Lease, LeaseSettlement, SpentTotal, Taken
from pixroute.shared.ports import Query, StoreAway
from pixroute.shared.schema import VERSION

MOST_ROWS = 100
"""Rows at most in one statement."""
REMEMBERED = 3600.0
"""Seconds for which a process counts as one of those that share, after it last asked the store."""
Values = tuple[str | int | float, ...]


@frozen
class SharedTurn:
    """A transaction's turn: the store's id, a number that only grows, and the processes seen within an hour."""

    store: str
    number: int
    processes: int


async def enter(query: Query, owner: str) -> SharedTurn:
    """Take this transaction's turn: it changes the row that all change, so they run one after the other.

    Raises:
        StoreAway: a newer pixroute wrote the store.
    """
    take = "UPDATE pixroute_store SET turn = turn + 1 WHERE one = 1 RETURNING id, version, turn"
    rows = await query(take)
    if not rows:
        await query(
            "INSERT INTO pixroute_store VALUES (1, :id, :version, 0) ON CONFLICT (one) DO NOTHING",
            id=uuid.uuid4().hex,
            version=VERSION,
        )
        rows = await query(take)
    (row,) = rows
    if row["version"] > VERSION:
        raise StoreAway("The store was written by a newer pixroute that this one cannot work beside: update it.")
    await query(
        """INSERT INTO pixroute_process VALUES (:owner, {now})
        ON CONFLICT (owner) DO UPDATE SET seen = excluded.seen""",
        owner=owner,
    )
    await query("DELETE FROM pixroute_process WHERE seen < {now} - :remembered", remembered=REMEMBERED)
    (count,) = await query("SELECT COUNT(*) AS processes FROM pixroute_process")
    return SharedTurn(str(row["id"]), int(row["turn"]), int(count["processes"]))


async def read_taken(query: Query, kind: str, name: str) -> Taken:
    """Add up what all processes have spent and hold; a dead process's place is free, its money is not.

    One statement sees one moment: two would count twice what was settled between them.
    """
    (row,) = await query(
        """SELECT CAST(COALESCE(SUM(CASE WHEN until >= {now} THEN amount ELSE 0 END), 0) AS BIGINT) AS living,
        CAST(COALESCE(SUM(CASE WHEN until < {now} THEN amount ELSE 0 END), 0) AS BIGINT) AS dead,
        (SELECT CAST(COALESCE(SUM(spent), 0) AS BIGINT) FROM pixroute_spent WHERE name = :name) AS spent,
        (SELECT CAST(COALESCE(SUM(possibly), 0) AS BIGINT) FROM pixroute_spent WHERE name = :name) AS possibly
        FROM pixroute_lease WHERE kind = :kind AND name = :name""",
        kind=kind,
        name=name,
    )
    dead = int(row["dead"]) if kind == "budget" else 0
    return Taken(int(row["spent"]), int(row["possibly"]) + dead, int(row["living"]))


async def insert_leases(query: Query, leases: Iterable[Lease], owner: str) -> None:
    """Write what attempts hold."""
    rows = [
        (lease.attempt, hold.kind, hold.name, hold.amount, owner, float(hold.seconds or lease.seconds))
        for lease in leases
        for hold in lease.holds
    ]
    values = "(:_0, :_1, :_2, :_3, :_4, {now} + :_5)"
    await _insert(query, "pixroute_lease", values, rows, "(owner, attempt, kind, name) DO NOTHING")


async def delete_leases(query: Query, settled: Sequence[tuple[Lease, LeaseSettlement]], owner: str) -> None:
    """Take away what attempts held, and keep by name those that may have been billed."""
    for some in _pieces([(lease.attempt,) for lease, _ in settled]):
        marks, values = _numbered(":_0", some)
        some_of_ours = f"DELETE FROM pixroute_lease WHERE owner = :owner AND attempt IN ({marks})"  # noqa: S608 - marks
        await query(some_of_ours, owner=owner, **values)
    doubts = [
        (lease.attempt, hold.name, settlement.possibly, float(hold.ends), owner)
        for lease, settlement in settled
        for hold in lease.holds
        if hold.kind == "budget" and settlement.possibly
    ]
    await _insert(query, "pixroute_doubt", "(:_0, :_1, :_2, :_3, :_4)", doubts, "(owner, attempt, name) DO NOTHING")


async def release(query: Query, attempt: str, kind: str, owner: str) -> None:
    """Take away one kind of what an attempt holds; money is never given back so."""
    await query(
        "DELETE FROM pixroute_lease WHERE owner = :owner AND attempt = :attempt AND kind = :kind",
        owner=owner,
        attempt=attempt,
        kind=kind,
    )


async def write_totals(query: Query, totals: Mapping[str, SpentTotal], owner: str) -> None:
    """Write what this process has spent, in place of what it wrote before."""
    rows = [(owner, name, one.spent, one.possibly, float(one.ends)) for name, one in totals.items()]
    own = "(owner, name) DO UPDATE SET spent = excluded.spent, possibly = excluded.possibly"
    await _insert(query, "pixroute_spent", "(:_0, :_1, :_2, :_3, :_4)", rows, own)


async def judge(query: Query, attempt: str, *, billed: bool) -> tuple[str, ...]:
    """Count what an attempt that was possibly billed turned out to be, as an operator's own total; gives the windows.

    Also of one whose process died before it could tell.
    """
    told = await query(
        "DELETE FROM pixroute_doubt WHERE attempt = :attempt RETURNING name, amount, ends", attempt=attempt
    )
    dead = await query(
        """DELETE FROM pixroute_lease WHERE attempt = :attempt AND kind = 'budget' AND until < {now}
        RETURNING name, amount""",
        attempt=attempt,
    )
    rows = [(row["name"], row["amount"] if billed else 0, -row["amount"], row["ends"]) for row in told]
    rows += [(row["name"], row["amount"] if billed else 0, 0, 0.0) for row in dead]
    for name, spent, possibly, ends in rows:
        await query(
            """INSERT INTO pixroute_spent VALUES ('operator', :name, :spent, :possibly, :ends)
            ON CONFLICT (owner, name) DO UPDATE SET spent = pixroute_spent.spent + excluded.spent,
            possibly = pixroute_spent.possibly + excluded.possibly""",
            name=name,
            spent=int(spent),
            possibly=int(possibly),
            ends=float(ends),
        )
    return tuple(str(name) for name, *_ in rows)


async def _insert(query: Query, table: str, values: str, rows: Sequence[Values], conflict: str) -> None:
    for some in _pieces(rows):
        marks, named = _numbered(values, some)
        await query(f"INSERT INTO {table} VALUES {marks} ON CONFLICT {conflict}", **named)  # noqa: S608 - marks alone


def _pieces(rows: Sequence[Values]) -> Iterable[Sequence[Values]]:
    return (rows[start : start + MOST_ROWS] for start in range(0, len(rows), MOST_ROWS))


def _numbered(form: str, rows: Sequence[Values]) -> tuple[str, dict[str, str | int | float]]:
    """Write `form` once for each row, with names of each row's own in place of `:_0`, `:_1` and so on."""
    marks = ", ".join(form.replace(":_", f":r{number}_") for number in range(len(rows)))
    return marks, {f"r{number}_{place}": value for number, row in enumerate(rows) for place, value in enumerate(row)}
