"""What an attempt holds of the fleet while it runs, and what of a limit is gone."""

from __future__ import annotations

from typing import Literal

from attrs import define, frozen


@frozen(kw_only=True)
class LeaseHold:
    """One thing held.

    Args:
        kind: what of.
        name: of the budget's window, the provider or the upstream.
        amount: millionths of the currency; 1 for a place or a probe.
        limit: no more than this is held, spent and possibly spent by all processes together.
        ends: when the budget's window ends, in seconds since 1970; 0 for others.
        seconds: how long at most; None: as long as its lease.
    """

    kind: Literal["budget", "slot", "probe"]
    name: str
    amount: int = 1
    limit: int = 1
    ends: float = 0.0
    seconds: float | None = None


@frozen(kw_only=True)
class Lease:
    """What an attempt needs before it is sent, all or nothing, for at most `seconds`."""

    attempt: str
    holds: tuple[LeaseHold, ...]
    seconds: float


@frozen(kw_only=True)
class LeaseSettlement:
    """What an attempt has cost, in millionths: for certain, and possibly."""

    attempt: str
    spent: int = 0
    possibly: int = 0


@frozen
class LeaseRefused:
    """Why a lease was not given: what it lacked, and how much of it is left; None: the store is away."""

    hold: LeaseHold
    left: int | None


@frozen
class Taken:
    """Where a budget's window or a provider's places stand, in millionths or places."""

    spent: int
    possibly: int
    reserved: int

    @property
    def sum(self) -> int:
        """What of the limit is gone, in the pessimist's way."""
        return self.spent + self.possibly + self.reserved


@define
class SpentTotal:
    """What this process has spent of a budget's window, in millionths; `ends` in seconds since 1970."""

    spent: int
    possibly: int
    ends: float
