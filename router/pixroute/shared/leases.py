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

from attrs import define, evolve, field, frozen

from pixroute.shared.alone import Alone, Limited
from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused, LeaseSettlement, SpentTotal, Taken
from pixroute.shared.ports import Kept, Query, StoreAway
from pixroute.shared.rows import (
    SharedTurn,
    delete_leases,
    enter,
    insert_leases,
    judge,
    read_taken,
    release,
    write_totals,
)
from pixroute.shared.turns import count_ahead, go_behind, stand, step_out

log = logging.getLogger(__name__)

TOGETHER = 100
"""Calls at most in one transaction."""
AGAIN = 1.0
"""Seconds between two looks at a store that is away."""
BACK = "The store is back: what this process spent and holds is written again."
REPLACED = (
    "The store is another one, was emptied, or is an older copy: this process writes again what it knows. What "
    "processes that are gone had spent since is missing: look at the budgets, and lower a limit if it matters."
)


def _warn(state: str, text: str) -> None:
    log.log(logging.INFO if state == "back" else logging.WARNING, "%s", text, extra={"store": state})


@frozen
class _Call:
    """A lease that is asked for, or one that ended and its settlement."""

    lease: Lease
    settlement: LeaseSettlement | None = None
    answer: asyncio.Future[LeaseRefused | None] = field(factory=lambda: asyncio.get_running_loop().create_future())

    def asks_for(self, hold: LeaseHold) -> bool:
        """Tell whether it asks for a place that is held."""
        return self.settlement is None and any(
            (each.kind, each.name) == (hold.kind, hold.name) for each in self.lease.holds
        )


@frozen
class _Written:
    """What a transaction found and did; nothing of it counts before it is committed."""

    turn: SharedTurn
    answers: list[LeaseRefused | None]
    taken: dict[Limited, int]
    replaced: bool


@define
class Leases:
    """The leases of one process.

    Args:
        kept: the store.
        away: what a lease gets while the store is away: "refuse" nothing; "share" what was left when the store was
            last seen, divided by the processes that were seen then.
        owner: this process's name, drawn anew by each.
        told: hears, once each time, that the store is "away", "back" or "replaced", with a sentence for people.
    """

    kept: Kept
    away: Literal["refuse", "share"] = "refuse"
    owner: str = field(factory=lambda: uuid.uuid4().hex)
    told: Callable[[str, str], None] = _warn
    is_away: bool = field(default=False, init=False)
    """Whether the store failed when it was last asked."""
    away_since: float | None = field(default=None, init=False)
    """When it failed first, by the loop's clock."""
    on_full: Callable[[LeaseHold], None] = field(default=lambda _hold: None, init=False)
    """Called when none of a provider's places is left."""
    on_settled: Callable[[], None] = field(default=lambda: None, init=False)
    """Called when places that this process gave back are free for others."""
    _calls: list[_Call] = field(factory=list, init=False)
    _batch: Sequence[_Call] = field(default=(), init=False)  # in the transaction under way
    _worker: asyncio.Task[None] | None = field(default=None, init=False)
    _live: dict[str, Lease] = field(factory=dict, init=False)
    _totals: dict[str, SpentTotal] = field(factory=dict, init=False)
    _ended: set[str] = field(factory=set, init=False)  # of these, not yet counted
    _alone: Alone = field(init=False)
    _turn: SharedTurn | None = field(default=None, init=False)  # the last that was taken
    _standing: set[str] = field(factory=set, init=False)  # the names of places that this process stands in line for

    @_alone.default
    def _make_alone(self) -> Alone:
        return Alone(self.away)

    @property
    def was_seen(self) -> bool:
        """Whether the store has ever answered."""
        return self._turn is not None

    @property
    def owes(self) -> int:
        """How many calls are still to be written."""
        return len(self._calls) + len(self._batch)

    def greet(self) -> None:
        """Let the store know that this process is there, and see what it has; nobody waits for that."""
        self._start()

    async def take(self, lease: Lease) -> LeaseRefused | None:
        """Take all that an attempt needs; None: it has it. A caller that is cancelled holds nothing."""
        if self.is_away:
            answer = self._alone.take(lease, _now())
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
            self._alone.settled(lease, settlement)
            self._enqueue(_Call(lease, settlement))

    async def release(self, attempt: str, kind: str) -> None:
        """Give back a part of what an attempt holds, which goes on with the rest.

        Raises:
            StoreAway: as of the store.
        """
        lease = self._live.get(attempt)
        if lease is not None:
            self._live[attempt] = evolve(lease, holds=tuple(hold for hold in lease.holds if hold.kind != kind))
            await self.kept.transact(lambda query: release(query, attempt, kind, self.owner))

    async def look(self, name: str, limit: int) -> int:
        """Stand in line for places, and tell how many are free for this process; others that stood earlier come first.

        It has to be asked again within `STANDS` seconds, or the place in line is lost.

        Raises:
            StoreAway: as of the store.
        """

        async def work(query: Query) -> int:
            await stand(query, self.owner, name)
            taken = (await read_taken(query, "slot", name)).sum
            return max(0, limit - taken - await count_ahead(query, self.owner, name))

        self._standing.add(name)
        return await self.kept.transact(work)

    async def leave(self, name: str) -> None:
        """Stand in line no more.

        Raises:
            StoreAway: as of the store.
        """
        self._standing.discard(name)
        await self.kept.transact(lambda query: step_out(query, self.owner, name))

    async def aclose(self) -> None:
        """Write what is still to be written, for a second and a half at most."""
        if self._worker is None:
            return
        if self.owes:
            await asyncio.wait([self._worker], timeout=1.5 * AGAIN)
        self._worker.cancel()
        if self.owes:
            self.told(
                "away", f"{self.owes} attempts were not settled in the store: they count as possibly spent there."
            )

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
        self._start()

    def _start(self) -> None:
        if self._worker is None or self._worker.done():
            self._worker = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        while True:
            if self.is_away:
                await asyncio.sleep(AGAIN)
            batch, self._calls = self._calls[:TOGETHER], self._calls[TOGETHER:]
            self._batch = [call for call in batch if not call.answer.cancelled()]
            for call in self._batch:
                self._count(call)
            try:
                written = await self.kept.transact(self._write)
            except StoreAway as error:
                self._went_away(error)
            except Exception as error:
                log.exception(
                    "a bug in pixroute, or in the store's driver: the store is taken for away",
                    extra={"port": "kept", "error": type(error).__name__},
                )
                self._went_away(StoreAway(f"The store's driver raised {type(error).__name__}: its text is in the log."))
            else:
                self._succeeded(written)
            self._batch = ()
            if not self._calls and not self.is_away:
                return

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

    def _succeeded(self, written: _Written) -> None:
        self._alone.saw(written.taken, written.turn.processes, _now())
        self._turn = written.turn
        if self.is_away:
            self.is_away, self.away_since = False, None
            self.told("back", BACK)
        if written.replaced:
            self.told("replaced", REPLACED)
        frees = False
        for call, answer in zip(self._batch, written.answers, strict=True):
            self._answer(call, answer)
            if call.settlement is not None:
                self._alone.wrote(call.lease, call.settlement, written.taken)
                frees = frees or any(hold.kind != "budget" for hold in call.lease.holds)
        if frees:
            self.on_settled()

    def _answer(self, call: _Call, answer: LeaseRefused | None) -> None:
        if call.settlement is None and answer is None:
            self._live[call.lease.attempt] = call.lease
            if call.answer.cancelled():
                self.settle(LeaseSettlement(attempt=call.lease.attempt))
        if not call.answer.done():
            call.answer.set_result(answer)
        if answer is not None and answer.hold.kind == "slot" and answer.left is not None:
            self.on_full(answer.hold)
            self._refuse_later(answer)

    def _refuse_later(self, refused: LeaseRefused) -> None:
        """Refuse who asked later for the same place, so that they stand in line in the order in which they asked."""
        for call in [call for call in self._calls if call.asks_for(refused.hold)]:
            self._calls.remove(call)
            if not call.answer.done():
                hold = next(each for each in call.lease.holds if each.name == refused.hold.name)
                call.answer.set_result(LeaseRefused(hold, refused.left))

    def _went_away(self, error: StoreAway) -> None:
        if not self.is_away:
            self.is_away, self.away_since = True, _now()
            self.told("away", str(error))
        calls, self._calls = [*self._batch, *self._calls], []
        for call in calls:
            if call.settlement is not None:
                self._calls.append(call)
                continue
            answer = self._alone.take(call.lease, _now())
            self._answer(call, answer)
            if answer is not None and call in self._batch:  # the transaction may have taken place
                self._calls.append(_Call(call.lease, LeaseSettlement(attempt=call.lease.attempt)))

    # In a transaction

    async def _write(self, query: Query) -> _Written:
        turn = await enter(query, self.owner)
        before = self._turn
        replaced = before is not None and (turn.store != before.store or turn.number <= before.number)
        if replaced or self.is_away:
            await write_totals(query, self._totals, self.owner)
            await insert_leases(query, self._live.values(), self.owner)
        settled = [(call.lease, call.settlement) for call in self._batch if call.settlement is not None]
        await delete_leases(query, settled, self.owner)
        names = {hold.name for lease, _ in settled for hold in lease.holds} & self._totals.keys()
        await write_totals(query, {name: self._totals[name] for name in names}, self.owner)
        leases = [call.lease for call in self._batch if call.settlement is None]
        taken, kept = await self._read(query, {_key(hold): hold for lease in leases for hold in lease.holds})
        answers = {lease.attempt: _judged(lease, taken, kept) for lease in leases}
        given = [lease for lease in leases if answers[lease.attempt] is None]
        await insert_leases(query, given, self.owner)
        for name in self._standing & {hold.name for lease in given for hold in lease.holds if hold.kind == "slot"}:
            await go_behind(query, self.owner, name)
        told = [None if call.settlement is not None else answers[call.lease.attempt] for call in self._batch]
        return _Written(turn, told, taken, replaced)

    async def _read(
        self, query: Query, holds: dict[Limited, LeaseHold]
    ) -> tuple[dict[Limited, int], dict[Limited, int]]:
        """Read what of each limit is taken, and how much of it is kept for who stood in line earlier."""
        taken, kept = {}, {}
        for kind, name in holds:
            taken[kind, name] = (await read_taken(query, kind, name)).sum
            kept[kind, name] = await count_ahead(query, self.owner, name) if kind == "slot" else 0
        return taken, kept


def _key(hold: LeaseHold) -> Limited:
    return hold.kind, hold.name


def _judged(lease: Lease, taken: dict[Limited, int], kept: dict[Limited, int]) -> LeaseRefused | None:
    """Give a lease what it needs of what is not taken, all or nothing."""
    for hold in lease.holds:
        left = hold.limit - taken[_key(hold)] - kept[_key(hold)]
        if hold.amount > left:
            return LeaseRefused(hold, max(0, left))
    for hold in lease.holds:
        taken[_key(hold)] += hold.amount
    return None


def _now() -> float:
    return asyncio.get_running_loop().time()
