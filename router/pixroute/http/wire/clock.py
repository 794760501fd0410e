"""The time limits of one exchange, kept by one timer, and what has to be so before a limit cuts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from types import TracebackType
from typing import Self

WHOLE_TURN = 3
"""Turns of the loop until what had arrived is handled: it is read, then the task that awaits it goes on."""
TURNS = 8
"""Turns that are waited while there is time: a connection that is made takes some more."""
FINEST = 0.001
GRACE = 0.2
"""Seconds that a limit is put off at most, while bytes come."""


class Grace:
    """Judges a limit that has struck: it stands unless the turn of the loop since has brought something.

    Args:
        now: when it struck.
        moved: counts what has come so far.
    """

    def __init__(self, now: float, moved: int) -> None:
        self.until = now + GRACE
        self._moved = moved

    def lasts(self, now: float, moved: int) -> bool:
        """Tell whether it is to be judged once more, after another turn."""
        came, self._moved = moved != self._moved, moved
        return came and now < self.until


def after_a_turn(call: Callable[[], None], *, until: float = inf, turn: int = 0) -> None:
    """Call after a whole turn of the loop, so that what had arrived while it was busy is handled first.

    The loop reads its clock after its sockets, but runs a timer before the tasks that the sockets have woken.
    """
    loop = asyncio.get_running_loop()
    if turn < WHOLE_TURN or (turn < TURNS and loop.time() < until):
        loop.call_soon(lambda: after_a_turn(call, until=until, turn=turn + 1))
    else:
        call()


class Limit:
    """Calls `strike` when a time has passed and nothing that had arrived by then can change that.

    Args:
        due: gives the time, which may move; inf for never.
        time: gives the present.
        moved: counts what has come so far; what comes after the limit struck puts it off for a moment.
        strike: called once.
    """

    def __init__(
        self,
        *,
        due: Callable[[], float],
        time: Callable[[], float],
        moved: Callable[[], int],
        strike: Callable[[], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = due
        self._time = time
        self._moved = moved
        self._strike = strike
        self._timer: asyncio.TimerHandle | None = None
        self.rings_at = inf
        self._grace: Grace | None = None
        self._over = False

    def moved_to(self, due: float) -> None:
        """Ring no later than this; a timer that comes too early is set again."""
        if due < self.rings_at and self._grace is None and not self._over:
            self._set(due)

    def cancel(self) -> None:
        """Never strike, and let go of those who hold this: no circle is left to the collector."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._moved, self._strike = float, int, _nothing

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self.rings_at = due
        # No clock is finer than a millisecond, and a timer that comes too early is set again.
        self._timer = self._loop.call_later(max(due - self._time(), FINEST), self._judge) if due < inf else None

    def _judge(self) -> None:
        if self._over:
            return
        self._timer, self.rings_at = None, inf
        now, due = self._time(), self._due()
        if now < due:
            self._grace = None
            self._set(due)
        elif self._grace is None or self._grace.lasts(now, self._moved()):
            self._grace = self._grace or Grace(now, self._moved())
            after_a_turn(self._judge, until=self._loop.time() + self._grace.until - now)
        else:
            self._over = True
            self._strike()


def _nothing() -> None:
    """Do nothing."""


class Clock:
    """Cuts the task that entered it when the limit passes; leaving then raises TimeoutError.

    The limit may be moved as often as there are bytes: that is an assignment. A timer that comes too early is set
    again. Nested `asyncio.timeout`s would be a timer for each stage and a new one for each chunk.

    Args:
        ends_at: the time, as `time` gives it, that no limit goes beyond.
        time: gives the loop's time without the pauses of the machine; None: the loop's.
        moved: counts what has come so far.
    """

    def __init__(
        self,
        *,
        ends_at: float = inf,
        time: Callable[[], float] | None = None,
        moved: Callable[[], int] = lambda: 0,
    ) -> None:
        self.time = time or asyncio.get_running_loop().time
        self._at = self._ends_at = ends_at
        self._moved = moved
        self._limit: Limit | None = None  # nobody waits yet
        self._expired = False

    def limit(self, seconds: float = inf, now: float | None = None) -> None:
        """Cut after so many seconds from now, in place of the limit before; `now` is the time if it was just read."""
        if seconds == inf:
            self._at = self._ends_at
        else:
            self._at = min((self.time() if now is None else now) + seconds, self._ends_at)
        if self._limit is None:
            if self._at == inf:
                return
            self._limit = Limit(due=lambda: self._at, time=self.time, moved=self._moved, strike=self._cut)
        if self._at < self._limit.rings_at:
            self._limit.moved_to(self._at)

    @property
    def has_cut(self) -> bool:
        """Whether it is the limit, and nobody else, that cancels the task; who then goes on must await nothing."""
        return self._expired and self._task.cancelling() == self._cancelling + 1

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self.limit()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._limit is not None:
            self._limit.cancel()
        self._moved = int
        task = self._task
        del self._task  # a pooled connection keeps the context that holds this
        # A cancellation from elsewhere, even in the same moment, stays one.
        if self._expired and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _cut(self) -> None:
        self._expired = True
        self._task.cancel()
