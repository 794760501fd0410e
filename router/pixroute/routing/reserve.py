"""How much time and money a request has: its default deadline, the reserve, the worst cost (semantics §3)."""

from __future__ import annotations

from decimal import Decimal
from math import inf

from attrs import evolve

from pixroute.outcome import Billing, Failure
from pixroute.routing.verdicts import excluded, short_of_money, shortest, would_admit
from pixroute.routing.view import Candidate, Tried, Verdict, View

MARGIN = 30.0
"""Seconds that the default deadline adds to the first attempt and the reserve."""


def default_budget(view: View) -> float:
    """Give the seconds a whole request has where the caller says none: `T + reserve + 30` of the first not skipped."""
    usable = [index for index, candidate in enumerate(view.candidates) if candidate.barred is None]
    affordable = [index for index in usable if short_of_money(view, view.candidates[index]) is None]
    ready = [index for index in affordable if would_admit(view.statuses[index])]
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
        if view.candidates[later].upstream != own.upstream and hindrance(view, index, later, remaining) is None:
            return min(left, _kept_for(view, view.candidates[later]))
    return 0.0


def hindrance(view: View, index: int, later: int, remaining: float) -> Verdict | None:
    """Say why no time is kept for a later provider while `index` is tried; None: it is."""
    own, other = view.candidates[index], view.candidates[later]
    if other.upstream == own.upstream:
        return Verdict.SAME_UPSTREAM
    if other.barred is not None:
        return other.barred
    if view.tried and (later in view.past.last or excluded(view, later) is not None):
        return Verdict.TRIED
    if not would_admit(view.statuses[later]):
        return Verdict.HOLD
    needed = shortest(view, other)
    if (other.expected.p95 if other.known else needed) > remaining or needed > remaining - shortest(view, own):
        return Verdict.NO_TIME
    return short_of_money(view, other, beside=own)


def _kept_for(view: View, candidate: Candidate) -> float:
    if not candidate.known:
        return shortest(view, candidate)
    return view.policy.reserve_factor * candidate.expected.p95 + view.policy.reserve_extra


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
    viable = [each for each in view.candidates if each.barred is None and short_of_money(view, each) is None]
    prices = [candidate.price for candidate in viable]
    if None in prices:
        return None
    dearest = sorted((price for price in prices if price is not None), reverse=True)
    # A part may be billed by one provider more than once only by a retry after AMBIGUOUS, which needs permission.
    total = sum(dearest[: view.policy.max_possibly_billed], start=Decimal(0))
    return total if view.money_left is None else min(total, view.money_left)


def possibly_billed(failure: Failure | None, price: Decimal | None) -> bool:
    """Tell whether an ended attempt counts against `max_possibly_billed`; a price known to be 0 never does."""
    return price != 0 and (failure is None or failure.billing is not Billing.FREE)
