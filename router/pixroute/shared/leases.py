"""What an attempt holds of the fleet while it runs: money of budgets, a place at a provider, the right to probe.

Safety needs no clock: every transaction first changes the same row, so they run one after the other, and a limit is
looked at and taken in one of them. A process writes its spending as its own total, so writing it again changes nothing,
also into an older copy of the store. The store's clock decides only when the place of a dead process is free again;
its money is not: it may have been billed.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from attrs import define, field, frozen

from pixroute.shared.lease import Lease, LeaseRefused, LeaseSettlement, LeaseStatus
from pixroute.shared.ports import Kept, Query, StoreAway
from pixroute.shared.schema import VERSION

log = logging.getLogger(__name__)


def _warn(text: str) -> None:
    log.warning("%s", text, extra={"store": text})


TOGETHER = 100
"""Calls at most in one transaction."""
AGAIN = 1.0
"""Seconds until a store that was away is asked again for what must not be lost."""


@define
class _Total:
    spent: int
    possibly: int
    ends: float


@frozen
class _Call:
    """A lease that is asked for, or one that ended and its settlement."""

    lease: Lease
    settlement: LeaseSettlement | None = None
    answer: asyncio.Future[LeaseRefused | None] = field(factory=lambda: asyncio.get_running_loop().create_future())


@define
class Leases:
    """The leases of one process.

    Args:
        kept: the store.
        away: what a lease gets while the store is away: "refuse" nothing; "share" what was left when the store was
            last seen, divided by the processes that were seen then.
        owner: this process's name, drawn anew by each.
        told: hears, once each time, what befell the store.
    """

    kept: Kept
    away: Literal["refuse", "share"] = "refuse"
    owner: str = field(factory=lambda: uuid.uuid4().hex)
    told: Callable[[str], None] = _warn
    processes: int = 1  # as last seen; the health exchange keeps it
    _calls: list[_Call] = field(factory=list, init=False)
    _batch: Sequence[_Call] = field(default=(), init=False)  # in the transaction under way
    _worker: asyncio.Task[None] | None = field(default=None, init=False)
    _live: dict[str, Lease] = field(factory=dict, init=False)
    _totals: dict[str, _Total] = field(factory=dict, init=False)
    _ended: set[str] = field(factory=set, init=False)  # of these, not yet counted
    _taken: dict[tuple[str, str], int] = field(factory=dict, init=False)  # of each limit, as last seen
    _seen: tuple[str, int] | None = field(default=None, init=False)  # the store's id and turn
    _behind: bool = field(default=False, init=False)  # what we know must be written anew
    _rests: bool = field(default=False, init=False)  # the store was away less than `AGAIN` ago

    @property
    def is_away(self) -> bool:
        """Whether the store failed when it was last asked."""
        return self._behind

    @property
    def owes(self) -> int:
        """How many calls are still to be written."""
        return len(self._calls) + len(self._batch)

    async def take(self, lease: Lease) -> LeaseRefused | None:
        """Take all that an attempt needs; None: it has it. A caller that is cancelled holds nothing."""
        if self._rests:
            answer = self._alone(lease)
            if answer is None:
                self._live[lease.attempt] = lease
            return answer
        call = _Call(lease)
        self._enqueue(call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            call.answer.cancel()
            if lease.attempt in self._live:
                self.settle(LeaseSettlement(attempt=lease.attempt))
            raise

    def settle(self, settlement: LeaseSettlement) -> None:
        """Give back what an attempt held and count what it cost; twice is nothing.

        A store that is away gets it when it is back.
        """
        lease = self._live.get(settlement.attempt)
        if lease is not None and settlement.attempt not in self._ended:
            self._ended.add(settlement.attempt)
            self._enqueue(_Call(lease, settlement))

    async def aclose(self) -> None:
        """Write what is still to be written, for a second and a half at most."""
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=1.5 * AGAIN)
            self._worker.cancel()

    async def status(self, names: Iterable[str]) -> dict[str, LeaseStatus]:
        """Read where budgets stand.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> dict[str, LeaseStatus]:
            return {name: await _status(query, "budget", name) for name in names}

        return await self.kept.transact(work)

    async def judge(self, attempt: str, *, billed: bool) -> tuple[str, ...]:
        """Say what an attempt that was possibly billed turned out to be; gives the windows that it counts in.

        Also of one whose process died before it could tell. The operator's word is a total of its own, beside those
        of processes that may go on writing theirs.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> tuple[str, ...]:
            await self._enter(query)
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

        return await self.kept.transact(work)

    # One transaction at a time

    def _enqueue(self, call: _Call) -> None:
        self._calls.append(call)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._calls:
            batch, self._calls = self._calls[:TOGETHER], self._calls[TOGETHER:]
            self._batch = [call for call in batch if not call.answer.cancelled()]
            for call in self._batch:
                self._count(call)
            try:
                answers = await self.kept.transact(self._write)
            except StoreAway as error:
                await self._went_away(error)
                continue
            self._behind = False
            for call, answer in zip(self._batch, answers, strict=True):
                self._answer(call, answer)
            self._batch = ()

    def _count(self, call: _Call) -> None:
        """Add a settlement to our totals in the transaction that takes its lease away: never both, never neither."""
        if call.settlement is None or self._live.pop(call.lease.attempt, None) is None:
            return
        self._ended.discard(call.lease.attempt)
        for hold in call.lease.holds:
            if hold.kind == "budget":
                total = self._totals.setdefault(hold.name, _Total(0, 0, hold.ends))
                total.spent += call.settlement.spent
                total.possibly += call.settlement.possibly

    def _answer(self, call: _Call, answer: LeaseRefused | None) -> None:
        if call.settlement is None and answer is None:
            self._live[call.lease.attempt] = call.lease
            if call.answer.cancelled():
                self.settle(LeaseSettlement(attempt=call.lease.attempt))
        if not call.answer.done():
            call.answer.set_result(answer)

    async def _went_away(self, error: StoreAway) -> None:
        if not self._behind:
            self.told(str(error))
        self._behind = True
        calls, self._calls = [*self._batch, *self._calls], []
        for call in calls:
            if call.settlement is not None:
                self._calls.append(call)
            elif (answer := self._alone(call.lease)) is None:
                self._answer(call, None)
            else:
                self._answer(call, answer)
                if call in self._batch:  # the transaction may have taken place
                    self._calls.append(_Call(call.lease, LeaseSettlement(attempt=call.lease.attempt)))
        self._batch = ()
        self._rests = True
        await asyncio.sleep(AGAIN)
        self._rests = False

    def _alone(self, lease: Lease) -> LeaseRefused | None:
        """Judge a lease without the store."""
        processes = max(1, self.processes)
        for hold in lease.holds:
            taken = self._taken.get((hold.kind, hold.name), hold.limit)
            if hold.kind != "probe" and (self.away == "refuse" or hold.amount > (hold.limit - taken) // processes):
                return LeaseRefused(hold, None)
        for hold in lease.holds:
            taken = self._taken.get((hold.kind, hold.name), hold.limit)
            self._taken[hold.kind, hold.name] = taken + hold.amount * processes
        return None

    # In a transaction

    async def _write(self, query: Query) -> list[LeaseRefused | None]:
        await self._enter(query)
        await self._write_settled(query, [call for call in self._batch if call.settlement is not None])
        leases = [call.lease for call in self._batch if call.settlement is None]
        holds = {(hold.kind, hold.name): hold for lease in leases for hold in lease.holds}
        for kind, name in holds:
            self._taken[kind, name] = (await _status(query, kind, name)).taken
        answers = iter([self._judged(lease) for lease in leases])
        given = [None if call.settlement is not None else next(answers) for call in self._batch]
        await self._insert(
            query,
            [call.lease for call, no in zip(self._batch, given, strict=True) if call.settlement is None and not no],
        )
        return given

    def _judged(self, lease: Lease) -> LeaseRefused | None:
        """Give a lease what it needs of what is not taken, all or nothing."""
        for hold in lease.holds:
            left = hold.limit - self._taken[hold.kind, hold.name]
            if hold.amount > left:
                return LeaseRefused(hold, max(0, left))
        for hold in lease.holds:
            self._taken[hold.kind, hold.name] += hold.amount
        return None

    async def _enter(self, query: Query) -> None:
        """Take this transaction's turn, and write all that we know where the store has lost it."""
        turn = "UPDATE pixroute_store SET turn = turn + 1 WHERE one = 1 RETURNING id, version, turn"
        rows = await query(turn)
        if not rows:
            await query(
                "INSERT INTO pixroute_store VALUES (1, :id, :version, 0) ON CONFLICT (one) DO NOTHING",
                id=uuid.uuid4().hex,
                version=VERSION,
            )
            rows = await query(turn)
        (row,) = rows
        if row["version"] > VERSION:
            raise StoreAway("The store was written by a newer pixroute that this one cannot work beside: update it.")
        seen = str(row["id"]), int(row["turn"])
        if self._seen is not None and (seen[0] != self._seen[0] or seen[1] <= self._seen[1]):
            self.told("The store is another one, or an older copy: this process writes again what it knows.")
            self._behind = True
        self._seen = seen
        if self._behind:
            await self._write_totals(query, self._totals)
            await self._insert(query, list(self._live.values()))

    async def _insert(self, query: Query, leases: Sequence[Lease]) -> None:
        rows = [
            (lease.attempt, hold.kind, hold.name, hold.amount, self.owner, float(lease.seconds))
            for lease in leases
            for hold in lease.holds
        ]
        values = "(:_0, :_1, :_2, :_3, :_4, {now} + :_5)"
        await _insert_all(query, "pixroute_lease", values, rows, "(attempt, kind, name) DO NOTHING")

    async def _write_settled(self, query: Query, calls: Sequence[_Call]) -> None:
        for some in _pieces([(call.lease.attempt,) for call in calls]):
            marks, values = _numbered(":_0", some)
            await query(f"DELETE FROM pixroute_lease WHERE attempt IN ({marks})", **values)  # noqa: S608 - marks alone
        budgets = [(call, hold) for call in calls for hold in call.lease.holds if hold.kind == "budget"]
        await self._write_totals(query, {hold.name for _, hold in budgets if hold.name in self._totals})
        doubts = [
            (call.lease.attempt, hold.name, call.settlement.possibly, float(hold.ends))
            for call, hold in budgets
            if call.settlement is not None and call.settlement.possibly
        ]
        await _insert_all(query, "pixroute_doubt", "(:_0, :_1, :_2, :_3)", doubts, "(attempt, name) DO NOTHING")

    async def _write_totals(self, query: Query, names: Iterable[str]) -> None:
        totals = {name: self._totals[name] for name in names}
        rows = [(self.owner, name, one.spent, one.possibly, float(one.ends)) for name, one in totals.items()]
        own = "(owner, name) DO UPDATE SET spent = excluded.spent, possibly = excluded.possibly"
        await _insert_all(query, "pixroute_spent", "(:_0, :_1, :_2, :_3, :_4)", rows, own)


Values = tuple[str | int | float, ...]


async def _insert_all(query: Query, table: str, values: str, rows: Sequence[Values], conflict: str) -> None:
    for some in _pieces(rows):
        marks, named = _numbered(values, some)
        await query(f"INSERT INTO {table} VALUES {marks} ON CONFLICT {conflict}", **named)  # noqa: S608 - marks alone


def _pieces(rows: Sequence[Values]) -> Iterable[Sequence[Values]]:
    """Cut rows to what one statement may hold."""
    return (rows[start : start + TOGETHER] for start in range(0, len(rows), TOGETHER))


def _numbered(form: str, rows: Sequence[Values]) -> tuple[str, dict[str, str | int | float]]:
    """Write `form` once for each row, with names of each row's own in place of `:_0`, `:_1` and so on."""
    marks = ", ".join(form.replace(":_", f":r{number}_") for number in range(len(rows)))
    return marks, {f"r{number}_{place}": value for number, row in enumerate(rows) for place, value in enumerate(row)}


async def _status(query: Query, kind: str, name: str) -> LeaseStatus:
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
    return LeaseStatus(int(row["spent"]), int(row["possibly"]) + dead, int(row["living"]))
