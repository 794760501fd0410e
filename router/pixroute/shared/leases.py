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

from pixroute.shared.ports import Kept, Query, StoreAway
from pixroute.shared.schema import VERSION

log = logging.getLogger(__name__)

TOGETHER = 100
"""Calls at most in one transaction."""
AGAIN = 1.0
"""Seconds until a store that was away is asked again for what must not be lost."""


@frozen(kw_only=True)
class Hold:
    """One thing held.

    Args:
        kind: what of.
        name: of the budget's window, the provider or the upstream.
        amount: millionths of the currency; 1 for a place or a probe.
        limit: no more than this is held, spent and possibly spent by all processes together.
        ends: when the budget's window ends, in seconds since 1970; 0 for others.
    """

    kind: Literal["budget", "slot", "probe"]
    name: str
    amount: int = 1
    limit: int = 1
    ends: float = 0.0


@frozen(kw_only=True)
class Lease:
    """What an attempt needs before it is sent, all or nothing, for at most `seconds`."""

    attempt: str
    holds: tuple[Hold, ...]
    seconds: float


@frozen(kw_only=True)
class Settlement:
    """What an attempt has cost, in millionths: for certain, and possibly."""

    attempt: str
    spent: int = 0
    possibly: int = 0


@frozen
class Refused:
    """Why a lease was not given: what it lacked, and how much of it is left; None: the store is away."""

    hold: Hold
    left: int | None


@frozen
class Standing:
    """Where a budget's window or a provider's places stand, in millionths or places."""

    spent: int
    possibly: int
    reserved: int

    @property
    def taken(self) -> int:
        """What of the limit is gone, in the pessimist's way."""
        return self.spent + self.possibly + self.reserved


@define
class _Total:
    spent: int
    possibly: int
    ends: float


@frozen
class _Call:
    """A lease that is asked for, or one that ended and its settlement."""

    lease: Lease
    settlement: Settlement | None = None
    answer: asyncio.Future[Refused | None] = field(factory=lambda: asyncio.get_running_loop().create_future())


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
    told: Callable[[str], None] = log.warning
    processes: int = 1  # as last seen; the health exchange keeps it
    _calls: list[_Call] = field(factory=list, init=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False)
    _live: dict[str, Lease] = field(factory=dict, init=False)
    _totals: dict[str, _Total] = field(factory=dict, init=False)
    _left: dict[str, int] = field(factory=dict, init=False)
    _seen: tuple[str, int] | None = field(default=None, init=False)  # the store's id and turn
    _behind: bool = field(default=False, init=False)  # what we know must be written anew

    @property
    def is_away(self) -> bool:
        """Whether the store failed when it was last asked."""
        return self._behind

    async def take(self, lease: Lease) -> Refused | None:
        """Take all that an attempt needs; None: it has it. A caller that is cancelled holds nothing."""
        call = _Call(lease)
        self._enqueue(call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            call.answer.cancel()
            if lease.attempt in self._live:
                self.settle(Settlement(attempt=lease.attempt))
            raise

    def settle(self, settlement: Settlement) -> None:
        """Give back what an attempt held and count what it cost; twice is nothing.

        A store that is away gets it when it is back.
        """
        lease = self._live.pop(settlement.attempt, None)
        if lease is None:
            return
        for hold in lease.holds:
            if hold.kind == "budget":
                total = self._totals.setdefault(hold.name, _Total(0, 0, hold.ends))
                total.spent += settlement.spent
                total.possibly += settlement.possibly
        self._enqueue(_Call(lease, settlement))

    async def aclose(self) -> None:
        """Write what is still to be written, for a second and a half at most."""
        if self._worker is not None:
            await asyncio.wait([self._worker], timeout=1.5 * AGAIN)
            self._worker.cancel()

    async def standing(self, names: Iterable[str]) -> dict[str, Standing]:
        """Read where budgets stand.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> dict[str, Standing]:
            return {name: await _standing(query, "budget", name) for name in names}

        return await self.kept.transact(work)

    # One transaction at a time

    def _enqueue(self, call: _Call) -> None:
        self._calls.append(call)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while self._calls:
            batch, self._calls = self._calls[:TOGETHER], self._calls[TOGETHER:]
            batch = [call for call in batch if not call.answer.cancelled()]
            try:
                answers = await self.kept.transact(lambda query, batch=batch: self._write(query, batch))  # type: ignore[misc]
            except StoreAway as error:
                await self._went_away(batch, error)
                continue
            self._behind = False
            for call, answer in zip(batch, answers, strict=True):
                self._answer(call, answer)

    def _answer(self, call: _Call, answer: Refused | None) -> None:
        if call.settlement is None and answer is None:
            self._live[call.lease.attempt] = call.lease
            if call.answer.cancelled():
                self.settle(Settlement(attempt=call.lease.attempt))
        if not call.answer.done():
            call.answer.set_result(answer)

    async def _went_away(self, batch: Sequence[_Call], error: StoreAway) -> None:
        if not self._behind:
            self.told(str(error))
        self._behind = True
        owed = [call for call in batch if call.settlement is not None]
        for call in batch:
            if call.settlement is None:
                answer = self._alone(call.lease)
                self._answer(call, answer)
                if answer is not None:  # the transaction may have taken place
                    owed.append(_Call(call.lease, Settlement(attempt=call.lease.attempt)))
        self._calls = owed + self._calls
        if all(call.settlement is not None for call in self._calls):
            await asyncio.sleep(AGAIN)

    def _alone(self, lease: Lease) -> Refused | None:
        """Judge a lease without the store."""
        for hold in lease.holds:
            share = self._left.get(hold.name, 0) // max(1, self.processes)
            if hold.kind != "probe" and (self.away == "refuse" or hold.amount > share):
                return Refused(hold, None)
        for hold in lease.holds:
            self._left[hold.name] = self._left.get(hold.name, 0) - hold.amount * max(1, self.processes)
        return None

    # In a transaction

    async def _write(self, query: Query, batch: Sequence[_Call]) -> list[Refused | None]:
        await self._enter(query)
        answers: list[Refused | None] = []
        for call in batch:
            if call.settlement is None:
                answers.append(await self._taken(query, call.lease))
            else:
                await self._settled(query, call.lease, call.settlement)
                answers.append(None)
        return answers

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
            await self._restore(query)

    async def _restore(self, query: Query) -> None:
        for name in self._totals:
            await self._write_total(query, name)
        for lease in self._live.values():
            await self._insert(query, lease)

    async def _taken(self, query: Query, lease: Lease) -> Refused | None:
        for hold in lease.holds:
            left = hold.limit - (await _standing(query, hold.kind, hold.name)).taken
            self._left[hold.name] = left
            if hold.amount > left:
                return Refused(hold, max(0, left))
        await self._insert(query, lease)
        return None

    async def _insert(self, query: Query, lease: Lease) -> None:
        for hold in lease.holds:
            await query(
                """INSERT INTO pixroute_lease
                VALUES (:attempt, :kind, :name, :amount, :owner, {now} + :seconds)
                ON CONFLICT (attempt, kind, name) DO NOTHING""",
                attempt=lease.attempt,
                kind=hold.kind,
                name=hold.name,
                amount=hold.amount,
                owner=self.owner,
                seconds=float(lease.seconds),
            )

    async def _settled(self, query: Query, lease: Lease, settlement: Settlement) -> None:
        await query("DELETE FROM pixroute_lease WHERE attempt = :attempt", attempt=lease.attempt)
        for hold in lease.holds:
            if hold.name in self._totals:
                await self._write_total(query, hold.name)
            if hold.kind == "budget" and settlement.possibly:
                await query(
                    """INSERT INTO pixroute_doubt VALUES (:attempt, :name, :amount, :ends)
                    ON CONFLICT (attempt, name) DO NOTHING""",
                    attempt=lease.attempt,
                    name=hold.name,
                    amount=settlement.possibly,
                    ends=float(hold.ends),
                )

    async def _write_total(self, query: Query, name: str) -> None:
        total = self._totals[name]
        await query(
            """INSERT INTO pixroute_spent VALUES (:owner, :name, :spent, :possibly, :ends)
            ON CONFLICT (owner, name) DO UPDATE SET spent = excluded.spent, possibly = excluded.possibly""",
            owner=self.owner,
            name=name,
            spent=total.spent,
            possibly=total.possibly,
            ends=float(total.ends),
        )


async def _standing(query: Query, kind: str, name: str) -> Standing:
    """Add up what all processes have spent and hold; a dead process's place is free, its money is not."""
    (held,) = await query(
        """SELECT CAST(COALESCE(SUM(CASE WHEN until >= {now} THEN amount ELSE 0 END), 0) AS BIGINT) AS living,
        CAST(COALESCE(SUM(CASE WHEN until < {now} THEN amount ELSE 0 END), 0) AS BIGINT) AS dead
        FROM pixroute_lease WHERE kind = :kind AND name = :name""",
        kind=kind,
        name=name,
    )
    if kind != "budget":
        return Standing(0, 0, int(held["living"]))
    (spent,) = await query(
        """SELECT CAST(COALESCE(SUM(spent), 0) AS BIGINT) AS spent,
        CAST(COALESCE(SUM(possibly), 0) AS BIGINT) AS possibly FROM pixroute_spent WHERE name = :name""",
        name=name,
    )
    return Standing(int(spent["spent"]), int(spent["possibly"]) + int(held["dead"]), int(held["living"]))
