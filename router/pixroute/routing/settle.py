"""What an attempt's outcome means for health, money and a second try: pure readings of the reaction table."""

from __future__ import annotations

from decimal import Decimal

from pixroute.cost import Cost
from pixroute.health.admission import Settlement
from pixroute.health.latency import LearnedLatency
from pixroute.health.states import OpenReason
from pixroute.outcome import (
    Billing,
    Blame,
    Evidence,
    Failure,
    FailureKind,
    HealthSignal,
    Hold,
    Outcome,
    QuickRetry,
    Stage,
)
from pixroute.policy import RetryPolicy

SOON = 10.0
"""Seconds within which a SERVER_ERROR is worth a quick retry."""

_OPENS = {
    FailureKind.FORBIDDEN: OpenReason.FORBIDDEN,
    FailureKind.MODEL_GONE: OpenReason.MODEL_GONE,
    FailureKind.UNDERSIZED: OpenReason.UNDERSIZED,
}


_SUCCESS = Settlement(HealthSignal.SUCCESS, HealthSignal.SUCCESS)
_NEUTRAL = Settlement(HealthSignal.NEUTRAL, HealthSignal.NEUTRAL)


def settle(
    outcome: Outcome, *, age: float, p99: float, cut_short: bool, stage: Stage, paused: bool = False
) -> Settlement:
    """Read the table's columns upstream, origin and account.

    `cut_short`: the caller's time, not the attempt's own, ended it. `paused`: the machine slept meanwhile, and what
    was not answered may have been lost by that.
    """
    if not isinstance(outcome, Failure):
        return _SUCCESS
    if outcome.blame is Blame.OURS or (paused and not outcome.answered):
        return _NEUTRAL
    if outcome.kind is FailureKind.CANCELLED:
        return Settlement(HealthSignal.HARD, HealthSignal.NEUTRAL) if age > p99 else _NEUTRAL
    if outcome.kind is FailureKind.TIMEOUT and (stage < Stage.SEND or (cut_short and age < p99)):
        return _NEUTRAL
    reaction = outcome.reaction
    origin = _origin(outcome, reaction.origin, stage)
    if outcome.evidence is Evidence.REQUEST:
        return Settlement(HealthSignal.NEUTRAL, origin)
    reason, certain = _OPENS.get(outcome.kind), outcome.evidence is Evidence.MACHINE
    opens = (reason, reaction.opens_for) if reason and reaction.opens_for else None
    hold = _hold(outcome, reaction.hold)
    suspected = not certain and (opens or hold)  # what only words say counts, but does not act at once
    upstream = HealthSignal.HARD if suspected else reaction.upstream
    return Settlement(
        upstream=upstream,
        origin=origin,
        hint=outcome.hint if reaction.upstream in (HealthSignal.HARD, HealthSignal.THROTTLE) else None,
        hold=hold if certain else None,
        opens=opens if certain else None,
        every_resolution=reaction.opens_every_resolution,
    )


def _origin(failure: Failure, by_kind: HealthSignal, stage: Stage) -> HealthSignal:
    """A complete answer settles the origin as success, unless somebody in between gave it."""
    if failure.answered and failure.blame is Blame.HOP:
        return by_kind if failure.evidence is not Evidence.REQUEST else HealthSignal.NEUTRAL
    return HealthSignal.SUCCESS if failure.answered or stage >= Stage.VALIDATE else by_kind


def _hold(failure: Failure, hold: Hold | None) -> Hold | None:
    """Hold an account as the table says, or to the reset that the provider stated."""
    if hold is not None and failure.kind is FailureKind.QUOTA and failure.hint is not None:
        return Hold(first=failure.hint, longest=failure.hint)
    return hold


def may_retry_quickly(failure: Failure, *, seconds: float, policy: RetryPolicy, timeout_given: bool) -> bool:
    """Tell whether the same provider may be asked once more before falling back."""
    match failure.reaction.quick_retry if policy.quick or failure.other_route else QuickRetry.NEVER:
        case QuickRetry.UNLESS_TIMED_OUT:
            return not failure.timed_out
        case QuickRetry.OTHER_ROUTE:
            return True
        case QuickRetry.WITHOUT_HINT:
            return failure.hint is None
        case QuickRetry.SOON_WITHOUT_HINT:
            return failure.hint is None and seconds <= SOON
        case QuickRetry.IF_ALLOWED:
            return policy.on_timeout and timeout_given
        case _:
            return False


def billing_of(outcome: Outcome, *, stage: Stage, price: Decimal | None) -> Billing:
    """Tell what was billed: nothing where the price is 0 or nothing was sent, else as the outcome says."""
    if price == 0:
        return Billing.FREE
    if not isinstance(outcome, Failure):
        return Billing.BILLED
    if outcome.billing is Billing.AMBIGUOUS and stage < Stage.SEND:
        return Billing.FREE
    return outcome.billing


def cost_of(billing: Billing, price: Decimal | None, pictures: int, currency: str) -> Cost:
    """Price an attempt: what is BILLED is certain, what is AMBIGUOUS possible, an unknown price unknown."""
    if billing is Billing.FREE:
        return Cost(currency=currency)
    amount = None if price is None else price * pictures
    if billing is Billing.BILLED:
        return Cost(certain=amount, currency=currency)
    return Cost(possible=amount, currency=currency)


def learn(learned: LearnedLatency, outcome: Outcome, age: float) -> None:
    """Learn from `age`, in seconds, how long a provider takes; what we ourselves lacked teaches nothing of it."""
    if not isinstance(outcome, Failure):
        learned.add(age)
    elif outcome.blame is not Blame.OURS:
        learned.add_censored(age)
