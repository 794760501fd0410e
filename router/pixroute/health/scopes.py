"""What stands between a request and a provider: origin, account, upstream and slot, as one answer (semantics §1)."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import Protocol

from attrs import frozen

from pixroute.health.breaker import Breaker
from pixroute.health.bulkhead import Bulkhead
from pixroute.health.force import Forced
from pixroute.health.holds import Holds
from pixroute.health.states import OpenReason
from pixroute.request import Resolution


@frozen(kw_only=True, cache_hash=True)
class Keys:
    """Where an attempt goes; make it once per provider and resolution sent and keep it: it is a key of the hot path."""

    provider: str
    upstream: str
    account: str
    origin: str | None
    resolution: Resolution
    max_in_flight: int | None = None


class Block(StrEnum):
    """What keeps an attempt from starting."""

    DISABLED = "disabled"
    HOLD = "account held"
    OPEN = "breaker open"
    FORCED = "breaker forced open"
    HALF_OPEN_FULL = "half-open, all places taken"
    SLOT = "all slots taken"


@frozen(kw_only=True)
class AdmissionStatus:
    """Whether an attempt may start now.

    Args:
        admits: whether it may.
        block: the first of what keeps it.
        until: when it may by itself, as known now; None: unknown; inf: never.
        reason: why the upstream's breaker opened, whatever `admits` says.
        throttled: the upstream asked to wait, or refused for rate and has delivered nothing since.
        forced: what an operator has said of the upstream's breaker.
    """

    admits: bool
    block: Block | None = None
    until: float | None = None
    reason: OpenReason | None = None
    throttled: bool = False
    forced: Forced | None = None

    @property
    def why(self) -> str:
        """What keeps it, for people; empty if nothing does."""
        if self.block is None:
            return ""
        because = f" ({self.reason or 'origin'})" if self.block is Block.OPEN else ""
        return f"{self.block}{because}"


ADMITS = AdmissionStatus(admits=True)


class Timer(Protocol):
    """What `loop.call_at` returns."""

    def cancel(self) -> None:
        """Let it not fire."""
        ...


class Scope:
    """A breaker with its one timer, and the places promised to woken waiters; `key` names it for people."""

    def __init__(self, key: str, breaker: Breaker) -> None:
        self.key = key
        self.breaker = breaker
        self.promised = 0
        self.timer: Timer | None = None
        self.fires_at = inf
        self.deferred_until = -inf  # another process probes

    def copied(self) -> Scope:
        """Give a copy without a timer."""
        scope = Scope(self.key, self.breaker.copied())
        scope.promised, scope.deferred_until = self.promised, self.deferred_until
        return scope

    def room(self, now: float, *, promised: bool) -> bool:
        """Tell whether a place is free, for one to whom it is promised or for anybody."""
        places = self.breaker.places(now)
        if now < self.deferred_until and self.breaker.is_probed_first:
            return False
        return places is None or places > self.promised - promised


class HealthRoute:
    """All that an attempt with these keys needs: slot, account, origin and upstream."""

    def __init__(self, keys: Keys, bulkhead: Bulkhead, holds: Holds, upstream: Scope, origin: Scope | None) -> None:
        self.keys = keys
        self.bulkhead = bulkhead
        self.upstream = upstream
        self.origin = origin
        self.scopes = (upstream,) if origin is None else (upstream, origin)
        self._holds = holds

    def status(self, now: float, *, enabled: bool, promised: bool) -> AdmissionStatus:
        """Tell whether an attempt may start now; `promised`: the asker was woken for a place here."""
        if enabled and self.bulkhead.limit is None and not self._holds and self._flows(now):
            return ADMITS
        block, until = self._block(now, enabled=enabled, promised=promised)
        breaker = self.upstream.breaker
        return AdmissionStatus(
            admits=block is None,
            block=block,
            until=until,
            reason=breaker.reason,
            throttled=breaker.throttled(now),
            forced=breaker.forced,
        )

    def promise(self, change: int) -> None:
        """Promise a place of everything on the way, or (-1) take the promise back."""
        self.bulkhead.promised += change
        for scope in self.scopes:
            scope.promised += change

    def _flows(self, now: float) -> bool:
        return self.upstream.breaker.flows(now) and (self.origin is None or self.origin.breaker.flows(now))

    def _block(self, now: float, *, enabled: bool, promised: bool) -> tuple[Block | None, float | None]:
        if not enabled:
            return Block.DISABLED, None
        full = [scope for scope in self.scopes if not scope.room(now, promised=promised)]
        opens = [view.until for scope in full if (view := scope.breaker.view(now)).until is not None]
        if (held := self._holds.until(self.keys.account, now)) is not None:
            return Block.HOLD, max([held, *opens])
        if opens:
            forced = any(scope.breaker.forced is Forced.OPEN for scope in full)
            return Block.FORCED if forced else Block.OPEN, max(opens)
        if full:
            return Block.HALF_OPEN_FULL, None
        return (None, None) if self.bulkhead.room(promised=promised) else (Block.SLOT, None)
