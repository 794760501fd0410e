"""What holds of every decision, whatever the planner is shown."""

from decimal import Decimal
from math import inf

import pytest
from attrs import evolve
from hypothesis import event, given, settings
from hypothesis import strategies as st

from pixroute.health.scopes import ADMITS, AdmissionStatus, Block
from pixroute.health.states import OpenReason
from pixroute.latency import Quantiles
from pixroute.outcome import Billing, Failure, FailureKind, Next
from pixroute.policy import Policy, RetryPolicy
from pixroute.routing.plan import plan
from pixroute.routing.reserve import default_budget, hindrance, possibly_billed, reserve, worst_cost
from pixroute.routing.view import MOST_IN_FLIGHT, SLACK, Candidate, Round, Start, Stop, Tried, Verdict, View, Wait

NOW = 1000.0
NEVER_STARTED = (Verdict.UNSUPPORTED, Verdict.DISABLED, Verdict.PLAINTEXT)
SECONDS = st.sampled_from([0.0, SLACK, 0.5, 5.0, 45.0, 120.0, 163.75, 200.0, 375.0, 643.75, 1500.0])
KINDS = [kind for kind in FailureKind if kind is not FailureKind.SKIPPED]
BLOCKED = [
    AdmissionStatus(admits=False, block=block, until=until, reason=reason)
    for block in Block
    for until, reason in ((None, None), (NOW - 1, OpenReason.STREAK), (NOW + 30, OpenReason.STALL), (NOW + 900, None))
]
STANDINGS = st.sampled_from([*[ADMITS] * 2 * len(BLOCKED), AdmissionStatus(admits=True, throttled=True), *BLOCKED])
FAST, SLOW, SURE = Quantiles(18, 27, 40), Quantiles(120, 170, 250), Quantiles(1, 1, 1)
CANDIDATES = st.builds(
    Candidate,
    name=st.just("p"),
    upstream=st.sampled_from("uvw"),
    account=st.sampled_from("ab"),
    timeout=st.sampled_from([60.0, 300.0, 600.0]),
    expected=st.sampled_from([FAST, SLOW, SURE]),
    hedge_after=st.sampled_from([inf, 20.0, 375.0]),
    price=st.sampled_from([None, Decimal(0), Decimal("0.04"), Decimal("0.09")]),
    barred=st.sampled_from([*[None] * 9, *NEVER_STARTED]),
    abilities=st.sampled_from([1, 2]),
    waits_when_full=st.booleans(),
    group=st.sampled_from([None, None, 0, 1]),
)


@st.composite
def attempts(draw, chain, round_):
    """An attempt on one of these, ended or not."""
    index, started, join_at = draw(st.integers(0, len(chain) - 1)), NOW - draw(SECONDS), NOW - 50 + draw(SECONDS)
    begun = Tried(
        index=index,
        round=round_,
        started=started,
        ends_at=started + 600,
        join_at=join_at,
        join_free_at=join_at + draw(SECONDS),
        may_be_billed=chain[index].price != 0,
    )
    if draw(st.integers(0, 2)) == 0:
        return begun
    failure = Failure(kind=draw(st.sampled_from(KINDS)), message="failed")
    return evolve(
        begun,
        round=draw(st.integers(0, round_)),
        ended=max(started, NOW - draw(SECONDS)),
        failure=failure,
        may_be_billed=possibly_billed(failure, chain[index].price),
        retry_at=draw(st.sampled_from([None, None, NOW - 1, NOW + 0.5])),
    )


@st.composite
def views(draw):
    """Any chain, any past, any health; what was spent is within the limits, as plans before this one kept it."""
    chain = tuple(draw(st.lists(CANDIDATES, min_size=1, max_size=4)))
    round_ = draw(st.sampled_from([0, 0, 0, 1, 3]))
    tried = draw(st.lists(attempts(chain, round_), max_size=4))
    live = [each for each in tried if each.ended is None]
    tried = [each for each in tried if each not in live[MOST_IN_FLIGHT:]]
    billed = sum(each.may_be_billed for each in tried)
    return View(
        now=NOW,
        deadline=NOW + draw(SECONDS),
        candidates=chain,
        statuses=tuple(draw(STANDINGS) for _ in chain),
        policy=Policy(
            max_attempts=max(1, len(tried) + draw(st.sampled_from([0, 1, 5]))),
            max_possibly_billed=max(1, billed + draw(st.sampled_from([0, 1, 5]))),
            on_moderated=draw(st.sampled_from(["stop", "next"])),
            retry=RetryPolicy(rounds=draw(st.sampled_from([(), (5.0, 15.0, 45.0)]))),
        ),
        tried=tuple(tried),
        round=round_,
        round_jitter=draw(st.sampled_from([0.0, 0.9])),
        money_left=draw(st.sampled_from([None, None, Decimal(0), Decimal("0.05"), Decimal(1)])),
        hedge_allowed=draw(st.booleans()),
    )


def in_flight(view):
    """Give the attempts in flight."""
    return [tried for tried in view.tried if tried.ended is None]


several = settings(max_examples=150)
pytestmark = pytest.mark.slow  # hundreds of views


@several
@given(views())
def test_the_same_view_gives_the_same_plan(view):
    """Pure: nothing is remembered, drawn or read; and every provider has a verdict."""
    decided = plan(view)

    assert plan(evolve(view)) == decided
    assert len(decided.verdicts) == len(view.candidates)


@several
@given(views())
def test_what_the_past_says_is_what_the_attempts_say(view):
    """Read once or anew: who is in flight, what may be billed, who was asked, whom a failure puts behind others."""
    past, this_round = view.past, [each for each in view.tried if each.round == view.round]
    put_off = [
        each.index
        for each in this_round
        if each.failure and (view.round > 0 or each.failure.reaction.next is Next.OTHER_UPSTREAMS_FIRST)
    ]

    assert list(past.live) == in_flight(view)
    assert past.billed == sum(each.may_be_billed for each in view.tried)
    assert past.asked == {each.index for each in this_round}
    assert past.last == {each.index: each for each in view.tried}
    assert list(past.put_off) == put_off


@several
@given(views())
def test_only_who_is_admitted_and_able_is_started_in_time_and_within_the_limits(view):
    """Standing, bar, deadline, attempts, billed attempts, money."""
    action = plan(view).action
    event(type(action).__name__)
    if not isinstance(action, Start):
        return
    chosen, status = view.candidates[action.index], view.statuses[action.index]

    assert status.admits
    assert chosen.barred is None
    assert action.ends_at <= min(view.deadline, view.now + chosen.timeout) + SLACK
    assert action.ends_at >= view.now + min(chosen.timeout, chosen.expected.p50) - 2 * SLACK
    assert action.join_at <= action.join_free_at
    assert action.join_at == inf or action.join_at <= view.deadline
    assert len(view.tried) < view.policy.max_attempts
    if chosen.price != 0:
        assert sum(tried.may_be_billed for tried in view.tried) < view.policy.max_possibly_billed
        assert view.money_left is None or chosen.price <= view.money_left


@several
@given(views())
def test_who_joins_is_of_another_upstream_and_not_throttled(view):
    """At most two are in flight, and the first was given its time."""
    action, live = plan(view).action, in_flight(view)
    if not isinstance(action, Start):
        return

    assert action.hedge == bool(live)
    assert len(live) < MOST_IN_FLIGHT
    for tried in live:
        assert view.candidates[tried.index].upstream != view.candidates[action.index].upstream
        assert not view.statuses[action.index].throttled


@several
@given(views())
def test_a_wait_is_for_a_time_to_come_or_for_what_wakes_it(view):
    """No busy loop: never for now, and never for ever without anything that could end it."""
    action = plan(view).action
    if not isinstance(action, Wait):
        return

    assert action.until > view.now
    assert action.until < inf or in_flight(view)
    for index in action.on:
        assert not view.statuses[index].admits
        assert action.until <= view.deadline


@several
@given(views())
def test_a_group_is_waited_for_as_one(view):
    """Nobody waits for a slot of one while another of its group, that may start as well, has one."""
    decided = plan(view)
    action = decided.action
    if not isinstance(action, Wait) or action.why is not Verdict.FULL or in_flight(view):
        return
    first = action.on[0]
    group = view.candidates[first].group
    mates = [place for place, candidate in enumerate(view.candidates) if candidate.group == group is not None]

    ready = [place for place in mates if decided.verdicts[place] is Verdict.READY]
    event(f"{len(mates)} mates")
    assert decided.verdicts[first] is Verdict.SIBLING or not ready


@several
@given(views())
def test_a_round_or_a_stop_is_for_a_part_with_nothing_in_flight(view):
    """What is in flight may still bring a picture; and no round begins where something may be billed."""
    action = plan(view).action
    if isinstance(action, Start | Wait):
        return

    assert not in_flight(view)
    if isinstance(action, Round):
        assert not any(tried.may_be_billed for tried in view.tried)
        assert view.now <= action.until < view.deadline
        assert view.round < len(view.policy.retry.rounds)
    elif action.retry_after is not None:
        assert action.retry_after >= 0


@several
@given(views(), st.integers(0, 4), st.sampled_from(NEVER_STARTED))
def test_who_cannot_serve_changes_nothing_for_the_others(view, place, reason):
    """With and without a barred provider the same is done, and the same is found of everybody else."""
    place = min(place, len(view.candidates))
    barred = Candidate(
        name="barred",
        upstream="u",
        account="a",
        timeout=600,
        expected=Quantiles(1, 1, 1),
        barred=reason,
        price=Decimal(1),
    )
    more = evolve(
        view,
        candidates=(*view.candidates[:place], barred, *view.candidates[place:]),
        statuses=(*view.statuses[:place], ADMITS, *view.statuses[place:]),
        tried=tuple(evolve(tried, index=tried.index + (tried.index >= place)) for tried in view.tried),
    )

    decided, without = plan(more), plan(view)

    assert decided.verdicts == (*without.verdicts[:place], reason, *without.verdicts[place:])
    assert _shifted(without.action, place) == decided.action
    assert default_budget(view) == default_budget(more)
    assert worst_cost(view) == worst_cost(more)


def _shifted(action, place):
    if isinstance(action, Start):
        return evolve(action, index=action.index + (action.index >= place))
    if isinstance(action, Wait):
        return evolve(action, on=tuple(index + (index >= place) for index in action.on))
    return action


@several
@given(views(), st.floats(0, 3000))
def test_a_reserve_is_kept_if_and_only_if_nothing_hinders_somebody(view, remaining):
    """What `explain` says of a reserve of 0 is the planner's own reason."""
    for index, own in enumerate(view.candidates):
        later = range(index + 1, len(view.candidates))
        free = [one for one in later if hindrance(view, index, one, remaining) is None]
        left = remaining - (own.expected.p50 if own.known else min(own.expected.p50, view.budget / 4))

        assert (reserve(view, index, remaining) > 0) == (bool(free) and left > 0)


@several
@given(views(), st.floats(0, 3000))
def test_a_reserve_is_nothing_or_what_some_other_upstream_needs(view, remaining):
    """And its P95 fits into what remains."""
    for index, own in enumerate(view.candidates):
        kept = reserve(view, index, remaining)

        assert kept == 0 or any(
            kept == 1.25 * other.expected.p95 + 10
            and other.upstream != own.upstream
            and other.expected.p95 <= remaining
            for other in view.candidates[index + 1 :]
        )


@several
@given(views())
def test_more_money_never_stops_a_start(view):
    """Whoever may start with a limit may start without one."""
    limited, free = plan(view), plan(evolve(view, money_left=None))

    if isinstance(free.action, Stop):
        assert isinstance(limited.action, Stop)


@several
@given(views())
def test_a_final_failure_starts_nothing(view):
    """Declined content under `on_moderated = "stop"`."""
    declined = Failure(kind=FailureKind.MODERATED, message="declined", billing=Billing.BILLED)
    final = Tried(
        index=0, round=0, started=NOW - 9, ends_at=NOW, join_at=NOW, join_free_at=NOW, ended=NOW - 1, failure=declined
    )

    action = plan(evolve(view, tried=(*view.tried, final), policy=evolve(view.policy, on_moderated="stop"))).action

    assert action == (Wait(inf) if in_flight(view) else Stop())
