"""What a breaker can be, and why: values."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen


class State(StrEnum):
    """Whether traffic flows."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class OpenReason(StrEnum):
    """Why a breaker opened."""

    STREAK = "streak"
    RATE = "rate"
    OVERDUE = "overdue"
    STALL = "stall"
    HINT = "hint"
    FORBIDDEN = "forbidden"
    MODEL_GONE = "model_gone"
    UNDERSIZED = "undersized"


@frozen(kw_only=True)
class BreakerView:
    """A breaker at one instant.

    `reason` is why it opened, kept while half-open. `until` is set while open, `allowed` while half-open. `places`:
    how many may be admitted now, None for no limit.
    """

    state: State
    reason: OpenReason | None
    since: float
    until: float | None
    allowed: int | None
    places: int | None
