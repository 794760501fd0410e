"""The time limits of one exchange, kept by one timer."""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self


class Clock:
    """Cuts the task that entered it when the limit passes; leaving then raises TimeoutError.

    The limit may be moved as often as there are bytes: that is an assignment. A timer that comes too early is set
    again. Nested `asyncio.timeout`s would be a timer for each stage and a new one for each chunk.

    Args:
        ends_at: the loop's time that no limit goes beyond.
    """

    def __init__(self, *, ends_at: float = inf) -> None:
        self._loop = asyncio.get_running_loop()
        self._ends_at = ends_at
        self._at = ends_at
        self._timer: asyncio.TimerHandle | None = None
        self._expired = False

    def limit(self, seconds: float = inf) -> None:
        """Cut after so many seconds from now, in place of the limit before."""
        self._at = at = min(self._loop.time() + seconds, self._ends_at)
        if at < inf and (self._timer is None or at < self._timer.when()):
            self._set_timer(at)

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self.limit()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A cancellation from elsewhere, even in the same moment, stays one.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._at <= self._loop.time():
            self._expired = True
            self._task.cancel()
        elif self._at < inf:
            self._set_timer(self._at)
