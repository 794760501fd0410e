"""Who waits for a place, in order of arrival.

Waiters for the same routes stand in one queue, for if its first cannot be admitted, none can. So a place is handed on
by looking at the head of a few queues, however many wait. A waiter is woken with a place promised to it; whoever is
not woken could not be admitted, and takes nothing from a newcomer who can.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable

from pixroute.health.scopes import HealthRoute, Scope


class Waiter:
    """A request that waits until one of its routes may admit it; made by `Health.wait`.

    `woken` tells that a place is promised to it: it starts an attempt (`Health.admit(…, waiter=…)`) or passes the
    place on, and closes in either case. `order` is its number in order of arrival.
    """

    def __init__(self, line: Line, routes: tuple[HealthRoute, ...], wake: Callable[[], None], order: int) -> None:
        self.routes = routes
        self.order = order
        self.woken = False
        self.promise: HealthRoute | None = None
        self._line = line
        self._wake = wake

    def wake(self, route: HealthRoute) -> None:
        """Promise it a place on the route and tell it."""
        self._line.leave(self)
        self.woken = True
        self.promise = route
        route.promise(+1)
        self._wake()

    def drop_promise(self) -> None:
        """Give the promised place back, to be taken or passed on."""
        if self.promise is not None:
            self.promise.promise(-1)
            self.promise = None

    def close(self) -> None:
        """Wait no longer; a place that was not used goes to the next. Closing again does nothing."""
        if self.woken:
            self.drop_promise()
            self._line.on_passed()
        else:
            self._line.leave(self)


class Line:
    """All waiters; `on_passed` is called when a promised place comes free."""

    def __init__(self, on_passed: Callable[[], None]) -> None:
        self.on_passed = on_passed
        self.queues: dict[tuple[HealthRoute, ...], list[Waiter]] = {}
        """Empty where nobody waits."""
        self._arrivals = 0

    def arrive(self) -> int:
        """Give the next number in order of arrival."""
        self._arrivals += 1
        return self._arrivals

    def join(self, routes: tuple[HealthRoute, ...], wake: Callable[[], None], order: int | None) -> Waiter:
        """Put a waiter last, or where its earlier order says."""
        waiter = Waiter(self, routes, wake, self.arrive() if order is None else order)
        insort(self.queues.setdefault(routes, []), waiter, key=_order)
        return waiter

    def leave(self, waiter: Waiter) -> None:
        """Take a waiter out, if it still stands in line."""
        queue = self.queues.get(waiter.routes, [])
        place = bisect_left(queue, waiter.order, key=_order)
        if place < len(queue) and queue[place] is waiter:
            del queue[place]
            if not queue:
                del self.queues[waiter.routes]

    def heads(self) -> list[Waiter]:
        """Give the first of every queue, the earliest first."""
        return sorted((queue[0] for queue in self.queues.values()), key=_order)

    def scopes(self) -> Iterable[Scope]:
        """Give every breaker that somebody waits for."""
        return dict.fromkeys(scope for routes in self.queues for route in routes for scope in route.scopes)

    def waits_at(self, provider: str) -> bool:
        """Tell whether somebody waits for a place at this provider."""
        return any(route.keys.provider == provider for routes in self.queues for route in routes)

    def waits_for(self, scope: Scope) -> bool:
        """Tell whether somebody waits for this breaker."""
        return scope in self.scopes()


def _order(waiter: Waiter) -> int:
    return waiter.order
