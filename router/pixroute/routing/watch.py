"""What may be told of an attempt while it runs: how far it is, once a second at most, and that it is overdue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from pixroute.routing.view import SLACK

if TYPE_CHECKING:
    from pixroute.outcome import Stage
    from pixroute.routing.attempt import Attempt

EVERY = 1.0
"""Seconds between two words on one attempt, and before the first."""


class AttemptWatch:
    """Looks at one attempt when it moves, and when it becomes overdue; made only where somebody observes.

    Args:
        attempt: whose `on_move` it becomes.
        overdue_at: when, on the loop's clock; None: its times are not known.
        on_move: told of the attempt, and the time, once its stage or fraction is another.
        on_overdue: told once.
    """

    def __init__(
        self,
        attempt: Attempt,
        *,
        overdue_at: float | None,
        on_move: Callable[[Attempt, float], None],
        on_overdue: Callable[[Attempt, float], None],
    ) -> None:
        self._attempt = attempt
        self._loop = asyncio.get_running_loop()
        self._on_move = on_move
        self._on_overdue = on_overdue
        self._told = self._state
        self._next = attempt.started + EVERY
        self._due: asyncio.TimerHandle | None = None
        self._overdue = None if overdue_at is None else self._loop.call_at(overdue_at, self._be_overdue, overdue_at)
        attempt.on_move = self.moved

    @property
    def _state(self) -> tuple[Stage, float | None]:
        return self._attempt.stage, self._attempt.facts.get("progress")

    def moved(self) -> None:
        """Tell of it as soon as a second has passed since the last word."""
        if self._due is None and self._attempt.ended is None and self._state != self._told:
            self._due = self._loop.call_at(self._next, self._tell)

    def end(self) -> None:
        """Tell nothing more, and let go of the attempt, whose pictures may be large."""
        self._attempt.on_move = None
        for timer in (self._due, self._overdue):
            if timer is not None:
                timer.cancel()

    def _tell(self) -> None:
        self._due = None
        if self._attempt.ended is None and self._state != self._told:
            now = self._loop.time()
            self._told, self._next = self._state, now + EVERY
            self._on_move(self._attempt, now)

    def _be_overdue(self, due: float) -> None:
        now, due = self._loop.time(), due + self._attempt.paused
        if self._attempt.ended is None and now < due - SLACK:  # the machine was paused meanwhile: that is nobody's time
            self._overdue = self._loop.call_at(due, self._be_overdue, due - self._attempt.paused)
        elif self._attempt.ended is None:
            self._on_overdue(self._attempt, now)
