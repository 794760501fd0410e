"""What may stand in a configuration's fields, as types.

Reading and the JSON Schema both follow these types. Where a class's own annotation is wider than what is allowed
(`float` for a time that must be above 0), `NARROWER` gives the type to follow instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from attrs import fields, frozen

from pixroute.config.model import When
from pixroute.policy import DEFAULT_TIMEOUTS, TIMEOUT_PRESETS, BreakerPolicy, Policy, RetryPolicy
from pixroute.provider import ProviderSettings
from pixroute.request import Resolution


@frozen
class Range:
    """The bounds of a number; `low` itself is outside if `above`."""

    low: float
    high: float = inf
    above: bool = False

    def __contains__(self, number: float | Decimal) -> bool:
        return (number > self.low if self.above else number >= self.low) and number <= self.high

    def __str__(self) -> str:
        start = f"{'above' if self.above else 'from'} {self.low:g}"
        if self.high < inf:
            return f"{start} to {self.high:g}"
        return start if self.above else f"{start} up"


Above0 = Annotated[float, Range(0, above=True)]
From0 = Annotated[float, Range(0)]
From1 = Annotated[float, Range(1)]
Share = Annotated[float, Range(0, 1)]
ShareAbove0 = Annotated[float, Range(0, 1, above=True)]
Count = Annotated[int, Range(1)]
Money = Annotated[Decimal, Range(0)]


def by_resolution(value: str | float | Mapping[Resolution, float]) -> Mapping[Resolution, float]:
    """Give a preset, one number for all, or a table as a table; what it leaves out stays out."""
    if isinstance(value, str):
        return TIMEOUT_PRESETS[value]
    return MappingProxyType(dict(value) if isinstance(value, Mapping) else dict.fromkeys(DEFAULT_TIMEOUTS, value))


Preset = Literal["datacenter", "home", "international", "peak"]
Timeouts = Annotated[Preset | Above0 | Mapping[Resolution, Above0], by_resolution]
HedgeAfter = Above0 | Literal["off"]
PriceTable = Mapping[Resolution, Money]
LatencyTable = Mapping[Resolution, tuple[Above0, Above0, Above0]]

NARROWER: Mapping[type, Mapping[str, Any]] = {
    Policy: {
        "attempt_timeout": Timeouts,
        "connect_timeout": Above0,
        "hedge_after": HedgeAfter,
        "hedge_share": Share,
        "reserve_factor": From0,
        "reserve_extra": From0,
        "max_attempts": Count,
        "max_possibly_billed": Count,
        "max_cost": Money,
        "timeout": Above0,
    },
    RetryPolicy: {"max_delay": From0, "rounds": tuple[From0, ...]},
    BreakerPolicy: {
        "max_failures": Count,
        "failures_within": Above0,
        "failure_rate": ShareAbove0,
        "min_requests": Count,
        "window": Above0,
        "max_overdue": Count,
        "overdue_share": Share,
        "max_open_refused": Above0,
        "overdue_after": Above0,
        "stall_likelihood": ShareAbove0,
        "stall_slowdown": From1,
        "open_for": Above0,
        "max_open": Above0,
        "reset_after": From0,
        "max_hint": From1,
        "half_open_max": Count,
    },
    When: {"resolution": Resolution | list[Resolution]},
    # The last is of HTTP's settings, which are not imported here; the word means the same in all settings.
    ProviderSettings: {
        "attempt_timeout": Timeouts,
        "hedge_after": HedgeAfter,
        "max_in_flight": Count,
        "connect_timeout": Above0,
    },
}
"""By class and field; a class that extends one of these takes its part over."""


def field_kinds(cls: type) -> dict[str, Any]:
    """Give what may stand in each field of an attrs class."""
    narrower: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        narrower |= NARROWER.get(base, {})
    hints = get_type_hints(cls, include_extras=True)
    return {one.name: narrower.get(one.name, hints.get(one.name, Any)) for one in fields(cls) if one.init}


def members(kind: Any) -> tuple[Any, ...]:
    """Give the alternatives of a union without None (a file has no null), or the kind alone."""
    if get_origin(kind) in {Union, UnionType}:
        return tuple(member for member in get_args(kind) if member is not type(None))
    return (kind,)
