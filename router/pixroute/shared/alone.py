"""What a process may take while the store is away: its share of what was left when it last looked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from math import inf
from typing import Literal

from attrs import define, field

from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused, LeaseSettlement
from pixroute.shared.rows import REMEMBERED

Limited = tuple[str, str]
"""The kind and the name of what has a limit."""


@define
class Alone:
    """Remembers each limit as it was last seen, and judges leases by it.

    Args:
        rule: "refuse": nothing is given; "share": what was left, divided by the processes seen then.
    """

    rule: Literal["refuse", "share"]
    _taken: dict[Limited, int] = field(factory=dict, init=False)
    _used: Counter[Limited] = field(factory=Counter, init=False)  # by this process, since it last looked
    _processes: int = field(default=0, init=False)  # 0: the store was never seen
    _seen_at: float = field(default=-inf, init=False)

    def saw(self, taken: dict[Limited, int], processes: int, now: float) -> None:
        """Take note of what a transaction found, its own leases included; the store answers."""
        self._taken.update(taken)
        self._used.clear()
        self._processes, self._seen_at = processes, now

    def settled(self, lease: Lease, settlement: LeaseSettlement) -> None:
        """Count what an attempt gives back: all of a place, of money what it did not cost."""
        for hold in lease.holds:
            self._used[hold.kind, hold.name] -= hold.amount - _gone(hold, settlement)

    def wrote(self, lease: Lease, settlement: LeaseSettlement, seen: Container[Limited]) -> None:
        """Take note that a settlement stands in the store; what was `seen` after it counts it already."""
        for hold in lease.holds:
            key = hold.kind, hold.name
            if key in self._taken and key not in seen:
                self._taken[key] -= hold.amount - _gone(hold, settlement)

    def take(self, lease: Lease, now: float) -> LeaseRefused | None:
        """Judge a lease without the store, by what was seen within the last hour; None: it has what it needs."""
        for hold in lease.holds:
            if not self._may(hold, now):
                return LeaseRefused(hold, None)
        for hold in lease.holds:
            self._used[hold.kind, hold.name] += hold.amount
        return None

    def _may(self, hold: LeaseHold, now: float) -> bool:
        if hold.kind == "probe":
            return True  # whoever is alone probes alone
        if self.rule == "refuse" or not self._processes or now - self._seen_at > REMEMBERED:
            return False
        key = hold.kind, hold.name
        # what has not been seen may be gone: a window that began while the store was away, a provider not yet used
        left = max(0, hold.limit - self._taken.get(key, hold.limit))
        return hold.amount + self._used[key] <= left // self._processes


def _gone(hold: LeaseHold, settlement: LeaseSettlement) -> int:
    return settlement.spent + settlement.possibly if hold.kind == "budget" else 0
