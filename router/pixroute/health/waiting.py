"""Who waits for a place, in order of arrival.

Waiters for the same routes stand in one queue, for if its first cannot be admitted, none can. So a place is handed on
by looking at the head of a few queues, however many wait. A waiter is woken with a place promised to it; whoever is
not woken could not be admitted, and takes nothing from a newcomer who can.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator

from pixroute.health.scopes import Route, Scope

Queue = OrderedDict[int, "Waiter"]


class Waiter:
    """A request that waits until one of its routes may admit it; made by `Health.wait`.

    `woken` tells that a place is promised to it. It then starts an attempt (`Health.admit(…, waiter=…)`), or passes
    the place on by `close` or `wait_again`.
    """

    def __init__(self, line: Line, routes: tuple[Route, ...], wake: Callable[[], None]) -> None:
        self.routes = routes
        self.promise: Route | None = None
        self.woken = False
        self.order = line.join(self)
        self._line = line
        self._wake = wake

    def wake(self, route: Route) -> None:
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

    def wait_again(self) -> None:
        """Pass the place on, and wait on as the first in line."""
        self.drop_promise()
        self.woken = False
        self._line.rejoin(self)
        self._line.on_passed()

    def close(self) -> None:
        """Wait no longer; a place that was not used goes to the next."""
        self._line.leave(self)
        if self.woken:
            self.woken = False
            self.drop_promise()
            self._line.on_passed()


class Line:
    """All waiters."""

    def __init__(self, on_passed: Callable[[], None]) -> None:
        self.on_passed = on_passed
        self._queues: dict[tuple[Route, ...], Queue] = {}
        self._arrivals = 0

    def __bool__(self) -> bool:
        return bool(self._queues)

    def join(self, waiter: Waiter) -> int:
        """Put a waiter last; give its number."""
        self._arrivals += 1
        self._queues.setdefault(waiter.routes, OrderedDict())[self._arrivals] = waiter
        return self._arrivals

    def rejoin(self, waiter: Waiter) -> None:
        """Put a waiter that was woken in vain first again."""
        queue = self._queues.setdefault(waiter.routes, OrderedDict())
        queue[waiter.order] = waiter
        queue.move_to_end(waiter.order, last=False)

    def leave(self, waiter: Waiter) -> None:
        """Take a waiter out, if it still stands in line."""
        queue = self._queues.get(waiter.routes)
        if queue is not None and queue.pop(waiter.order, None) is not None and not queue:
            del self._queues[waiter.routes]

    def heads(self) -> Iterator[Waiter]:
        """Give the first of every queue, the earliest first."""
        heads = (next(iter(queue.values())) for queue in self._queues.values())
        return iter(sorted(heads, key=lambda waiter: waiter.order))

    def scopes(self) -> set[Scope]:
        """Give every breaker that somebody waits for."""
        return {scope for routes in self._queues for route in routes for scope in route.scopes}

    def waits_for(self, scope: Scope) -> bool:
        """Tell whether somebody waits for this breaker."""
        return bool(self._queues) and scope in self.scopes()
