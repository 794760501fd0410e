"""The one awaited seam between the decision to start an attempt and its sending: budgets that outlive a request."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, frozen

from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.secret import Secret
from pixroute.shared.budgets import MILLIONTHS, Budget, millionths
from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused, LeaseSettlement, Taken
from pixroute.shared.leases import Leases
from pixroute.shared.stores import Stores, open_stores

if TYPE_CHECKING:
    from pixroute.config.shared import SharedSettings
    from pixroute.routing.attempt import Attempt

OUTLIVES = 60.0
"""Seconds for which a lease outlives its attempt's time-out: then its process is taken for dead."""


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
    """Lets an attempt pass once all budgets that cover it have its price reserved.

    Args:
        budgets: by name; a reload changes them.
        leases: of this process.
        wall: seconds since 1970.
    """

    budgets: Mapping[str, Budget]
    leases: Leases
    wall: Callable[[], float]

    async def enter(self, attempt: Attempt) -> Failure | None:
        """Reserve what the attempt may cost, or say why it is not sent."""
        covering = self._covering(attempt)
        price = attempt.prepared.candidate.price
        if not covering or price == 0:
            return None
        for name, budget in covering.items():
            if price is None or attempt.prepared.currency != budget.currency:
                return _refusal(name, budget, "its price is not known in the budget's currency")
        assert price is not None
        now = self.wall()
        holds = {budget.hold(name, price, now): name for name, budget in covering.items()}
        seconds = max(0.0, attempt.ends_at - attempt.started) + OUTLIVES
        refused = await self.leases.take(Lease(attempt=attempt.request_id, holds=tuple(holds), seconds=seconds))
        if refused is None:
            return None
        name = holds[refused.hold]
        return _refusal(name, self.budgets[name], _why(refused, self.budgets[name]))

    def leave(self, attempt: Attempt) -> None:
        """Count what the attempt cost; unknown is the price that was reserved."""
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

    async def status(self) -> tuple[BudgetEntry, ...]:
        """Read where every budget stands.

        Raises:
            StoreAway: the store does not answer.
        """
        holds = {name: budget.hold(name, Decimal(0), self.wall()) for name, budget in self.budgets.items()}
        found = await self.leases.status(hold.name for hold in holds.values())
        return tuple(_entry(name, self.budgets[name], hold, found[hold.name]) for name, hold in holds.items())

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


def make_gate(budgets: Mapping[str, Budget], shared: SharedSettings | None) -> tuple[Gate, Stores]:
    """Make the gate of a router, and the stores that are to be closed after it.

    Without `shared` the money is this process's own, in memory, since its start.
    """
    place: Path | Secret = Path(":memory:") if shared is None else shared.store
    stores = open_stores(
        place.reveal() if isinstance(place, Secret) else str(place), pooler=shared is not None and shared.pooler
    )
    leases = Leases(stores.kept, away="refuse" if shared is None else shared.on_store_down)
    return Gate(budgets, leases, time.time), stores


def _entry(name: str, budget: Budget, hold: LeaseHold, status: Taken) -> BudgetEntry:
    spent, possibly, reserved = (
        Decimal(amount) / MILLIONTHS for amount in (status.spent, status.possibly, status.reserved)
    )
    return BudgetEntry(name, budget, spent, possibly, reserved, datetime.fromtimestamp(hold.ends, UTC))


def _why(refused: LeaseRefused, budget: Budget) -> str:
    if refused.left is None:
        return "the store that keeps it is away"
    resets = datetime.fromtimestamp(refused.hold.ends, UTC).isoformat(timespec="minutes")
    left = Decimal(refused.left) / MILLIONTHS
    needed = Decimal(refused.hold.amount) / MILLIONTHS
    return f"{left} of {budget.limit} {budget.currency} are left, {needed} are needed; it resets at {resets}"


def _refusal(name: str, budget: Budget, why: str) -> Failure:
    return Failure(
        kind=FailureKind.SKIPPED,
        message=f"The budget {name} does not pay for it: {why}.",
        stage=Stage.QUEUED,
        blame=Blame.MONEY,
        stops=budget.on_exhausted == "refuse",
    )
