"""When silence is judged by its likelihood (semantics §4.1), and when it was found too unlikely."""

from __future__ import annotations

from math import inf, log

from pixroute.health.in_flight import InFlight
from pixroute.policy import BreakerPolicy

EVERY = 1.0
"""Seconds between two looks, for each thousand calls in flight: a look asks each."""


class Listening:
    """The looks at one breaker's silence.

    Args:
        at: when the next look is due; inf for never.
        stalled_since: since when the silence has been less likely than the policy's limit.
    """

    def __init__(self, *, ever: bool) -> None:
        self.at = -inf if ever else inf
        self.stalled_since: float | None = None

    def look(self, in_flight: InFlight, last_success: float, now: float, policy: BreakerPolicy) -> bool:
        """Tell whether it is a stall: the silence was too unlikely at the look before, and still is.

        After a pause of the machine the answers that had come meanwhile are taken in between the two.
        """
        self.at = now + EVERY * max(1.0, len(in_flight) / 1000)
        if policy.stall == "off":
            return False
        likelihood = in_flight.log_likelihood(last_success, now, policy.stall_slowdown)
        if likelihood >= log(policy.stall_likelihood):
            self.stalled_since = None
        elif self.stalled_since is None:
            self.stalled_since = now
        else:
            return True
        return False
