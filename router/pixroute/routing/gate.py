"""The one awaited seam between the decision to start an attempt and its sending.

Budgets that outlive a request, the places of the fleet at a provider, and the right to probe are taken there, in one
transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from pixroute.health.report import HealthEntry
from pixroute.health.telling import digest
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.routing.places import Places
from pixroute.routing.probes import Probes
from pixroute.secret import Secret
from pixroute.shared.budgets import MILLIONTHS, Budget, millionths
from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused, LeaseSettlement, Taken
from pixroute.shared.leases import Leases
from pixroute.shared.stores import Stores, open_stores

if TYPE_CHECKING:
    from pixroute.config.shared import SharedSettings
    from pixroute.health.admission import Admission
    from pixroute.health.registry import Health
    from pixroute.routing.attempt import Attempt

OUTLIVES = 60.0
"""Seconds for which a lease outlives its attempt's time-out: then its process is taken for dead."""
PROBE_OUTLIVES = 10.0
"""The same of a probe: a dead process must not keep an upstream closed for long."""
PROBE_WAITS = 0.25
"""Seconds that a probe waits for the store; nobody else waits for what is known of health."""
AGAIN = 1.0
"""Seconds until a probe that another process has, or that the store did not grant in time, is asked for again."""
_TAKEN = "Other processes have all its places."
_AWAY = "Its places are the fleet's, and the store that keeps them is away."


@frozen
class BudgetEntry:
    """Where a budget stands in its present window; `possibly`: spent if the upstream billed what it did not deliver."""

    name: str
    budget: Budget
    spent: Decimal
    possibly: Decimal
    reserved: Decimal
    resets_at: datetime

    @property
    def left(self) -> Decimal:
        """What may still be reserved."""
        return max(Decimal(0), self.budget.limit - self.spent - self.possibly - self.reserved)


@define
class Gate:
    """Lets an attempt pass once it has all that it needs of what processes share.

    Args:
        budgets: by name; a reload changes them.
        leases: of this process.
        wall: seconds since 1970.
        stores: where it is all kept; closed with the gate.
        places: who waits for places of the fleet; None: there is no fleet.
        probes: what this process has the right to probe.
    """

    budgets: Mapping[str, Budget]
    leases: Leases
    wall: Callable[[], float]
    stores: Stores
    places: Places | None = None
    probes: Probes = field(init=False)

    @probes.default
    def _make_probes(self) -> Probes:
        return Probes(self.leases)

    def passage(self, attempt: Attempt, admission: Admission, begin: Callable[[], Failure | None]) -> Passage | None:
        """Give an attempt's way through the gate; None: it needs nothing of what processes share.

        Args:
            attempt: it.
            admission: its places in this process.
            begin: called when it is let pass; gives why it is not sent all the same.
        """
        money = self._money(attempt) if self.budgets else ()
        if isinstance(money, Failure):
            return Passage(self, attempt, admission, begin, money)
        holds = (*money, *_of_the_fleet(attempt, admission)) if self.places is not None else money
        if not holds:
            return None
        lease = Lease(attempt=attempt.request_id, holds=holds, seconds=_seconds(attempt) + OUTLIVES)
        return Passage(self, attempt, admission, begin, lease)

    def leave(self, attempt: Attempt) -> None:
        """Count what the attempt cost; unknown is the price that was reserved."""
        if attempt.passage is None:
            return
        self.probes.end(attempt.request_id)
        price = millionths(attempt.prepared.candidate.price or Decimal(0))
        certain, possible = attempt.cost.certain, attempt.cost.possible
        self.leases.settle(
            LeaseSettlement(
                attempt=attempt.request_id,
                spent=price if certain is None else millionths(certain),
                possibly=price if possible is None and certain is not None else millionths(possible or Decimal(0)),
            )
            if attempt.billing is not Billing.FREE
            else LeaseSettlement(attempt=attempt.request_id)
        )

    async def aclose(self) -> None:
        """Write what is still to be written."""
        if self.places is not None:
            self.places.close()
        await self.leases.aclose()
        await self.stores.aclose()

    def defer(self, admission: Admission, until: float) -> None:
        """Let another process probe first."""
        if self.places is not None:
            self.places.health.defer(admission, until)

    def report(self) -> tuple[HealthEntry, ...]:
        """Tell how the store that processes share stands."""
        if self.places is None:
            return ()
        state = "away" if self.leases.is_away else "reachable" if self.leases.was_seen else "not asked yet"
        return (HealthEntry(key="kept", scope="store", state=state, since=self.leases.away_since),)

    async def status(self) -> tuple[BudgetEntry, ...]:
        """Read where every budget stands.

        Raises:
            StoreAway: the store does not answer.
        """
        holds = {name: budget.hold(name, Decimal(0), self.wall()) for name, budget in self.budgets.items()}
        found = await self.leases.status(hold.name for hold in holds.values())
        return tuple(_entry(name, self.budgets[name], hold, found[hold.name]) for name, hold in holds.items())

    def _money(self, attempt: Attempt) -> tuple[LeaseHold, ...] | Failure:
        """Give the price in every budget that covers it."""
        covering = self._covering(attempt)
        price = attempt.prepared.candidate.price
        if not covering or price == 0:
            return ()
        for name, budget in covering.items():
            if price is None or attempt.prepared.currency != budget.currency:
                return _unpaid(name, budget, "its price is not known in the budget's currency")
        assert price is not None
        now = self.wall()
        return tuple([budget.hold(name, price, now) for name, budget in covering.items()])

    def _covering(self, attempt: Attempt) -> dict[str, Budget]:
        return {
            name: budget
            for name, budget in self.budgets.items()
            if budget.when.match(
                chain=attempt.chain,
                provider=attempt.prepared.name,
                resolution=attempt.prepared.keys.resolution,
                tags=attempt.asked.tags,
            )
        }


@frozen
class Passage:
    """One attempt's way through the gate, which is none of its time."""

    _gate: Gate
    _attempt: Attempt
    _admission: Admission
    _begin: Callable[[], Failure | None]
    _asks: Lease | Failure

    async def wait(self) -> Failure | None:
        """Take what the attempt needs, and begin it; or say why it is not sent."""
        attempt, clock = self._attempt, asyncio.get_running_loop().time
        stage, began = attempt.stage, clock()
        attempt.stage = Stage.QUEUED
        refused = self._asks if isinstance(self._asks, Failure) else await self._take(self._asks)
        if refused is None and self._admission.is_stale(clock()):
            attempt.withdrawn = True
            return _skipped("Its breaker opened while it waited for the store.")
        if refused is None and attempt.ended is None:
            waited = clock() - began
            attempt.started += waited
            attempt.ends_at = min(attempt.ends_at + waited, max(attempt.ends_at, attempt.deadline))
            self._admission.move_on(waited)
            refused = self._begin()
            if refused is None:
                attempt.stage = stage
        return refused

    async def _take(self, lease: Lease) -> Failure | None:
        """Take a lease; an attempt that may be planned anew is withdrawn."""
        last = lease.holds[-1]
        try:
            async with asyncio.timeout(PROBE_WAITS if last.kind == "probe" else None):
                refused = await self._gate.leases.take(lease)
        except TimeoutError:
            refused = LeaseRefused(last, None)
        if refused is None:
            if last.kind == "probe":
                self._gate.probes.begin(lease.attempt, self._admission)
            return None
        hold = refused.hold
        if hold.kind == "budget":
            name = hold.name.rpartition("@")[0]
            budget = self._gate.budgets.get(name)
            return _unpaid(name, budget, _why(refused, budget))
        self._attempt.withdrawn = hold.kind == "probe" or refused.left is not None
        if hold.kind == "probe":
            self._gate.defer(self._admission, asyncio.get_running_loop().time() + AGAIN)
        return _skipped(_AWAY if refused.left is None else _TAKEN)


def make_gate(
    budgets: Mapping[str, Budget],
    shared: SharedSettings | Stores | None,
    health: Health | None = None,
    told: Callable[[str, str, str], None] | None = None,
) -> Gate:
    """Make the gate of a router.

    Without `shared` the money is this process's own, in memory, since its start.

    Args:
        budgets: by name.
        shared: where processes keep what they share, or the ports themselves.
        health: of the router; where requests wait for places.
        told: hears what befalls the store: the port, the state, a sentence.
    """
    stores = shared if isinstance(shared, Stores) else _opened(shared)
    leases = Leases(stores.kept, away="refuse" if shared is None else shared.on_store_down)
    if told is not None:
        leases.told = partial(told, "kept")
    places = None if shared is None or health is None else Places(leases, health)
    if places is not None:
        leases.greet()
    return Gate(budgets, leases, time.time, stores, places)


def _opened(shared: SharedSettings | None) -> Stores:
    place: Path | Secret = Path(":memory:") if shared is None else shared.store
    pooler = shared is not None and shared.pooler
    return open_stores(place.reveal() if isinstance(place, Secret) else str(place), pooler=pooler)


def _entry(name: str, budget: Budget, hold: LeaseHold, status: Taken) -> BudgetEntry:
    spent, possibly, reserved = (
        Decimal(amount) / MILLIONTHS for amount in (status.spent, status.possibly, status.reserved)
    )
    return BudgetEntry(name, budget, spent, possibly, reserved, datetime.fromtimestamp(hold.ends, UTC))


def _why(refused: LeaseRefused, budget: Budget | None) -> str:
    if refused.left is None or budget is None:
        return "the store that keeps it is away"
    resets = datetime.fromtimestamp(refused.hold.ends, UTC).isoformat(timespec="minutes")
    left = Decimal(refused.left) / MILLIONTHS
    needed = Decimal(refused.hold.amount) / MILLIONTHS
    return f"{left} of {budget.limit} {budget.currency} are left, {needed} are needed; it resets at {resets}"


def _unpaid(name: str, budget: Budget | None, why: str) -> Failure:
    return Failure(
        kind=FailureKind.SKIPPED,
        message=f"The budget {name} does not pay for it: {why}.",
        stage=Stage.QUEUED,
        blame=Blame.MONEY,
        stops=budget is None or budget.on_exhausted == "refuse",
    )


def _seconds(attempt: Attempt) -> float:
    return max(0.0, attempt.ends_at - attempt.started)


def _of_the_fleet(attempt: Attempt, admission: Admission) -> list[LeaseHold]:
    """Give the place at its provider, where places are the fleet's, and the probes that it is."""
    settings = attempt.prepared.provider.settings
    holds = []
    if settings.shared and settings.max_in_flight is not None:
        holds.append(LeaseHold(kind="slot", name=attempt.prepared.name, limit=settings.max_in_flight))
    seconds = _seconds(attempt) + PROBE_OUTLIVES
    return [*holds, *(LeaseHold(kind="probe", name=digest(name), seconds=seconds) for name in admission.probes)]


def _skipped(why: str) -> Failure:
    return Failure(kind=FailureKind.SKIPPED, message=why, stage=Stage.QUEUED, blame=Blame.OURS)
