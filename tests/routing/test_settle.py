"""What an outcome means for health, a second try and money (semantics §1, §2, §3.6)."""

from decimal import Decimal

import pytest

from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.health.admission import Settlement
from pixroute.health.states import OpenReason
from pixroute.outcome import (
    REACTIONS,
    Billing,
    Blame,
    Delivered,
    Evidence,
    Failure,
    FailureKind,
    HealthSignal,
    Hold,
    Stage,
    Success,
)
from pixroute.policy import RetryPolicy
from pixroute.routing.settle import billing_of, cost_of, may_retry_quickly, settle

K, V = FailureKind, HealthSignal
P99 = 250.0
PICTURE = Success(pictures=(Delivered(content=InMemory(b"picture")),))
NEUTRAL = Settlement(V.NEUTRAL, V.NEUTRAL)


def settled(kind=None, *, age=10.0, cut_short=False, stage=Stage.WAIT, **fields):
    """Settle a picture, or a failure of this kind."""
    outcome = Failure(kind=kind, message="failed", **fields) if kind else PICTURE
    return settle(outcome, age=age, p99=P99, cut_short=cut_short, stage=stage)


def test_a_picture_is_a_success_everywhere():
    """For upstream and origin."""
    assert settled(stage=Stage.DONE) == Settlement(V.SUCCESS, V.SUCCESS)


@pytest.mark.parametrize("kind", [kind for kind in K if kind is not K.CANCELLED])
def test_a_failure_is_settled_as_the_table_says(kind):
    """Upstream, origin and hold are the row's."""
    found, row = settled(kind), REACTIONS[kind]

    assert (found.upstream, found.origin, found.hold) == (row.upstream, row.origin, row.hold)
    assert found.opens is None or found.opens[1] == row.opens_for


@pytest.mark.parametrize("fields", [{"answered": True}, {"stage": Stage.VALIDATE}, {"stage": Stage.DONE}])
def test_a_complete_answer_is_the_origins_success(fields):
    """Of any status: who answers is there."""
    assert settled(K.PROTOCOL, **fields).origin is V.SUCCESS
    assert settled(K.PROTOCOL, stage=Stage.BODY).origin is V.HARD


@pytest.mark.parametrize(
    ("kind", "opens", "everywhere"),
    [
        (K.FORBIDDEN, (OpenReason.FORBIDDEN, 300), False),
        (K.MODEL_GONE, (OpenReason.MODEL_GONE, 3600), True),
        (K.UNDERSIZED, (OpenReason.UNDERSIZED, 3600), False),
        (K.OVERLOADED, None, False),
    ],
)
def test_one_answer_may_be_enough_to_open(kind, opens, everywhere):
    """For how long, and whether for every resolution of the upstream."""
    found = settled(kind)

    assert (found.opens, found.every_resolution) == (opens, everywhere)


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (K.OVERLOADED, 31),
        (K.RATE_LIMITED, 31),
        (K.SERVER_ERROR, 31),
        (K.QUOTA, None),
        (K.MODERATED, None),
        (K.INVALID, None),
    ],
)
def test_a_hint_counts_where_the_upstream_is_loaded(kind, hint):
    """What is said with another failure is not about load."""
    assert settled(kind, hint=31).hint == hint


def test_a_quota_is_held_to_the_stated_reset():
    """Else for the table's hour; a key's hold knows no reset."""
    assert settled(K.QUOTA, hint=120).hold == Hold(first=120, longest=120)
    assert settled(K.QUOTA).hold == Hold(first=3600, longest=3600)
    assert settled(K.AUTH, hint=120).hold == Hold(first=30, longest=300)


@pytest.mark.parametrize(("age", "upstream"), [(10, V.NEUTRAL), (P99, V.NEUTRAL), (P99 + 0.1, V.HARD)])
def test_a_loser_is_evidence_if_it_was_older_than_p99(age, upstream):
    """A hedge that lost after that long was hanging; the origin is not to blame either way."""
    assert settled(K.CANCELLED, age=age) == Settlement(upstream, V.NEUTRAL)


@pytest.mark.parametrize(
    ("age", "cut_short", "stage", "upstream"),
    [
        (600, False, Stage.WAIT, V.HARD),
        (10, False, Stage.WAIT, V.HARD),
        (P99 - 0.1, True, Stage.WAIT, V.NEUTRAL),
        (P99, True, Stage.WAIT, V.HARD),
        (P99 + 0.1, True, Stage.WAIT, V.HARD),
        (600, False, Stage.SEND, V.HARD),
        (600, False, Stage.CONNECT, V.NEUTRAL),
    ],
)
def test_a_time_out_is_evidence_unless_the_caller_was_in_a_hurry_or_nothing_was_sent(age, cut_short, stage, upstream):
    """Neutral if the deadline cut it younger than P99."""
    assert settled(K.TIMEOUT, age=age, cut_short=cut_short, stage=stage) == Settlement(upstream, V.NEUTRAL)


def test_another_failure_of_a_short_time_is_still_evidence():
    """Only a time-out is excused."""
    assert settled(K.OVERLOADED, cut_short=True).upstream is V.HARD


@pytest.mark.parametrize(("answered", "upstream", "origin"), [(True, V.HARD, V.SUCCESS), (False, V.NEUTRAL, V.NEUTRAL)])
def test_what_was_not_answered_when_the_machine_slept_is_nobodys_fault(answered, upstream, origin):
    """It may have been lost by that; an answer is an answer."""
    outcome = Failure(kind=K.OVERLOADED, message="failed", answered=answered)

    found = settle(outcome, age=10, p99=P99, cut_short=False, stage=Stage.WAIT, paused=True)

    assert (found.upstream, found.origin) == (upstream, origin)


def test_our_own_lack_is_nobodys_fault():
    """Awake or not."""
    assert settled(K.OVERLOADED, blame=Blame.OURS, answered=True) == NEUTRAL


@pytest.mark.parametrize(
    ("fields", "origin"),
    [
        ({"answered": True}, V.HARD),
        ({"answered": True, "evidence": Evidence.WORDS}, V.HARD),
        ({"answered": True, "evidence": Evidence.REQUEST}, V.NEUTRAL),
        ({"answered": True, "stage": Stage.VALIDATE}, V.HARD),
        ({"stage": Stage.WAIT}, V.HARD),
        ({"stage": Stage.VALIDATE}, V.SUCCESS),
    ],
)
def test_who_answers_in_between_is_no_success_of_the_origin(fields, origin):
    """A gateway's own page says that the way is barred, unless this request alone was refused."""
    assert settled(K.OVERLOADED, blame=Blame.HOP, **fields).origin is origin


@pytest.mark.parametrize("kind", [K.FORBIDDEN, K.MODEL_GONE, K.UNDERSIZED, K.AUTH, K.QUOTA])
def test_what_only_words_say_counts_and_does_not_act_at_once(kind):
    """Whether the kind opens or holds; what does neither counts as its row says."""
    found = settled(kind, evidence=Evidence.WORDS)

    assert (found.upstream, found.opens, found.hold) == (V.HARD, None, None)
    assert settled(K.INVALID, evidence=Evidence.WORDS).upstream is V.NEUTRAL


def test_what_may_be_about_this_request_alone_touches_nobody_else():
    """Whatever its kind."""
    assert settled(K.FORBIDDEN, evidence=Evidence.REQUEST, answered=True) == Settlement(V.NEUTRAL, V.SUCCESS)


def test_a_model_that_has_another_route_is_not_closed():
    """It is asked by that next, even where quick retries are switched off."""
    other = Failure(kind=K.UNDERSIZED, message="failed", other_route=True)

    assert settled(K.UNDERSIZED, other_route=True).opens is None
    assert may_retry_quickly(other, seconds=100, policy=RetryPolicy(quick=False), timeout_given=False)


@pytest.mark.parametrize(
    ("kind", "fields", "may"),
    [
        (K.CONNECT, {}, True),
        (K.CONNECT, {"timed_out": True}, False),
        (K.OVERLOADED, {}, True),
        (K.OVERLOADED, {"hint": 3}, False),
        (K.OVERLOADED, {"seconds": 60}, True),
        (K.RATE_LIMITED, {}, True),
        (K.RATE_LIMITED, {"hint": 3}, False),
        (K.SERVER_ERROR, {}, True),
        (K.SERVER_ERROR, {"hint": 3}, False),
        (K.SERVER_ERROR, {"seconds": 10}, True),
        (K.SERVER_ERROR, {"seconds": 10.1}, False),
        (K.TIMEOUT, {}, False),
        (K.TIMEOUT, {"on_timeout": True}, False),
        (K.TIMEOUT, {"on_timeout": True, "timeout_given": True}, True),
        (K.TIMEOUT, {"timeout_given": True}, False),
        (K.DISCONNECTED, {}, False),
        (K.AUTH, {}, False),
        (K.MODERATED, {}, False),
    ],
)
def test_who_is_asked_once_more(kind, fields, may):
    """What the row says, never after a hint, never where something may be billed unless allowed."""
    seconds, given = fields.pop("seconds", 2), fields.pop("timeout_given", False)
    policy = RetryPolicy(on_timeout=fields.pop("on_timeout", False))
    failure = Failure(kind=kind, message="failed", **fields)

    assert may_retry_quickly(failure, seconds=seconds, policy=policy, timeout_given=given) is may


def test_quick_retries_may_be_switched_off():
    """`retry.quick = false`."""
    failure = Failure(kind=K.CONNECT, message="failed")

    assert not may_retry_quickly(failure, seconds=1, policy=RetryPolicy(quick=False), timeout_given=True)


@pytest.mark.parametrize(
    ("kind", "stage", "price", "billing"),
    [
        (None, Stage.DONE, "0.09", Billing.BILLED),
        (None, Stage.DONE, None, Billing.BILLED),
        (None, Stage.DONE, "0", Billing.FREE),
        (K.TIMEOUT, Stage.CONNECT, "0.09", Billing.FREE),
        (K.TIMEOUT, Stage.SEND, "0.09", Billing.AMBIGUOUS),
        (K.TIMEOUT, Stage.WAIT, "0.09", Billing.AMBIGUOUS),
        (K.TIMEOUT, Stage.WAIT, "0", Billing.FREE),
        (K.EMPTY, Stage.CONNECT, "0.09", Billing.BILLED),
        (K.OVERLOADED, Stage.WAIT, "0.09", Billing.FREE),
    ],
)
def test_what_was_billed(kind, stage, price, billing):
    """Nothing before SEND or where the price is 0, else as the outcome says."""
    outcome = Failure(kind=kind, message="failed") if kind else PICTURE

    assert billing_of(outcome, stage=stage, price=price and Decimal(price)) is billing


@pytest.mark.parametrize(
    ("billing", "price", "cost"),
    [
        (Billing.FREE, "0.09", Cost(currency="EUR")),
        (Billing.FREE, None, Cost(currency="EUR")),
        (Billing.BILLED, "0.09", Cost(certain=Decimal("0.27"), currency="EUR")),
        (Billing.BILLED, None, Cost(certain=None, currency="EUR")),
        (Billing.AMBIGUOUS, "0.09", Cost(possible=Decimal("0.27"), currency="EUR")),
        (Billing.AMBIGUOUS, None, Cost(possible=None, currency="EUR")),
    ],
)
def test_what_it_cost(billing, price, cost):
    """By the picture; what is unknown is None, never 0."""
    assert cost_of(billing, price and Decimal(price), 3, "EUR") == cost
