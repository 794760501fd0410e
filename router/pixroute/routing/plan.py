"""The one place where "what next?" is decided: pure.

`plan` looks at one part of a request (a `View`) and says what to do now: start an attempt, wait, begin another round,
or stop. Retry, fallback, hedge, wait and stop are one decision over everything known, so that nested loops, which
multiply, cannot be written. It does no I/O, reads no clock and draws no randomness: all of that comes in by the view.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from decimal import Decimal
from enum import Enum
from math import inf

from attrs import evolve, frozen

from pixroute.health.scopes import Block, Standing
from pixroute.health.states import OpenReason
from pixroute.outcome import Billing, Failure, FailureKind, Next
from pixroute.policy import Policy
from pixroute.provider import Quantiles

SLACK = 0.001
"""Seconds within which two times are the same; no clock is finer than that (a timer may fire early by as much)."""
MARGIN = 30.0
"""Seconds that the default deadline adds to the first attempt and the reserve."""
MOST_IN_FLIGHT = 2


class Ruling(Enum):
    """What the planner found of one provider; the text is for people."""

    READY = "may start"
    IN_FLIGHT = "in flight"
    RETRY = "is asked once more in a moment"
    TRIED = "was asked already"
    UNSUPPORTED = "cannot serve this request"
    BROKEN = "its plugin raised; the log has its text"
    DISABLED = "is disabled"
    PLAINTEXT = "is plaintext and the request is sensitive"
    HOLD = "its account is on hold"
    OPEN = "its breaker is open"
    FORCED = "an operator has forced its breaker open"
    PROBING = "its breaker is half-open and all places are taken"
    FULL = "all its slots are taken"
    SIBLING = "shares the upstream that just failed; others come first"
    SAME_UPSTREAM = "shares the upstream that cannot serve this request"
    SAME_ACCOUNT = "shares the account that was refused"
    SAME_ABILITIES = "can do no more than the provider that called the request invalid"
    NOT_BESIDE = "may not join the attempt in flight"
    NO_TIME = "cannot finish in the time left"
    NO_MONEY = "costs more than is left"
    NO_PRICE = "has no known price and a cost limit is set"
    SPENT = "as many attempts as allowed may already be billed"
    ATTEMPTS = "as many attempts as allowed were made"


NOT_NEEDED = frozenset({Ruling.READY, Ruling.NOT_BESIDE})
"""Rulings of those who were not asked only because another delivered."""


@frozen(kw_only=True)
class Candidate:
    """A provider of the chain, as the planner sees it.

    Times in seconds: `timeout` of one attempt, `expected` its quantiles, `hedge_after` until a fallback may join
    (inf: "off"). With `known` false the quantiles are guesses from the time-out.
    `barred` is set where the request cannot go there whatever happens. `price` None is unknown.
    Candidates with equal `abilities` can do the same.
    """

    name: str
    upstream: str
    account: str
    timeout: float
    expected: Quantiles
    known: bool = True
    hedge_after: float = inf
    price: Decimal | None = None
    barred: Ruling | None = None
    abilities: Hashable = None
    waits_when_full: bool = True


@frozen(kw_only=True)
class Tried:
    """An attempt so far; `ended` None: in flight. `retry_at` is set where a quick retry may follow it."""

    index: int
    round: int
    started: float
    ends_at: float
    join_at: float
    join_free_at: float
    ended: float | None = None
    failure: Failure | None = None
    may_be_billed: bool = True
    retry: bool = False
    retry_at: float | None = None


@frozen(kw_only=True)
class View:
    """Everything known about one part of a request at one instant.

    `budget`: seconds that the whole request has from the call on; inf while that is not decided.
    `candidates` and `standings` go by the chain's order. `round_jitter` in [0, 1). `money_left` None: no limit.
    `purse`: whether a hedge below P99 may be drawn. `patience`: seconds that it may still wait while nobody admits it.
    """

    now: float
    deadline: float
    candidates: tuple[Candidate, ...]
    standings: tuple[Standing, ...]
    policy: Policy
    tried: tuple[Tried, ...] = ()
    round: int = 0
    round_jitter: float = 0.0
    money_left: Decimal | None = None
    purse: bool = True
    patience: float = inf
    budget: float = inf

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.now


@frozen
class Start:
    """Start an attempt on the candidate `index`.

    A fallback may join it from `join_at`, if that draws nothing from the purse or the purse can pay; in any case from
    `join_free_at`. It is cut at `ends_at`.
    """

    index: int
    join_at: float
    join_free_at: float
    ends_at: float
    retry: bool = False
    hedge: bool = False


@frozen
class Wait:
    """Wait until `until`, the end of an attempt, or a place at one of the candidates `on`; `why` is theirs."""

    until: float
    on: tuple[int, ...] = ()
    why: Ruling | None = None


@frozen
class Round:
    """Begin the chain again at `until`."""

    until: float


@frozen
class Stop:
    """Nothing can deliver any more; `retry_after` seconds from now a provider may admit again, where known."""

    retry_after: float | None = None


Action = Start | Wait | Round | Stop


@frozen
class Plan:
    """A decision and what was found of every provider."""

    action: Action
    rulings: tuple[Ruling, ...]


def plan(view: View) -> Plan:
    """Decide what to do now."""
    live = [tried for tried in view.tried if tried.ended is None]
    rulings = tuple(_rule(view, index, live) for index in range(len(view.candidates)))
    if any(_is_final(tried.failure, view.policy) for tried in view.tried):
        return Plan(Wait(inf) if live else Stop(), rulings)
    if len(live) >= MOST_IN_FLIGHT:
        return Plan(Wait(inf), rulings)
    if live and (joins_at := _next_join(view, live[0])) > view.now + SLACK:
        return Plan(Wait(joins_at), rulings)
    return Plan(_choose(view, rulings, live), rulings)


def default_budget(view: View) -> float:
    """Give the seconds a whole request has where the caller says none: `T + reserve + 30` of the first not skipped."""
    usable = [index for index, candidate in enumerate(view.candidates) if candidate.barred is None]
    affordable = [index for index in usable if _short_of_money(view, view.candidates[index]) is None]
    ready = [index for index in affordable if _admits(view.standings[index])]
    first = next(iter(ready or affordable or usable), None)
    if first is None:
        return MARGIN
    return view.candidates[first].timeout + reserve(view, first, inf) + MARGIN


def reserve(view: View, index: int, remaining: float) -> float:
    """Give the seconds kept for a fallback while `index` is tried: `1.25·P95 + 10` of the next on another upstream.

    Counted is who has not failed in this request, whom capability, health and money would still admit beside it, and
    whose P95 fits into what remains; 0 if there is none. Of one whose times are unknown it is the P50 that counts and
    is kept. No more is kept than what `index` leaves by its own P50, and nothing that would not do for a start.
    """
    own = view.candidates[index]
    left = remaining - shortest(view, own)
    for later in range(index + 1, len(view.candidates)):
        other = view.candidates[later]
        if (
            other.upstream != own.upstream
            and other.barred is None
            and not (view.tried and _was_asked_or_excluded(view, later))
            and _admits(view.standings[later])
            and (other.expected.p95 if other.known else shortest(view, other)) <= remaining
            and shortest(view, other) <= left
            and _short_of_money(view, other, beside=own) is None
        ):
            return min(left, _kept_for(view, other))
    return 0.0


def shortest(view: View, candidate: Candidate) -> float:
    """Give the seconds without which it does not start: its P50; unknown, a quarter of the whole budget at most."""
    p50 = candidate.expected.p50
    return p50 if candidate.known else min(p50, view.budget / 4)


def _kept_for(view: View, candidate: Candidate) -> float:
    if not candidate.known:
        return shortest(view, candidate)
    return view.policy.reserve_factor * candidate.expected.p95 + view.policy.reserve_extra


def _was_asked_or_excluded(view: View, index: int) -> bool:
    return any(tried.index == index for tried in view.tried) or _excluded(view, index) is not None


def leave_out(view: View, tried: Tried, pause: float) -> Tried:
    """Move an attempt's age and limits on by a pause of the machine, but no limit beyond what the deadline leaves.

    `view` knows the pause: a deadline of ours has moved, one of the caller's has not.
    """
    last = view.deadline - reserve(view, tried.index, view.remaining)
    joins = view.candidates[tried.index].hedge_after < inf
    return evolve(
        tried,
        started=tried.started + pause,
        ends_at=_moved(tried.ends_at, pause, view.deadline if joins else last),
        join_at=_moved(tried.join_at, pause, last),
        join_free_at=_moved(tried.join_free_at, pause, last),
    )


def _moved(at: float, pause: float, last: float) -> float:
    return min(at + pause, max(at, last))


def worst_cost(view: View) -> Decimal | None:
    """Give the most that this part may cost: its `max_possibly_billed` dearest viable prices; None if unknown."""
    viable = [each for each in view.candidates if each.barred is None and _short_of_money(view, each) is None]
    prices = [candidate.price for candidate in viable]
    if None in prices:
        return None
    dearest = sorted((price for price in prices if price is not None), reverse=True)
    # A part may be billed by one provider more than once only by a retry after AMBIGUOUS, which needs permission.
    total = sum(dearest[: view.policy.max_possibly_billed], start=Decimal(0))
    return total if view.money_left is None else min(total, view.money_left)


# What is found of one provider


def _rule(view: View, index: int, live: list[Tried]) -> Ruling:
    candidate, standing = view.candidates[index], view.standings[index]
    if candidate.barred is not None:
        return candidate.barred
    excluded = _excluded(view, index) if view.tried else None
    if excluded is not None:
        return excluded
    if not standing.admits and standing.block is not Block.SLOT:
        return _BLOCKED[standing.block] if standing.block else Ruling.OPEN
    hindered = _hindered(view, index, live)
    if hindered is not None:
        return hindered
    if view.tried and _is_sibling(view, index):
        return Ruling.SIBLING
    return Ruling.READY if standing.admits else Ruling.FULL


def _hindered(view: View, index: int, live: list[Tried]) -> Ruling | None:
    """Say what would keep this provider even if it had a place; nobody waits for a place that he could not use."""
    candidate, standing = view.candidates[index], view.standings[index]
    if live and not _may_join(view, index, live):
        return Ruling.NOT_BESIDE
    short = _short_of_money(view, candidate)
    if short is not None:
        return short
    least = shortest(view, candidate) + (-SLACK if standing.admits else SLACK)  # who must wait needs time to wait
    if view.remaining <= least:
        return Ruling.NO_TIME
    return Ruling.SIBLING if view.round > 0 and _is_sibling(view, index) else None


_BLOCKED = {
    Block.HOLD: Ruling.HOLD,
    Block.OPEN: Ruling.OPEN,
    Block.FORCED: Ruling.FORCED,
    Block.HALF_OPEN_FULL: Ruling.PROBING,
    Block.DISABLED: Ruling.DISABLED,
}


def _admits(standing: Standing) -> bool:
    return standing.admits or standing.block is Block.SLOT


def _excluded(view: View, index: int) -> Ruling | None:
    """Say why the attempts so far leave this provider out, until another round or for good."""
    candidate = view.candidates[index]
    for tried in view.tried:
        other, failure = view.candidates[tried.index], tried.failure
        if failure is None:  # in flight: a picture would have ended the part
            if tried.index == index:
                return Ruling.IN_FLIGHT
            continue
        after = failure.reaction.next
        if after is Next.OTHER_ACCOUNTS and other.account == candidate.account:
            return Ruling.SAME_ACCOUNT
        if after in (Next.NOT_SIBLINGS, Next.AS_POLICY_SAYS) and other.upstream == candidate.upstream:
            return Ruling.SAME_UPSTREAM
        if after is Next.OTHER_CAPABILITIES and other.abilities == candidate.abilities:
            return Ruling.SAME_ABILITIES
    if _pending_retry(view, index) is not None:
        return None
    asked = any(tried.index == index and tried.round == view.round for tried in view.tried)
    return Ruling.TRIED if asked else None


def _is_sibling(view: View, index: int) -> bool:
    """Tell whether this provider shares the upstream of a failure of this round that puts others first."""
    upstream = view.candidates[index].upstream
    return any(
        tried.failure is not None
        and tried.index != index
        and tried.round == view.round
        and view.candidates[tried.index].upstream == upstream
        and (view.round > 0 or tried.failure.reaction.next is Next.OTHER_UPSTREAMS_FIRST)
        for tried in view.tried
    )


def _pending_retry(view: View, index: int) -> float | None:
    """Give the time of this provider's quick retry, if one is to come."""
    for tried in reversed(view.tried):
        if tried.index == index:
            return tried.retry_at if tried.round == view.round else None
    return None


def _short_of_money(view: View, candidate: Candidate, beside: Candidate | None = None) -> Ruling | None:
    """Say what is missing to start this candidate, with another (`beside`) counted as in flight."""
    more = 0 if beside is None else 1
    if len(view.tried) + more >= view.policy.max_attempts:
        return Ruling.ATTEMPTS
    if candidate.price == 0:
        return None
    billed = sum(tried.may_be_billed for tried in view.tried) + (beside is not None and beside.price != 0)
    if billed >= view.policy.max_possibly_billed:
        return Ruling.SPENT
    if view.money_left is None:
        return None
    if candidate.price is None:
        return Ruling.NO_PRICE
    left = view.money_left - (beside.price if beside is not None and beside.price else 0)
    return Ruling.NO_MONEY if candidate.price > left else None


# Beside an attempt in flight


def _next_join(view: View, tried: Tried) -> float:
    """Give the time from which a fallback may join this attempt."""
    due = tried.join_at if view.purse else tried.join_free_at
    standing = view.standings[tried.index]
    if standing.block is Block.OPEN and standing.reason in _SILENT:
        due = min(due, tried.started + view.candidates[tried.index].expected.p95)
    return due


_SILENT = (OpenReason.OVERDUE, OpenReason.STALL)


def _may_join(view: View, index: int, live: list[Tried]) -> bool:
    upstream = view.candidates[index].upstream
    return not view.standings[index].throttled and all(
        view.candidates[tried.index].upstream != upstream for tried in live
    )


# What is chosen


def _choose(view: View, rulings: tuple[Ruling, ...], live: list[Tried]) -> Action:
    for index in _in_order_of_preference(view, rulings):
        retry_at = _pending_retry(view, index)
        if retry_at is not None and retry_at > view.now + SLACK:
            return Wait(retry_at, (), Ruling.RETRY)
        if not view.standings[index].admits:
            return Wait(_latest_start(view, index), (index,), Ruling.FULL)
        return _start(view, index, retry=retry_at is not None, hedge=bool(live))
    return _wait_or_stop(view, rulings, live)


def _in_order_of_preference(view: View, rulings: tuple[Ruling, ...]) -> Iterator[int]:
    """Give the providers that may start: a quick retry, then other upstreams, then siblings, each in chain order."""
    startable = [index for index, ruling in enumerate(rulings) if ruling in _STARTABLE]
    yield from (index for index in startable if _pending_retry(view, index) is not None)
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
    if ruling not in _WAITED_FOR or _hindered(view, index, live) is not None:
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
        and _short_of_money(view, view.candidates[index]) is None
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
    return failure is not None and failure.kind is FailureKind.MODERATED and policy.on_moderated == "stop"


def possibly_billed(failure: Failure | None, price: Decimal | None) -> bool:
    """Tell whether an ended attempt counts against `max_possibly_billed`; a price known to be 0 never does."""
    return price != 0 and (failure is None or failure.billing is not Billing.FREE)
