"""What outcomes say of an upstream (semantics §4): pure."""

from __future__ import annotations

from pixroute.health.evidence import BreakerEvidence
from pixroute.health.in_flight import REFUSED_WITHIN, AdmissionToken, InFlight
from pixroute.health.states import OpenReason
from pixroute.policy import BreakerPolicy


def sickness(
    evidence: BreakerEvidence,
    in_flight: InFlight,
    token: AdmissionToken,
    now: float,
    *,
    policy: BreakerPolicy,
    window: float,
) -> OpenReason | None:
    """Tell why a breaker should open now that this call failed; None if it should not.

    Refusals come in seconds, pictures in minutes: after a refusal, what is in flight long enough not to be one counts
    as well. Else a service that starts while a third is refused would at first see nothing but failures.
    """
    refused = now - token.started <= REFUSED_WITHIN
    row, first = evidence.in_a_row(now - policy.failures_within)
    if row >= policy.max_failures and not (refused and in_flight.accepted(first, now)):
        return OpenReason.STREAK
    bad, settled = evidence.rate(now - window)
    if settled < policy.min_requests or bad < policy.failure_rate * settled:
        return None
    settled += in_flight.accepted(now - window, now) if refused else 0
    return OpenReason.RATE if bad >= policy.failure_rate * settled else None
