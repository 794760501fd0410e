"""How the router behaves, as frozen values with the defaults; times in seconds.

A policy may be said globally, per chain, per provider and per request; the nearest wins. What may differ by
resolution is a `ByResolution`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypedDict

from attrs import evolve, field, frozen

from pixroute.request import Resolution
from pixroute.values import (
    KIND,
    Above0,
    Count,
    From0,
    From1,
    Mistake,
    Money,
    Share,
    ShareAbove0,
    as_table,
    as_tuple,
    check,
    fits,
    money,
)
from pixroute.words import unknown_key

ByResolution = Mapping[Resolution, Above0]
Preset = Literal["datacenter", "home", "international", "peak"]
Timeouts = Preset | Above0 | ByResolution
HedgeAfter = Above0 | Literal["off"]
GiveUpAfter = From0 | Literal["deadline"]

TIMEOUT_PRESETS: Mapping[str, ByResolution] = MappingProxyType(
    {
        "datacenter": MappingProxyType({"1K": 300.0, "2K": 300.0, "4K": 600.0, "other": 600.0}),
        "home": MappingProxyType({"1K": 600.0, "2K": 600.0, "4K": 600.0, "other": 600.0}),
        "international": MappingProxyType({"1K": 600.0, "2K": 600.0, "4K": 600.0, "other": 600.0}),
        "peak": MappingProxyType({"1K": 600.0, "2K": 600.0, "4K": 600.0, "other": 600.0}),
    }
)
"""Attempt time-outs by network, after the vendor's guide of January 2026."""
DEFAULT_TIMEOUTS = TIMEOUT_PRESETS["datacenter"]


def partial_timeouts(value: Any) -> Any:
    """Read a preset's name, one number for all resolutions, or a table; what a table leaves out stays out.

    What is none of these is given back as it is, for the check of the value that keeps it.
    """
    if isinstance(value, str):
        return TIMEOUT_PRESETS.get(str(value), value)
    return MappingProxyType(dict.fromkeys(DEFAULT_TIMEOUTS, value)) if fits(Above0)(value) else as_table(value)


def timeouts(value: Any) -> Any:
    """Read time-outs as `partial_timeouts` does; what a table leaves out has its default."""
    table = partial_timeouts(value)
    return MappingProxyType({**DEFAULT_TIMEOUTS, **table}) if isinstance(table, MappingProxyType) else table


@frozen(kw_only=True)
class RetryPolicy:
    """Second tries.

    Args:
        quick: one retry on the same provider where the reaction table allows it.
        on_timeout: a TIMEOUT, possibly billed, may be retried on the same provider too.
        max_delay: a quick retry comes after 0 to this many seconds (full jitter).
        rounds: seconds to wait before the chain is begun again; each once; plus 0–20 %.
    """

    quick: bool = True
    on_timeout: bool = False
    max_delay: From0 = 1.0
    rounds: tuple[From0, ...] = field(default=(5.0, 15.0, 45.0), converter=as_tuple)

    __attrs_post_init__ = check


@frozen(kw_only=True)
class BreakerPolicy:
    """When a breaker opens and how it closes (semantics §4).

    Args:
        max_failures: opens after so many requests in a row failed hard within `failures_within` seconds.
        failure_rate: opens when this share of at least `min_requests` requests failed hard or were throttled within
            the window, `max(window, 2 × attempt time-out)` seconds.
        max_overdue, overdue_share: opens when so many requests in flight, and this share of them, are older than
            `overdue_after` × P99.
        overdue_rate: and they and what failed within a P95 are this share of both and of what succeeded meanwhile.
        stall: whether the likelihood of silence may open it, or is only observed.
        stall_likelihood: below it the silence is not chance.
        stall_slowdown: the healthy provider it is compared with may be this many times slower (θ).
        open_for: seconds open the first time; doubles up to `max_open`, plus 0–20 %.
        max_open_refused: seconds open at most after a refusal within 10 s, for a probe that is refused costs nothing.
        reset_after: seconds closed after which the doubling is forgotten.
        max_hint: a provider's hint is clamped to 1 … this many seconds.
        half_open_max: admitted at once in half-open when it is closed again.
    """

    max_failures: Count = 5
    failures_within: Above0 = 7200.0
    failure_rate: ShareAbove0 = 0.5
    min_requests: Count = 6
    window: Above0 = 300.0
    max_overdue: Count = 3
    overdue_share: Share = 0.01
    overdue_rate: Share = 0.25
    overdue_after: Above0 = 1.5
    stall: Literal["off", "observe", "open"] = "observe"
    stall_likelihood: ShareAbove0 = 1e-6
    stall_slowdown: From1 = 2.0
    open_for: Above0 = 30.0
    max_open: Above0 = 120.0
    max_open_refused: Above0 = 10.0
    reset_after: From0 = 600.0
    max_hint: Above0 = 900.0
    half_open_max: Count = 64

    __attrs_post_init__ = check


@frozen(kw_only=True)
class Policy:
    """Everything that a chain may say differently from another.

    Args:
        attempt_timeout: the longest one attempt may take, by resolution, or a preset's name.
        connect_timeout: name look-up, TCP and TLS together; of the router as a whole, not of a chain.
        hedge_after: a fallback joins a silent attempt after this many times its P99; "off" cuts it instead.
        hedge_share: hedges below P99 per request that they may add (1 in 20), saved up to one at the start.
        reserve_factor, reserve_extra: time kept for a fallback: `factor × P95 + extra`.
        max_attempts: attempts on the wire per part, the first included.
        max_possibly_billed: attempts per part that may be billed, those in flight included.
        max_cost: money per request, possibly billed attempts at full price; None is no limit.
        on_moderated: what follows when a provider declined the content.
        upgrade: whether a provider that cannot make the asked class may make a larger one.
        sensitive: every request of the chain counts as sensitive.
        timeout: seconds for a whole request where the caller gives none; None computes it (semantics §3.1).
        give_up_after: seconds that a request waits, in all, while no provider of its chain admits it; "deadline": as
            long as one could still finish.
    """

    attempt_timeout: ByResolution = field(default=DEFAULT_TIMEOUTS, converter=timeouts, metadata={KIND: Timeouts})
    connect_timeout: Above0 = 10.0
    hedge_after: HedgeAfter = 1.5
    hedge_share: Share = 0.05
    reserve_factor: From0 = 1.25
    reserve_extra: From0 = 10.0
    max_attempts: Count = 12
    max_possibly_billed: Count = 2
    max_cost: Money | None = field(default=None, converter=money)
    on_moderated: Literal["stop", "next"] = "stop"
    upgrade: Literal["allow", "refuse"] = "allow"
    sensitive: bool = False
    timeout: Above0 | None = None
    give_up_after: GiveUpAfter = 80.0
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()

    __attrs_post_init__ = check

    def overlaid(self, overrides: Mapping[str, Any]) -> Policy:
        """Give this policy under what a request says; its table of time-outs changes only the resolutions it names.

        Raises:
            ValueError: an option that a request has not, or a value that may not stand there.
        """
        if not overrides:
            return self
        changes = dict(overrides)
        for name in changes:
            if name not in Overrides.__annotations__:
                raise Mistake(unknown_key(name, Overrides.__annotations__), name)
        own = partial_timeouts(changes.get("attempt_timeout"))
        if isinstance(own, MappingProxyType):
            changes["attempt_timeout"] = {**self.attempt_timeout, **own}
        return evolve(self, **changes)


class Overrides(TypedDict, total=False):
    """What a single request may say of policy; it goes before provider, chain and global."""

    attempt_timeout: str | float | Mapping[Resolution, float]
    hedge_after: float | Literal["off"]
    max_attempts: int
    max_possibly_billed: int
    max_cost: Decimal | str | float | None
    give_up_after: float | Literal["deadline"]
    on_moderated: Literal["stop", "next"]
    upgrade: Literal["allow", "refuse"]
