"""How long a breaker stays open for evidence (semantics §4): twice as long each time, until it was closed for long."""

from __future__ import annotations

from math import inf

from pixroute.policy import BreakerPolicy


class Backoff:
    """The doublings of one breaker."""

    def __init__(self) -> None:
        self._doublings = 0
        self._closed_since = -inf

    def doublings(self, policy: BreakerPolicy, now: float) -> int:
        """Tell how many times the length of the next opening is doubled."""
        return 0 if now - self._closed_since >= policy.reset_after else self._doublings

    def next(self, policy: BreakerPolicy, now: float, *, refused: bool) -> float:
        """Give the seconds of an opening, without jitter; after a quick refusal they may be few."""
        longest = min(policy.max_open, policy.max_open_refused) if refused else policy.max_open
        self._doublings = self.doublings(policy, now)
        lasts = min(policy.open_for * 2.0**self._doublings, longest)
        if lasts < longest:
            self._doublings += 1
        return lasts

    def at_least(self, doublings: int) -> None:
        """Go on from the doublings of another process, as if they were one's own."""
        self._doublings = max(self._doublings, doublings)

    def opened(self) -> None:
        """Forget nothing while it is open."""
        self._closed_since = inf

    def closed(self, at: float) -> None:
        """Count the time towards forgetting from here on."""
        self._closed_since = at
