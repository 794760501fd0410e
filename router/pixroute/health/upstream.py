"""An upstream's breakers, one per resolution, and what acts on all of them (semantics §1)."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import inf

from pixroute.health.breaker import Breaker
from pixroute.health.scopes import Scope
from pixroute.health.states import OpenReason
from pixroute.request import Resolution


class UpstreamHealth:
    """The breakers of one upstream; a breaker that comes later takes over what was said to all before."""

    def __init__(self, name: str) -> None:
        self.scopes: dict[Resolution, Scope] = {}
        self._name = name
        self._hinted_until = -inf
        self._gone_until = -inf
        self._gone_reason = OpenReason.MODEL_GONE

    def copied(self) -> UpstreamHealth:
        """Give a copy."""
        upstream = copy(self)
        upstream.scopes = {resolution: scope.copied() for resolution, scope in list(self.scopes.items())}
        upstream.introduce()
        return upstream

    def introduce(self) -> None:
        """Make the breakers each other's siblings."""
        breakers = [each.breaker for each in self.scopes.values()]
        for each in breakers:
            each.siblings = [other for other in breakers if other is not each]

    def scope(self, resolution: Resolution, make: Callable[[str], Scope], now: float) -> Scope:
        """Give the breaker of a resolution, made (from its key) when first asked for."""
        scope = self.scopes.get(resolution)
        if scope is None:
            scope = self.scopes[resolution] = make(f"{self._name} {resolution}")
            self.introduce()
            self._catch_up(scope.breaker, now)
        return scope

    def hint(self, seconds: float, now: float) -> None:
        """Pause every resolution."""
        self._hinted_until = max(self._hinted_until, now + seconds)
        for scope in self.scopes.values():
            scope.breaker.hint(seconds, now)

    def open_now(self, reason: OpenReason, seconds: float, now: float) -> None:
        """Open every resolution."""
        self._gone_until, self._gone_reason = now + seconds, reason
        for scope in self.scopes.values():
            scope.breaker.open_now(reason, seconds, now)

    def forget(self) -> None:
        """Forget what was said to all; breakers that come later begin as new."""
        self._hinted_until = self._gone_until = -inf

    def _catch_up(self, breaker: Breaker, now: float) -> None:
        if now < self._gone_until:
            breaker.open_now(self._gone_reason, self._gone_until - now, now)
        if now < self._hinted_until:
            breaker.hint(self._hinted_until - now, now)
