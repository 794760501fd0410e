"""What is found of one provider: whether it may start now, and if not, the first of what forbids it (semantics §3)."""

from __future__ import annotations

from pixroute.health.scopes import AdmissionStatus, Block
from pixroute.outcome import Next
from pixroute.routing.view import SLACK, Candidate, Verdict, View


def rule(view: View, index: int) -> Verdict:
    """Give the verdict on one provider."""
    candidate, status = view.candidates[index], view.statuses[index]
    if candidate.barred is not None:
        return candidate.barred
    if view.tried and (ruled_out := excluded(view, index)) is not None:
        return ruled_out
    if not status.admits and status.block is not Block.SLOT:
        return _BLOCKED[status.block] if status.block else Verdict.OPEN
    hindrance = hindered(view, index)
    if hindrance is not None:
        return hindrance
    if is_sibling(view, index):
        return Verdict.SIBLING
    return Verdict.READY if status.admits else Verdict.FULL


def hindered(view: View, index: int) -> Verdict | None:
    """Say what would bar a provider that had a place; a request waits only for a provider it could use."""
    candidate, status = view.candidates[index], view.statuses[index]
    if view.past.live and not _may_join(view, index):
        return Verdict.NOT_BESIDE
    short = short_of_money(view, candidate)
    if short is not None:
        return short
    least = shortest(view, candidate) + (-SLACK if status.admits else SLACK)  # who must wait needs time to wait
    if view.deadline - view.now <= least:
        return Verdict.NO_TIME
    return Verdict.SIBLING if view.round > 0 and is_sibling(view, index) else None


_BLOCKED = {
    Block.HOLD: Verdict.HOLD,
    Block.OPEN: Verdict.OPEN,
    Block.FORCED: Verdict.FORCED,
    Block.HALF_OPEN_FULL: Verdict.PROBING,
    Block.DISABLED: Verdict.DISABLED,
}


def would_admit(status: AdmissionStatus) -> bool:
    """Tell whether health admits an attempt, now or as soon as a slot is free."""
    return status.admits or status.block is Block.SLOT


def excluded(view: View, index: int) -> Verdict | None:
    """Say why the attempts so far leave this provider out, until another round or for good."""
    candidate, past = view.candidates[index], view.past
    for place, after in past.rules_out:
        other = view.candidates[place]
        if after is None:  # in flight: a picture would have ended the part
            if place == index:
                return Verdict.IN_FLIGHT
        elif after is Next.OTHER_ACCOUNTS:
            if other.account == candidate.account:
                return Verdict.SAME_ACCOUNT
        elif after is Next.OTHER_CAPABILITIES:
            if other.abilities == candidate.abilities:
                return Verdict.SAME_ABILITIES
        elif other.upstream == candidate.upstream:
            return Verdict.SAME_UPSTREAM
    return Verdict.TRIED if index in past.asked and pending_retry(view, index) is None else None


def is_sibling(view: View, index: int) -> bool:
    """Tell whether this provider shares the upstream of a failure of this round that puts others first."""
    put_off, candidates = view.past.put_off, view.candidates
    if not put_off:
        return False
    upstream = candidates[index].upstream
    return any(place != index and candidates[place].upstream == upstream for place in put_off)


def pending_retry(view: View, index: int) -> float | None:
    """Give the time of this provider's quick retry, if one is to come."""
    last = view.past.last.get(index)
    return last.retry_at if last is not None and last.round == view.round else None


def short_of_money(view: View, candidate: Candidate, beside: Candidate | None = None) -> Verdict | None:
    """Say what is missing to start this candidate, with another (`beside`) counted as in flight."""
    more = 0 if beside is None else 1
    if len(view.tried) + more >= view.policy.max_attempts:
        return Verdict.ATTEMPTS
    if candidate.price == 0:
        return None
    billed = view.past.billed + (beside is not None and beside.price != 0)
    if billed >= view.policy.max_possibly_billed:
        return Verdict.SPENT
    if view.money_left is None:
        return None
    if candidate.price is None:
        return Verdict.NO_PRICE
    left = view.money_left - (beside.price if beside is not None and beside.price else 0)
    return Verdict.NO_MONEY if candidate.price > left else None


def _may_join(view: View, index: int) -> bool:
    upstream, candidates = view.candidates[index].upstream, view.candidates
    return not view.statuses[index].throttled and all(
        candidates[tried.index].upstream != upstream for tried in view.past.live
    )


def shortest(view: View, candidate: Candidate) -> float:
    """Give the seconds without which it does not start: its P50; unknown, a quarter of the whole budget at most."""
    p50 = candidate.expected.p50
    return p50 if candidate.known else min(p50, view.budget / 4)
