"""A place taken on everything that an attempt needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from pixroute.health.in_flight import AdmissionToken
from pixroute.health.scopes import HealthRoute, Scope
from pixroute.health.states import OpenReason
from pixroute.outcome import HealthSignal, Hold

if TYPE_CHECKING:
    from pixroute.health.registry import Health


@frozen
class Settlement:
    """What an outcome means for health: verdicts, the provider's hint, a hold, a breaker opened at once.

    Args:
        upstream: for the upstream's breaker.
        origin: for the origin's.
        hint: the seconds for which the provider asks to wait; acts on every resolution of the upstream.
        hold: for the account.
        opens: a reason for which one answer is enough, and for how many seconds.
        every_resolution: whether `opens` acts on every resolution of the upstream.
    """

    upstream: HealthSignal
    origin: HealthSignal
    hint: float | None = None
    hold: Hold | None = None
    opens: tuple[OpenReason, float] | None = None
    every_resolution: bool = False


class Admission:
    """A place on every scope of a route, to be settled once; made by `Health.admit`."""

    __slots__ = ("_health", "_holds_slot", "_route", "_tokens")

    def __init__(self, health: Health, route: HealthRoute, tokens: Sequence[AdmissionToken]) -> None:
        self._health = health
        self._route = route
        self._tokens = tokens
        self._holds_slot = True

    @property
    def probes(self) -> tuple[str, ...]:
        """What it is the first probe of: its upstream, its origin, both or neither."""
        return tuple([name for name, scope in self._named() if scope.breaker.is_probed_first])

    @property
    def is_probing(self) -> bool:
        """Whether anything on its way still waits for a first sign of life."""
        return any(scope.breaker.probing for scope in self._route.scopes)

    def defer(self, until: float) -> None:
        """Let nobody probe what it was to probe before that time."""
        for _, scope in self._named():
            if scope.breaker.is_probed_first:
                scope.deferred_until = until

    def _named(self) -> Iterator[tuple[str, Scope]]:
        yield self._route.keys.upstream, self._route.upstream
        if self._route.origin is not None:
            yield self._route.origin.key, self._route.origin

    def is_stale(self, now: float) -> bool:
        """Tell whether a breaker on its way has opened since, or pauses as it was asked to."""
        scopes = zip(self._route.scopes, self._tokens, strict=False)
        return any(
            scope.breaker.generation != token.generation or scope.breaker.refuses_all(now) for scope, token in scopes
        )

    def move_on(self, seconds: float) -> None:
        """Take the time before it was sent off its age."""
        for token in self._tokens:
            token.started += seconds

    def excuse(self) -> None:
        """Take note that the answer has begun: from now on this is no silence."""
        for token in self._tokens:
            token.excused = True

    def settle(
        self,
        settlement: Settlement,
        now: float,
        *,
        credential: Callable[[], str] | None = None,
        keep_slot: bool = False,
        counts_from: float | None = None,
    ) -> None:
        """Give the outcome of the attempt.

        Args:
            settlement: what it means.
            now: seconds on the loop's clock.
            credential: gives the secret's fingerprint, whose change ends the hold.
            keep_slot: the slot stays taken until `release_slot`.
            counts_from: a failure is evidence from that time on, unless the request is asked again by then.

        Raises:
            KeyError: it was settled before.
        """
        health, route = self._health, self._route
        current = self._tokens[0].generation == route.upstream.breaker.generation
        route.upstream.breaker.settle(
            self._tokens[0], settlement.upstream, now, hint=settlement.hint, counts_from=counts_from
        )
        if route.origin is not None:
            route.origin.breaker.settle(self._tokens[1], settlement.origin, now, counts_from=counts_from)
        if settlement.hint is not None:
            health.hint(route.keys, settlement.hint, now)
        if settlement.opens is not None and current:
            health.open_now(route.keys, *settlement.opens, now, every_resolution=settlement.every_resolution)
        if settlement.hold is not None:
            health.hold(route.keys.account, settlement.hold, now, credential)
        elif settlement.upstream is HealthSignal.SUCCESS:
            health.served(route.keys.account)
        if not keep_slot:
            self._free_slot()
        health.settled(route)

    def give_back(self, *, slot: bool = False) -> None:
        """Give the places back with no word of how it went: the plain way, where `settle` itself fails.

        What was given back, or settled, already is left alone; the slot stays taken unless `slot`.
        """
        for scope, token in zip(self._route.scopes, self._tokens, strict=False):
            scope.breaker.forget(token)
        if slot:
            self._free_slot()

    def release_slot(self) -> None:
        """Free the slot that `settle` kept; once freed, nothing happens."""
        self._free_slot()
        self._health.pass_on()

    def _free_slot(self) -> None:
        self._route.bulkhead.used -= self._holds_slot
        self._holds_slot = False
