"""A place taken on everything that an attempt needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pixroute.health.in_flight import Token
from pixroute.health.scopes import Route
from pixroute.health.states import OpenReason
from pixroute.outcome import Hold, Verdict

if TYPE_CHECKING:
    from pixroute.health.registry import Health


class Admission:
    """A place on every scope of a route, to be settled once; made by `Health.admit`."""

    def __init__(self, health: Health, route: Route, tokens: Sequence[Token]) -> None:
        self._health = health
        self._route = route
        self._tokens = tokens
        self._holds_slot = True

    def settle(
        self,
        *,
        upstream: Verdict,
        origin: Verdict,
        now: float,
        hint: float | None = None,
        hold: Hold | None = None,
        credential: Callable[[], str] | None = None,
        opens: tuple[OpenReason, float] | None = None,
        every_resolution: bool = False,
        keep_slot: bool = False,
        counts_from: float | None = None,
    ) -> None:
        """Give the outcome of the attempt.

        Args:
            upstream: for the upstream's breaker.
            origin: for the origin's.
            now: seconds on the loop's clock.
            hint: the provider's wish in seconds; acts on every resolution of the upstream.
            hold: for the account.
            credential: gives the secret's fingerprint, whose change ends the hold.
            opens: a reason for which one answer is enough, and for how many seconds.
            every_resolution: whether `opens` acts on every resolution of the upstream.
            keep_slot: the slot stays taken until `release_slot`.
            counts_from: a failure is evidence from that time on, unless the request is asked again by then.

        Raises:
            KeyError: it was settled before.
        """
        health, route = self._health, self._route
        current = self._tokens[0].generation == route.upstream.breaker.generation
        route.upstream.breaker.settle(self._tokens[0], upstream, now, hint=hint, counts_from=counts_from)
        if route.origin is not None:
            route.origin.breaker.settle(self._tokens[1], origin, now, counts_from=counts_from)
        if hint is not None:
            health.hint(route.keys, hint, now)
        if opens is not None and current:
            health.open_now(route.keys, *opens, now, every_resolution=every_resolution)
        if hold is not None:
            health.hold(route.keys.account, hold, now, credential)
        elif upstream is Verdict.SUCCESS:
            health.served(route.keys.account)
        if not keep_slot:
            self._free_slot()
        health.settled(route)

    def release_slot(self) -> None:
        """Free the slot that `settle` kept; once freed, nothing happens."""
        self._free_slot()
        self._health.pass_on()

    def _free_slot(self) -> None:
        self._route.bulkhead.used -= self._holds_slot
        self._holds_slot = False
