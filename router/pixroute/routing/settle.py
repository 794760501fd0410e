"""What an attempt's outcome means for health, money and a second try: pure readings of the reaction table."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from pixroute.cost import Cost
from pixroute.health.breaker import OpenReason
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Hold, Outcome, QuickRetry, Stage, Verdict
from pixroute.policy import RetryPolicy

SOON = 10.0
"""Seconds within which a SERVER_ERROR is worth a quick retry."""

_OPENS = {
    FailureKind.FORBIDDEN: OpenReason.FORBIDDEN,
    FailureKind.MODEL_GONE: OpenReason.MODEL_GONE,
    FailureKind.UNDERSIZED: OpenReason.UNDERSIZED,
}


@frozen
class Settlement:
    """How an attempt's admission is settled: verdicts, the provider's hint, a hold, a breaker opened at once."""

    upstream: Verdict
    origin: Verdict
    hint: float | None = None
    hold: Hold | None = None
    opens: tuple[OpenReason, float] | None = None
    every_resolution: bool = False


_SUCCESS = Settlement(Verdict.SUCCESS, Verdict.SUCCESS)
_NEUTRAL = Settlement(Verdict.NEUTRAL, Verdict.NEUTRAL)


def settle(outcome: Outcome, *, age: float, p99: float, cut_short: bool, stage: Stage) -> Settlement:
    """Read the table's columns upstream, origin and account.

    `cut_short`: the caller's time, not the attempt's own, ended it.
    """
    if not isinstance(outcome, Failure):
        return _SUCCESS
    if outcome.blame is Blame.OURS:
        return _NEUTRAL
    if outcome.kind is FailureKind.CANCELLED:
        return Settlement(Verdict.HARD, Verdict.NEUTRAL) if age > p99 else _NEUTRAL
    if outcome.kind is FailureKind.TIMEOUT and (stage < Stage.SEND or (cut_short and age < p99)):
        return _NEUTRAL
    reaction = outcome.reaction
    reason = _OPENS.get(outcome.kind)
    return Settlement(
        upstream=reaction.upstream,
        origin=Verdict.SUCCESS if outcome.answered or stage >= Stage.VALIDATE else reaction.origin,
        hint=outcome.hint if reaction.upstream in (Verdict.HARD, Verdict.THROTTLE) else None,
        hold=_hold(outcome, reaction.hold),
        opens=(reason, reaction.opens_for) if reason and reaction.opens_for else None,
        every_resolution=reaction.opens_every_resolution,
    )


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
