"""The health of everything, for people."""

from __future__ import annotations

from math import inf

from attrs import frozen

from pixroute.health.bulkhead import Bulkhead
from pixroute.health.force import Forced
from pixroute.health.scopes import Scope
from pixroute.health.states import OpenReason


@frozen(kw_only=True)
class HealthEntry:
    """One line of `Router.health()`; times are the loop's.

    Args:
        key: its name: an origin, an upstream with its resolution, an account, a provider, a port of the store.
        scope: "origin", "upstream", "account", "provider" or "store".
        state: a breaker's state, "held", "enabled" or "disabled"; of a store "reachable", "away" or "not asked yet".
        reason: why a breaker opened.
        since: when it came to that state; None: always was.
        until: when an open breaker or a hold ends; None while open: not by itself.
        allowed: places of a half-open breaker, or a provider's `max_in_flight`.
        in_flight: admissions not yet settled, or slots taken.
        k: how many times the length of the breaker's next opening is doubled.
        stalled_since: since when a silence has been less likely than the policy's limit.
        forced: what an operator has said of a breaker: "open", "closed" or "observe".
        forced_until: until when that holds; None: until another word.
    """

    key: str
    scope: str
    state: str
    reason: OpenReason | None = None
    since: float | None = None
    until: float | None = None
    allowed: int | None = None
    in_flight: int = 0
    k: int = 0
    stalled_since: float | None = None
    forced: Forced | None = None
    forced_until: float | None = None


def breaker_entry(kind: str, scope: Scope, now: float) -> HealthEntry:
    """Describe a breaker."""
    breaker = scope.breaker
    view = breaker.view(now)
    return HealthEntry(
        key=scope.key,
        scope=kind,
        state=view.state,
        reason=view.reason,
        since=view.since if view.since > -inf else None,
        until=_finite(view.until),
        allowed=view.allowed,
        in_flight=breaker.in_flight,
        k=breaker.doublings(now),
        stalled_since=breaker.stalled_since,
        forced=view.forced,
        forced_until=_finite(view.forced_until),
    )


def _finite(at: float | None) -> float | None:
    return None if at == inf else at


def hold_entry(account: str, until: float) -> HealthEntry:
    """Describe an account on hold."""
    return HealthEntry(key=account, scope="account", state="held", until=until)


def provider_entry(name: str, bulkhead: Bulkhead, *, enabled: bool) -> HealthEntry:
    """Describe a provider's slots."""
    state = "enabled" if enabled else "disabled"
    return HealthEntry(key=name, scope="provider", state=state, allowed=bulkhead.limit, in_flight=bulkhead.used)
