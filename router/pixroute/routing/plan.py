"""The one place where "what next?" is decided: pure.

`plan` looks at one part of a request (a `View`) and says what to do now: start an attempt, wait, begin another round,
or stop. Retry, fallback, hedge, wait and stop are one decision over everything known, so that nested loops, which
multiply, cannot be written. It does no I/O, reads no clock and draws no randomness: all of that comes in by the view.
"""

from __future__ import annotations

from math import inf

from pixroute.health.scopes import Block
from pixroute.health.states import OpenReason
from pixroute.outcome import Failure, FailureKind
from pixroute.policy import Policy
from pixroute.routing.reserve import reserve
from pixroute.routing.verdicts import hindered, pending_retry, rule, short_of_money, shortest
from pixroute.routing.view import (
    MOST_IN_FLIGHT,
    SLACK,
    Action,
    Plan,
    Round,
    Start,
    Stop,
    Tried,
    Verdict,
    View,
    Wait,
)


def plan(view: View) -> Plan:
    """Decide what to do now."""
    verdicts = tuple([rule(view, index) for index in range(len(view.candidates))])
    if not view.tried:
        return Plan(_choose(view, verdicts), verdicts)
    live = view.past.live
    if any(_is_final(tried.failure, view.policy) for tried in view.tried):
        return Plan(Wait(inf) if live else Stop(), verdicts)
    if len(live) >= MOST_IN_FLIGHT:
        return Plan(Wait(inf), verdicts)
    if live and (joins_at := _next_join(view, live[0])) > view.now + SLACK:
        return Plan(Wait(joins_at), verdicts)
    return Plan(_choose(view, verdicts), verdicts)


def _next_join(view: View, tried: Tried) -> float:
    """Give the time from which a fallback may join this attempt."""
    due = tried.join_at if view.hedge_allowed else tried.join_free_at
    status = view.statuses[tried.index]
    if status.block is Block.OPEN and status.reason in _SILENT:
        due = min(due, tried.started + view.candidates[tried.index].expected.p95)
    return due


_SILENT = (OpenReason.OVERDUE, OpenReason.STALL)


# What is chosen


def _choose(view: View, verdicts: tuple[Verdict, ...]) -> Action:
    index = _preferred(view, verdicts)
    if index is None:
        return _wait_or_stop(view, verdicts)
    retry_at = pending_retry(view, index)
    if retry_at is not None and retry_at > view.now + SLACK:
        return Wait(retry_at, (), Verdict.RETRY)
    if not view.statuses[index].admits:
        mates = _mates(view, verdicts, index)
        free = next((mate for mate in mates if view.statuses[mate].admits), None)
        if free is None:
            return Wait(_latest_start(view, index), mates, Verdict.FULL)
        return _start(view, free, retry=pending_retry(view, free) is not None)
    return _start(view, index, retry=retry_at is not None)


def _preferred(view: View, verdicts: tuple[Verdict, ...]) -> int | None:
    """Give the provider that is to start: a quick retry, then other upstreams, then siblings, each in chain order."""
    startable = [index for index, verdict in enumerate(verdicts) if verdict in _STARTABLE]
    if view.tried:
        for index in startable:
            if pending_retry(view, index) is not None:
                return index
    sibling = None
    for index in startable:
        if view.statuses[index].admits or view.candidates[index].waits_when_full:
            if verdicts[index] is not Verdict.SIBLING:
                return index
            if sibling is None and view.round == 0:
                sibling = index
    return sibling


def _mates(view: View, verdicts: tuple[Verdict, ...], index: int) -> tuple[int, ...]:
    """Give those of its group whose place is as good as its own, itself first: whoever has one first is asked."""
    group = view.candidates[index].group
    if group is None:
        return (index,)
    sibling = verdicts[index] is Verdict.SIBLING
    others = [
        place
        for place, (candidate, verdict) in enumerate(zip(view.candidates, verdicts, strict=True))
        if candidate.group == group
        and place != index
        and verdict in _STARTABLE
        and (verdict is Verdict.SIBLING) is sibling
        and (view.statuses[place].admits or candidate.waits_when_full)
        and ((retry_at := pending_retry(view, place)) is None or retry_at <= view.now + SLACK)
    ]
    return (index, *others)


_STARTABLE = (Verdict.READY, Verdict.FULL, Verdict.SIBLING)


def _start(view: View, index: int, *, retry: bool) -> Start:
    candidate, remaining, hedge = view.candidates[index], view.remaining, bool(view.past.live)
    kept = remaining - reserve(view, index, remaining)
    if candidate.hedge_after == inf:
        return Start(index, inf, inf, view.now + min(candidate.timeout, kept), retry, hedge)
    free_after = max(candidate.hedge_after, candidate.expected.p99)
    return Start(
        index,
        view.now + min(candidate.hedge_after, kept),
        view.now + min(free_after, kept),
        view.now + min(candidate.timeout, remaining),
        retry,
        hedge,
    )


def _wait_or_stop(view: View, verdicts: tuple[Verdict, ...]) -> Action:
    on = tuple(index for index, verdict in enumerate(verdicts) if _is_worth_waiting_for(view, index, verdict))
    latest = max((_latest_start(view, index) for index in on), default=inf)
    if view.past.live:
        return Wait(latest, on)
    if not any(verdicts[index] is Verdict.FULL for index in on):  # a slot is waited for as long as it is of use
        latest = min(latest, view.now + view.patience)
    round_at = _round_at(view, verdicts)
    if on and round_at > view.now + SLACK:
        return Wait(min(latest, round_at), on, verdicts[on[0]])
    if round_at < inf:
        return Round(max(round_at, view.now))
    return Stop(_retry_after(view))


def _is_worth_waiting_for(view: View, index: int, verdict: Verdict) -> bool:
    if verdict not in _WAITED_FOR or hindered(view, index) is not None:
        return False
    latest = _latest_start(view, index)
    if not view.past.live and verdict is not Verdict.FULL:
        latest = min(latest, view.now + view.patience - SLACK)
    return (view.statuses[index].until or view.now) <= latest


_WAITED_FOR = (Verdict.OPEN, Verdict.FORCED, Verdict.PROBING, Verdict.FULL, Verdict.SIBLING)


def _latest_start(view: View, index: int) -> float:
    return view.deadline - shortest(view, view.candidates[index])


def _round_at(view: View, verdicts: tuple[Verdict, ...]) -> float:
    """Give the time of the next round; inf if there is to be none."""
    waits = view.policy.retry.rounds
    ended = [tried for tried in view.tried if tried.round == view.round]
    if view.round >= len(waits) or not ended or view.past.billed:
        return inf
    if not any(tried.failure and tried.failure.reaction.repeats_rounds for tried in ended):
        return inf
    last = max(tried.ended for tried in ended if tried.ended is not None)
    at = last + waits[view.round] * (1 + 0.2 * view.round_jitter)
    if at > view.now + view.patience:
        return inf
    again = (Verdict.TRIED, Verdict.SIBLING)
    possible = any(
        verdict in again
        and at <= _latest_start(view, index) + SLACK
        and short_of_money(view, view.candidates[index]) is None
        for index, verdict in enumerate(verdicts)
    )
    return at if possible else inf


def _retry_after(view: View) -> float | None:
    times = [
        status.until - view.now
        for candidate, status in zip(view.candidates, view.statuses, strict=True)
        if candidate.barred is None and status.until is not None and status.until < inf
    ]
    return max(0.0, min(times)) if times else None


def _is_final(failure: Failure | None, policy: Policy) -> bool:
    if failure is None:
        return False
    return failure.stops or (failure.kind is FailureKind.MODERATED and policy.on_moderated == "stop")
