"""How a half-open breaker lets traffic back in (semantics §4): one probe, then twice as many at each good sign."""

from __future__ import annotations

from math import inf

EVERY = 3.0
"""Seconds without a failure after which a ramp goes on, where answers had opened: they come in seconds."""
SHARE = 8
"""With the first sign of life an eighth of what was in flight before is admitted."""


class Ramp:
    """What half-open knows.

    Args:
        allowed: live calls at once.
        proven: whether a call has succeeded since the opening, here or at a sibling.
        answered: whether answers, not silence, had opened; then time without a failure is a good sign too.
        before: calls in flight when it opened.
        setbacks: how often it was halved, ever.
    """

    def __init__(self) -> None:
        self.allowed = 1
        self.proven = False
        self.answered = False
        self.before = 0
        self.setbacks = 0
        self._from = inf

    def begin(self) -> None:
        """Allow one probe."""
        self.allowed, self.proven = 1, False

    def wait_from(self, now: float) -> None:
        """Count the time without a failure from now on."""
        self._from = now

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off the time without a failure."""
        self._from += pause

    @property
    def due(self) -> float:
        """When time alone doubles it, if calls are live; inf where silence had opened."""
        return self._from + EVERY if self.answered else inf

    def prove(self) -> None:
        """Take the first success for a sign that traffic may come as before, an eighth of it at once."""
        if not self.proven:
            self.proven = True
            self.allowed = max(self.allowed, self.before // SHARE)

    def go_on(self) -> None:
        """Take three seconds without a failure for a good sign; `double` comes next."""
        self._from += EVERY
        self.allowed = max(self.allowed, self.before // SHARE)

    def double(self) -> None:
        """Allow twice as many."""
        self.allowed *= 2

    def halve(self, live: int, now: float) -> None:
        """Allow half as many after a failure, but as many as are live."""
        self.allowed = max(self.allowed // 2, live, 1)
        self.setbacks += 1
        self._from = now
