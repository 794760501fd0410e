"""The one place where "what next?" is decided: pure.

`plan` looks at one part of a request (a `View`) and says what to do now: start an attempt, wait, begin another round,
or stop. Retry, fallback, hedge, wait and stop are one decision over everything known, so that nested loops, which
multiply, cannot be written. It does no I/O, reads no clock and draws no randomness: all of that comes in by the view.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    Ruling,
    Start,
    Stop,
    Tried,
    View,
    Wait,
)


def plan(view: View) -> Plan:
    """Decide what to do now."""
    live = [tried for tried in view.tried if tried.ended is None]
    rulings = tuple([rule(view, index, live) for index in range(len(view.candidates))])
    if any(_is_final(tried.failure, view.policy) for tried in view.tried):
        return Plan(Wait(inf) if live else Stop(), rulings)
    if len(live) >= MOST_IN_FLIGHT:
        return Plan(Wait(inf), rulings)
    if live and (joins_at := _next_join(view, live[0])) > view.now + SLACK:
        return Plan(Wait(joins_at), rulings)
    return Plan(_choose(view, rulings, live), rulings)


def _next_join(view: View, tried: Tried) -> float:
    """Give the time from which a fallback may join this attempt."""
    due = tried.join_at if view.purse else tried.join_free_at
    standing = view.standings[tried.index]
    if standing.block is Block.OPEN and standing.reason in _SILENT:
        due = min(due, tried.started + view.candidates[tried.index].expected.p95)
    return due


_SILENT = (OpenReason.OVERDUE, OpenReason.STALL)


# What is chosen


def _choose(view: View, rulings: tuple[Ruling, ...], live: list[Tried]) -> Action:
    for index in _in_order_of_preference(view, rulings):
        retry_at = pending_retry(view, index)
        if retry_at is not None and retry_at > view.now + SLACK:
            return Wait(retry_at, (), Ruling.RETRY)
        if not view.standings[index].admits:
            return Wait(_latest_start(view, index), (index,), Ruling.FULL)
        return _start(view, index, retry=retry_at is not None, hedge=bool(live))
    return _wait_or_stop(view, rulings, live)


def _in_order_of_preference(view: View, rulings: tuple[Ruling, ...]) -> Iterator[int]:
    """Give the providers that may start: a quick retry, then other upstreams, then siblings, each in chain order."""
    startable = [index for index, ruling in enumerate(rulings) if ruling in _STARTABLE]
    yield from (index for index in startable if pending_retry(view, index) is not None)
    ready = [index for index in startable if view.standings[index].admits or view.candidates[index].waits_when_full]
    yield from (index for index in ready if rulings[index] is not Ruling.SIBLING)
    if view.round == 0:
        yield from (index for index in ready if rulings[index] is Ruling.SIBLING)


_STARTABLE = (Ruling.READY, Ruling.FULL, Ruling.SIBLING)


def _start(view: View, index: int, *, retry: bool, hedge: bool) -> Start:
    candidate, remaining = view.candidates[index], view.remaining
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


def _wait_or_stop(view: View, rulings: tuple[Ruling, ...], live: list[Tried]) -> Action:
    on = tuple(index for index, ruling in enumerate(rulings) if _is_worth_waiting_for(view, index, ruling, live))
    latest = max((_latest_start(view, index) for index in on), default=inf)
    if live:
        return Wait(latest, on)
    if not any(rulings[index] is Ruling.FULL for index in on):  # a slot is waited for as long as it is of use
        latest = min(latest, view.now + view.patience)
    round_at = _round_at(view, rulings)
    if on and round_at > view.now + SLACK:
        return Wait(min(latest, round_at), on, rulings[on[0]])
    if round_at < inf:
        return Round(max(round_at, view.now))
    return Stop(_retry_after(view))


def _is_worth_waiting_for(view: View, index: int, ruling: Ruling, live: list[Tried]) -> bool:
    if ruling not in _WAITED_FOR or hindered(view, index, live) is not None:
        return False
    latest = _latest_start(view, index)
    if not live and ruling is not Ruling.FULL:
        latest = min(latest, view.now + view.patience - SLACK)
    return (view.standings[index].until or view.now) <= latest


_WAITED_FOR = (Ruling.OPEN, Ruling.FORCED, Ruling.PROBING, Ruling.FULL, Ruling.SIBLING)


def _latest_start(view: View, index: int) -> float:
    return view.deadline - shortest(view, view.candidates[index])


def _round_at(view: View, rulings: tuple[Ruling, ...]) -> float:
    """Give the time of the next round; inf if there is to be none."""
    waits = view.policy.retry.rounds
    ended = [tried for tried in view.tried if tried.round == view.round]
    if view.round >= len(waits) or not ended or any(tried.may_be_billed for tried in view.tried):
        return inf
    if not any(tried.failure and tried.failure.reaction.repeats_rounds for tried in ended):
        return inf
    last = max(tried.ended for tried in ended if tried.ended is not None)
    at = last + waits[view.round] * (1 + 0.2 * view.round_jitter)
    if at > view.now + view.patience:
        return inf
    again = (Ruling.TRIED, Ruling.SIBLING)
    possible = any(
        ruling in again
        and at <= _latest_start(view, index) + SLACK
        and short_of_money(view, view.candidates[index]) is None
        for index, ruling in enumerate(rulings)
    )
    return at if possible else inf


def _retry_after(view: View) -> float | None:
    times = [
        standing.until - view.now
        for candidate, standing in zip(view.candidates, view.standings, strict=True)
        if candidate.barred is None and standing.until is not None and standing.until < inf
    ]
    return max(0.0, min(times)) if times else None


def _is_final(failure: Failure | None, policy: Policy) -> bool:
    if failure is None:
        return False
    return failure.stops or (failure.kind is FailureKind.MODERATED and policy.on_moderated == "stop")
