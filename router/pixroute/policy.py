"""How the router behaves, as frozen values with the defaults; times in seconds.

A policy may be said globally, per chain, per provider and per request; the nearest wins. What may differ by
resolution is a `ByResolution`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Literal, TypedDict

from attrs import field, frozen

from pixroute.request import Resolution

ByResolution = Mapping[Resolution, float]

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


def timeouts(value: str | float | Mapping[Resolution, float]) -> ByResolution:
    """Read a preset's name, one number for all resolutions, or a table; what a table leaves out has its default.

    Raises:
        ValueError: an unknown preset, an unknown resolution, or a time that is not above 0.
    """
    if isinstance(value, str):
        if value not in TIMEOUT_PRESETS:
            raise ValueError(f"{value!r} is none of the presets {', '.join(TIMEOUT_PRESETS)}")
        return TIMEOUT_PRESETS[value]
    table = dict.fromkeys(DEFAULT_TIMEOUTS, float(value)) if isinstance(value, int | float) else dict(value)
    if unknown := set(table) - set(DEFAULT_TIMEOUTS):
        raise ValueError(f"{min(unknown)!r} is none of {', '.join(DEFAULT_TIMEOUTS)}")
    if low := [seconds for seconds in table.values() if not seconds > 0]:
        raise ValueError(f"a time-out must be above 0 seconds, not {low[0]}")
    return MappingProxyType({**DEFAULT_TIMEOUTS, **table})


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
    max_delay: float = 1.0
    rounds: tuple[float, ...] = (5.0, 15.0, 45.0)


@frozen(kw_only=True)
class BreakerPolicy:
    """When a breaker opens and how it closes (semantics §4).

    Args:
        max_failures: opens after so many requests in a row failed hard within `failures_within` seconds.
        failure_rate: opens when this share of at least `min_requests` requests failed hard or were throttled within
            the window, `max(window, 2 × attempt time-out)` seconds.
        max_overdue, overdue_share: opens when so many requests in flight, and this share of them, are older than
            `overdue_after` × P99.
        stall: whether the likelihood of silence may open it, or is only observed.
        stall_likelihood: below it the silence is not chance.
        stall_slowdown: the healthy provider it is compared with may be this many times slower (θ).
        open_for: seconds open the first time; doubles up to `max_open`, plus 0–20 %.
        max_open_refused: seconds open at most after a refusal within 10 s, for a probe that is refused costs nothing.
        reset_after: seconds closed after which the doubling is forgotten.
        max_hint: a provider's hint is clamped to 1 … this many seconds.
        half_open_max: admitted at once in half-open when it is closed again.
    """

    max_failures: int = 5
    failures_within: float = 7200.0
    failure_rate: float = 0.5
    min_requests: int = 6
    window: float = 300.0
    max_overdue: int = 3
    overdue_share: float = 0.1
    overdue_after: float = 1.5
    stall: Literal["off", "observe", "open"] = "observe"
    stall_likelihood: float = 1e-6
    stall_slowdown: float = 2.0
    open_for: float = 30.0
    max_open: float = 120.0
    max_open_refused: float = 10.0
    reset_after: float = 600.0
    max_hint: float = 900.0
    half_open_max: int = 64


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
    """

    attempt_timeout: ByResolution = field(default=DEFAULT_TIMEOUTS, converter=timeouts)
    connect_timeout: float = 10.0
    hedge_after: float | Literal["off"] = 1.5
    hedge_share: float = 0.05
    reserve_factor: float = 1.25
    reserve_extra: float = 10.0
    max_attempts: int = 12
    max_possibly_billed: int = 2
    max_cost: Decimal | None = None
    on_moderated: Literal["stop", "next"] = "stop"
    upgrade: Literal["allow", "refuse"] = "allow"
    sensitive: bool = False
    timeout: float | None = None
    retry: RetryPolicy = RetryPolicy()
    breaker: BreakerPolicy = BreakerPolicy()


class Overrides(TypedDict, total=False):
    """What a single request may say of policy; it goes before provider, chain and global."""

    attempt_timeout: str | float | Mapping[Resolution, float]
    hedge_after: float | Literal["off"]
    max_attempts: int
    max_possibly_billed: int
    max_cost: Decimal | None
    on_moderated: Literal["stop", "next"]
    upgrade: Literal["allow", "refuse"]
