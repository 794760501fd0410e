"""What is found of one provider: whether it may start now, and if not, the first of what forbids it (semantics §3)."""

from __future__ import annotations

from pixroute.health.scopes import Block, Standing
from pixroute.outcome import Next
from pixroute.routing.view import SLACK, Candidate, Ruling, Tried, View


def rule(view: View, index: int, live: list[Tried]) -> Ruling:
    """Give the verdict on one provider; `live` are the attempts in flight."""
    candidate, standing = view.candidates[index], view.standings[index]
    if candidate.barred is not None:
        return candidate.barred
    ruled_out = excluded(view, index) if view.tried else None
    if ruled_out is not None:
        return ruled_out
    if not standing.admits and standing.block is not Block.SLOT:
        return _BLOCKED[standing.block] if standing.block else Ruling.OPEN
    hindrance = hindered(view, index, live)
    if hindrance is not None:
        return hindrance
    if view.tried and is_sibling(view, index):
        return Ruling.SIBLING
    return Ruling.READY if standing.admits else Ruling.FULL


def hindered(view: View, index: int, live: list[Tried]) -> Ruling | None:
    """Say what would keep this provider even if it had a place; nobody waits for a place that he could not use."""
    candidate, standing = view.candidates[index], view.standings[index]
    if live and not _may_join(view, index, live):
        return Ruling.NOT_BESIDE
    short = short_of_money(view, candidate)
    if short is not None:
        return short
    least = shortest(view, candidate) + (-SLACK if standing.admits else SLACK)  # who must wait needs time to wait
    if view.remaining <= least:
        return Ruling.NO_TIME
    return Ruling.SIBLING if view.round > 0 and is_sibling(view, index) else None


_BLOCKED = {
    Block.HOLD: Ruling.HOLD,
    Block.OPEN: Ruling.OPEN,
    Block.FORCED: Ruling.FORCED,
    Block.HALF_OPEN_FULL: Ruling.PROBING,
    Block.DISABLED: Ruling.DISABLED,
}


def would_admit(standing: Standing) -> bool:
    """Tell whether health admits an attempt, now or as soon as a slot is free."""
    return standing.admits or standing.block is Block.SLOT


def excluded(view: View, index: int) -> Ruling | None:
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
    if pending_retry(view, index) is not None:
        return None
    asked = any(tried.index == index and tried.round == view.round for tried in view.tried)
    return Ruling.TRIED if asked else None


def is_sibling(view: View, index: int) -> bool:
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


def pending_retry(view: View, index: int) -> float | None:
    """Give the time of this provider's quick retry, if one is to come."""
    for tried in reversed(view.tried):
        if tried.index == index:
            return tried.retry_at if tried.round == view.round else None
    return None


def short_of_money(view: View, candidate: Candidate, beside: Candidate | None = None) -> Ruling | None:
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


def _may_join(view: View, index: int, live: list[Tried]) -> bool:
    upstream = view.candidates[index].upstream
    return not view.standings[index].throttled and all(
        view.candidates[tried.index].upstream != upstream for tried in live
    )


def shortest(view: View, candidate: Candidate) -> float:
    """Give the seconds without which it does not start: its P50; unknown, a quarter of the whole budget at most."""
    p50 = candidate.expected.p50
    return p50 if candidate.known else min(p50, view.budget / 4)
