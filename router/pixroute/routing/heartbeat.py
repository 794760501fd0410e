"""How late the loop is, and which times the machine slept through (semantics §7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

BEAT = 0.25
"""Seconds between two looks at the clock, while a request is in flight and lateness is told to somebody."""
SLOW_BEAT = 1.0
"""Seconds between two looks while nobody observes: enough to find a pause."""
LAG = 0.25
"""Seconds of lateness from which on it is told."""
LONGEST_LAG = 5.0
"""Seconds of lateness above which the machine was paused: that time is nobody's."""


class HeartbeatTimer(Protocol):
    """What `call_at` gives."""

    def cancel(self) -> None:
        """Do not call."""
        ...


class Heartbeat:
    """Looks at the clock at regular times, and finds out late that the loop stood still or the machine was paused.

    Whoever measures an age or starts something asks `look` for the time: a pause is then found before it is misread.

    Args:
        clock: the loop's time in seconds.
        call_at: the loop's `call_at`.
        busy: whether a request is in flight; without one it stops.
        observed: whether anybody hears of lateness.
        on_pause: told at once how long a pause was, in seconds.
        on_lag: told when the loop was late, and by how much.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], HeartbeatTimer],
        busy: Callable[[], bool],
        observed: Callable[[], bool],
        on_pause: Callable[[float], None],
        on_lag: Callable[[float, float], None],
    ) -> None:
        self._clock = clock
        self._call_at = call_at
        self._busy = busy
        self._observed = observed
        self._on_pause = on_pause
        self._on_lag = on_lag
        self._timer: HeartbeatTimer | None = None
        self._due = 0.0
        self._seen_by = 0.0  # later than this by a pause: `_due`, or the end of a pause that was found since
        self._paused = 0.0

    def start(self) -> None:
        """Beat until nothing is in flight."""
        if self._timer is None:
            self._set(self._clock())
        else:
            self.look()

    def look(self) -> float:
        """Give the loop's time; a pause that has just ended is told first."""
        now = self._clock()
        if self._timer is not None and (pause := now - self._seen_by) > LONGEST_LAG:
            self._seen_by = now + self._beat_seconds()
            self._paused += pause
            self._on_pause(pause)
        return now

    def awake(self) -> float:
        """Give the loop's time without the pauses, for limits that begin and end in one life of the heartbeat."""
        now = self._clock()
        return (now if now <= self._seen_by else self.look()) - self._paused

    def stop(self) -> None:
        """Beat no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, now: float) -> None:
        self._due = self._seen_by = now + self._beat_seconds()
        self._timer = self._call_at(self._due, self._beat)

    def _beat_seconds(self) -> float:
        return BEAT if self._observed() else SLOW_BEAT

    def _beat(self) -> None:
        late = self.look() - self._due
        if late >= LAG:
            self._on_lag(self._clock(), late)
        if self._busy():
            self._set(self._clock())
        else:
            self._timer = None
