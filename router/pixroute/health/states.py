"""What a breaker can be, and why: values."""

from __future__ import annotations

from enum import StrEnum
from math import inf

from attrs import frozen

from pixroute.health.force import Forced


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
    FORCED = "forced"


@frozen(kw_only=True)
class BreakerView:
    """A breaker at one instant.

    `reason` is why it opened, kept while half-open. `until` is set while open (inf: until an operator's next word),
    `allowed` while half-open. `places`: how many may be admitted now, None for no limit. `forced`: what an operator
    has said, until `forced_until`.
    """

    state: State
    reason: OpenReason | None
    since: float
    until: float | None
    allowed: int | None
    places: int | None
    forced: Forced | None = None
    forced_until: float = inf
