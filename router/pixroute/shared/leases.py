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
from math import inf
from typing import Literal

from attrs import define, field, frozen

from pixroute.shared.lease import Lease, LeaseRefused, LeaseSettlement, SpentTotal, Taken
from pixroute.shared.ports import Kept, Query, StoreAway
from pixroute.shared.rows import (
    REMEMBERED,
    SharedTurn,
    delete_leases,
    enter,
    insert_leases,
    judge,
    read_taken,
    write_totals,
)

log = logging.getLogger(__name__)

TOGETHER = 100
"""Calls at most in one transaction."""
AGAIN = 1.0
"""Seconds until a store that was away is asked again for what must not be lost."""


def _warn(text: str) -> None:
    log.warning("%s", text, extra={"store": text})


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
    _calls: list[_Call] = field(factory=list, init=False)
    _batch: Sequence[_Call] = field(default=(), init=False)  # in the transaction under way
    _worker: asyncio.Task[None] | None = field(default=None, init=False)
    _live: dict[str, Lease] = field(factory=dict, init=False)
    _totals: dict[str, SpentTotal] = field(factory=dict, init=False)
    _ended: set[str] = field(factory=set, init=False)  # of these, not yet counted
    _taken: dict[tuple[str, str], int] = field(factory=dict, init=False)  # of each limit, as last seen
    _turn: SharedTurn | None = field(default=None, init=False)  # the last that was taken
    _seen_at: float = field(default=-inf, init=False)
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

    async def status(self, names: Iterable[str]) -> dict[str, Taken]:
        """Read where budgets stand.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> dict[str, Taken]:
            return {name: await read_taken(query, "budget", name) for name in names}

        return await self.kept.transact(work)

    async def judge(self, attempt: str, *, billed: bool) -> tuple[str, ...]:
        """Say what an attempt that was possibly billed turned out to be; gives the windows that it counts in.

        Also of one whose process died before it could tell. The operator's word is a total of its own, beside those
        of processes that may go on writing theirs.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> tuple[str, ...]:
            await enter(query, self.owner)
            return await judge(query, attempt, billed=billed)

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
            self._behind, self._seen_at = False, asyncio.get_running_loop().time()
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
                total = self._totals.setdefault(hold.name, SpentTotal(0, 0, hold.ends))
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
        """Judge a lease without the store: our share of what was left when it was last seen, within the last hour."""
        forgotten = asyncio.get_running_loop().time() - self._seen_at > REMEMBERED
        if self._turn is None or forgotten or self.away == "refuse":
            return LeaseRefused(lease.holds[0], None)
        processes = self._turn.processes
        for hold in lease.holds:
            taken = self._taken.get((hold.kind, hold.name), hold.limit)
            if hold.amount > (hold.limit - taken) // processes:
                return LeaseRefused(hold, None)
        for hold in lease.holds:
            taken = self._taken.get((hold.kind, hold.name), hold.limit)
            self._taken[hold.kind, hold.name] = taken + hold.amount * processes
        return None

    # In a transaction

    async def _write(self, query: Query) -> list[LeaseRefused | None]:
        await self._enter(query)
        settled = [(call.lease, call.settlement) for call in self._batch if call.settlement is not None]
        await delete_leases(query, settled)
        names = {hold.name for lease, _ in settled for hold in lease.holds} & self._totals.keys()
        await write_totals(query, {name: self._totals[name] for name in names}, self.owner)
        leases = [call.lease for call in self._batch if call.settlement is None]
        for kind, name in {(hold.kind, hold.name) for lease in leases for hold in lease.holds}:
            self._taken[kind, name] = (await read_taken(query, kind, name)).sum
        answers = {lease.attempt: self._judged(lease) for lease in leases}
        await insert_leases(query, [lease for lease in leases if answers[lease.attempt] is None], self.owner)
        return [None if call.settlement is not None else answers[call.lease.attempt] for call in self._batch]

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
        turn, before = await enter(query, self.owner), self._turn
        if before is not None and (turn.store != before.store or turn.number <= before.number):
            self.told("The store is another one, or an older copy: this process writes again what it knows.")
            self._behind = True
        self._turn = turn
        if self._behind:
            await write_totals(query, self._totals, self.owner)
            await insert_leases(query, self._live.values(), self.owner)
