"""What a process makes of what all of them say of one breaker (semantics §4.3): pure.

One process contributes to a rule at most one less than the rule needs, and less where many could speak. Nobody closes
anything for the others alone, but by what the upstream itself has said: a hint, or one answer that is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, inf

from attrs import frozen

from pixroute.health.statement import Statement
from pixroute.health.states import OpenReason, State
from pixroute.policy import BreakerPolicy

SICK = frozenset({OpenReason.STREAK, OpenReason.RATE, OpenReason.OVERDUE, OpenReason.STALL})
NEWER = 1.0
"""Seconds by which another's opening must be later than one's own to be another one: told times are that blurred."""

_SILENT = Statement()


@frozen(kw_only=True)
class Voice:
    """What one process says, or for an origin all processes of one host; `who` is its name."""

    who: str
    host: str
    said: Statement


@frozen(kw_only=True)
class Hearsay:
    """What a breaker may believe of the others. Times are the loop's; -inf: never.

    Args:
        processes: how many take part, this one included.
        in_flight: their live calls, this one's included.
        sick: the rule that all evidence together meets; `refused` whether by failures that came at once, `answered`
            whether all that failed was answers.
        opened_at, until, doublings: of those that evidence keeps open: the last opening, the last end, the most.
        hinted_until, told, told_until: what an upstream said to any of them.
        probing: another one's probe is under way.
        alive_at: the last success of one that is not closed either.
        proven: the ramp of such a one has begun.
        closed_at: when another's ramp closed last.
        allowed: what the ramps of the others allow the fleet: at least and at most.
        setbacks: of all others together.
    """

    processes: int = 1
    in_flight: int = 0
    sick: OpenReason | None = None
    refused: bool = False
    answered: bool = False
    opened_at: float = -inf
    until: float = -inf
    doublings: int = 0
    hinted_until: float = -inf
    told: OpenReason | None = None
    told_until: float = -inf
    probing: bool = False
    alive_at: float = -inf
    proven: bool = False
    closed_at: float = -inf
    allowed: tuple[int, int] | None = None
    setbacks: int = 0


NOBODY = Hearsay()
Speakers = Sequence[Sequence[Statement]]
"""What each speaker's processes say: one process, or for an origin all of a host."""


def merge(own: Voice, others: Sequence[Voice], policy: BreakerPolicy, now: float, *, by_host: bool = False) -> Hearsay:
    """Hear everybody.

    Args:
        own: what this process itself would say.
        others: what each other process says; the order is of no matter, and of two by one name the last counts.
        policy: whose rules apply.
        now: seconds on the loop's clock, as all times of what is said.
        by_host: processes of one host count as one: they share what lies between them and an origin.
    """
    said = {voice.who: voice for voice in others if voice.who != own.who}
    peers = [voice.said for voice in said.values()]
    in_flight = own.said.in_flight + sum([peer.in_flight for peer in peers])
    if all(peer.quiet for peer in peers):
        return Hearsay(processes=len(peers) + 1, in_flight=in_flight, setbacks=sum(peer.setbacks for peer in peers))
    sick = [peer for peer in peers if _sick(peer)]
    told = max((peer for peer in peers if peer.told), key=lambda peer: peer.told_until, default=_SILENT)
    ramps = [peer.allowed for peer in peers if peer.state is State.HALF_OPEN and peer.proven]
    return Hearsay(
        processes=len(peers) + 1,
        in_flight=in_flight,
        sick=_rule([own, *(said[who] for who in sorted(said))], policy, now, by_host=by_host),
        refused=any(one.refused and bool(one.row) for one in (own.said, *peers)),
        answered=all(one.answered for one in (own.said, *peers) if one.row or one.bad or _sick(one)),
        opened_at=max((peer.opened_at for peer in sick), default=-inf),
        until=max((peer.until for peer in sick if peer.state is State.OPEN), default=-inf),
        doublings=max((peer.doublings for peer in sick), default=0),
        hinted_until=max((peer.hinted_until for peer in peers), default=-inf),
        told=told.told,
        told_until=told.told_until,
        probing=any(peer.probing for peer in peers),
        alive_at=max((peer.success_at for peer in peers if peer.state is not State.CLOSED), default=-inf),
        proven=bool(ramps),
        closed_at=max((peer.closed_at for peer in peers), default=-inf),
        allowed=(min(ramps), max(ramps)) if ramps else None,
        setbacks=sum(peer.setbacks for peer in peers),
    )


def share(need: int, speakers: int) -> int:
    """Tell how much of what a rule needs one speaker may contribute: twice a fair part, and never all."""
    return max(1, min(need - 1, ceil(2 * need / speakers)))


def overdue_needed(policy: BreakerPolicy, in_flight: int) -> int:
    """Tell how many requests must be overdue among so many calls."""
    return max(policy.max_overdue, ceil(policy.overdue_share * in_flight))


def _sick(said: Statement) -> bool:
    """Tell whether evidence keeps it from being closed."""
    return said.reason in SICK and (said.state is State.OPEN or (said.state is State.HALF_OPEN and not said.proven))


def _rule(voices: Sequence[Voice], policy: BreakerPolicy, now: float, *, by_host: bool) -> OpenReason | None:
    speakers = _hosts(voices) if by_host else [[voice.said] for voice in voices]
    active = [said for said in speakers if any(one.in_flight or one.settled or _sick(one) for one in said)]
    if len(active) < 2:
        return None
    if _streak(active, policy, now):
        return OpenReason.STREAK
    if _rate(active, policy):
        return OpenReason.RATE
    return OpenReason.OVERDUE if not by_host and _overdue(active, policy) else None


def _hosts(voices: Iterable[Voice]) -> list[list[Statement]]:
    hosts: dict[str, list[Statement]] = {}
    for voice in voices:
        hosts.setdefault(voice.host, []).append(voice.said)
    return list(hosts.values())


def _streak(speakers: Speakers, policy: BreakerPolicy, now: float) -> bool:
    """Tell whether enough requests failed hard since anybody's last success."""
    last = _last_success(speakers)
    since = max(last, now - policy.failures_within)
    at_most = share(policy.max_failures, len(speakers))
    failed: dict[str, float] = {}
    opened = 0
    for said in speakers:
        own = {digest: at for one in said for digest, at in one.row if at > since and digest not in failed}
        new = sorted(own, key=lambda digest: (own[digest], digest))[-at_most:]
        failed.update({digest: own[digest] for digest in new})
        if not new and _open_for(said, OpenReason.STREAK, last):
            opened += at_most
    refused = any(one.refused for said in speakers for one in said if one.row)
    first = min(failed.values(), default=now)
    works = any(one.youngest_at >= first for said in speakers for one in said)
    return len(failed) + opened >= policy.max_failures and not (refused and works)


def _rate(speakers: Speakers, policy: BreakerPolicy) -> bool:
    """Tell whether enough of what ended has failed, and still half the share of it without the one that failed most."""
    settled = [sum(one.settled for one in said) for said in speakers]
    bad: list[int] = []
    seen: set[str] = set()
    for said in speakers:
        named = {digest for one in said for digest, _ in one.bad}
        unnamed = sum(max(0, one.bad_count - len(one.bad)) for one in said)
        bad.append(len(named - seen) + unnamed)
        seen |= named
    refused = any(one.refused for said in speakers for one in said if one.bad)
    works = sum(one.working for said in speakers for one in said) if refused else 0
    needed = max(2, ceil(policy.failure_rate * (sum(settled) + works)))
    at_most = share(needed, len(speakers))
    if sum(settled) < policy.min_requests or sum(min(one, at_most) for one in bad) < needed:
        return False
    worst = max(range(len(bad)), key=bad.__getitem__)
    others = sum(bad) - bad[worst]
    return others > 0 and others >= policy.failure_rate / 2 * (sum(settled) - settled[worst])


def _overdue(speakers: Speakers, policy: BreakerPolicy) -> bool:
    """Tell whether enough requests wait too long; one that opened for silence is worth as many as it may say.

    They and what failed lately must be a share of both and of what succeeded meanwhile, and half that share without the
    one that waits most. A process of an older version tells no such counts: then they weigh alone.
    """
    last = _last_success(speakers)
    needed = overdue_needed(policy, sum(one.in_flight for said in speakers for one in said))
    at_most = share(needed, len(speakers))
    late = [at_most if _is_silent(said, last) else sum(one.overdue for one in said) for said in speakers]
    if sum(min(one, at_most) for one in late) < needed:
        return False
    bad = [sum(one.lately_bad for one in said) for said in speakers]
    ended = [sum(one.lately for one in said) for said in speakers]
    worst = max(range(len(late)), key=late.__getitem__)
    rest = [index for index in range(len(late)) if index != worst]
    return _weighs(late, bad, ended, range(len(late)), policy.overdue_rate) and _weighs(
        late, bad, ended, rest, policy.overdue_rate / 2
    )


def _weighs(late: Sequence[int], bad: Sequence[int], ended: Sequence[int], of: Iterable[int], rate: float) -> bool:
    """Tell whether what is late and what failed of some speakers is such a share of it and of all that ended."""
    sums = [(late[index] + bad[index], late[index] + ended[index]) for index in of]
    return sum(sick for sick, _ in sums) >= rate * sum(both for _, both in sums)


def _is_silent(said: Sequence[Statement], last: float) -> bool:
    return any(_open_for(said, reason, last) for reason in (OpenReason.OVERDUE, OpenReason.STALL))


def _last_success(speakers: Speakers) -> float:
    """Tell when anybody last had a success, or closed because nothing failed; what was before says nothing now."""
    return max(max(one.success_at, one.closed_at) for said in speakers for one in said)


def _open_for(said: Sequence[Statement], reason: OpenReason, last_success: float) -> bool:
    """Tell whether it is open for this, and nobody has had a success since."""
    return any(_sick(one) and one.reason is reason and one.opened_at > last_success for one in said)
