"""What the planner sees and what it answers: values, without a word of how it decides."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from enum import Enum
from math import inf

from attrs import field, frozen

from pixroute.health.scopes import AdmissionStatus
from pixroute.latency import Quantiles
from pixroute.outcome import Failure, Next
from pixroute.policy import Policy

SLACK = 0.001
"""Seconds within which two times are the same; no clock is finer than that (a timer may fire early by as much)."""
MOST_IN_FLIGHT = 2


class Verdict(Enum):
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


NOT_NEEDED = frozenset({Verdict.READY, Verdict.NOT_BESIDE})
"""Rulings of those who were not asked only because another delivered."""


@frozen(kw_only=True)
class Candidate:
    """A provider of the chain, as the planner sees it.

    Times in seconds: `timeout` of one attempt, `expected` its quantiles, `hedge_after` until a fallback may join
    (inf: "off"). With `known` false the quantiles are guesses from the time-out.
    `barred` is set where the request cannot go there whatever happens. `price` None is unknown.
    Candidates with equal `abilities` can do the same. `group` is one number for all of a group, which stand together.
    """

    name: str
    upstream: str
    account: str
    timeout: float
    expected: Quantiles
    known: bool = True
    hedge_after: float = inf
    price: Decimal | None = None
    barred: Verdict | None = None
    abilities: Hashable = None
    waits_when_full: bool = True
    group: int | None = None


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


@frozen
class Past:
    """What the attempts so far say, read once for a whole decision.

    Args:
        live: those in flight.
        billed: how many may be billed.
        last: the latest of each provider, by its place in the chain.
        asked: the places of those asked in this round.
        rules_out: in order, whom an attempt rules out beside its own provider, by its place; None: it is in flight.
        put_off: the places whose failure in this round puts others before those of its upstream.
    """

    live: tuple[Tried, ...] = ()
    billed: int = 0
    last: Mapping[int, Tried] = {}
    asked: AbstractSet[int] = frozenset()
    rules_out: tuple[tuple[int, Next | None], ...] = ()
    put_off: tuple[int, ...] = ()

    @classmethod
    def of(cls, tried: Sequence[Tried], round_: int) -> Past:
        """Read the attempts of a part in its present round."""
        rules_out: list[tuple[int, Next | None]] = []
        put_off = []
        for one in tried:
            after = one.failure.reaction.next if one.failure is not None else None
            if after is None or after in _RULES_OUT:
                rules_out.append((one.index, after))
            if after is not None and one.round == round_ and (round_ > 0 or after is Next.OTHER_UPSTREAMS_FIRST):
                put_off.append(one.index)
        return cls(
            tuple([one for one in tried if one.ended is None]),
            sum([one.may_be_billed for one in tried]),
            {one.index: one for one in tried},
            {one.index for one in tried if one.round == round_},
            tuple(rules_out),
            tuple(put_off),
        )


_RULES_OUT = (Next.OTHER_ACCOUNTS, Next.NOT_SIBLINGS, Next.AS_POLICY_SAYS, Next.OTHER_CAPABILITIES)
_NOTHING = Past()


@frozen(kw_only=True)
class View:
    """Everything known about one part of a request at one instant.

    `budget`: seconds that the whole request has from the call on; inf while that is not decided.
    `candidates` and `statuses` go by the chain's order. `round_jitter` in [0, 1). `money_left` None: no limit.
    `hedge_allowed`: whether one below P99 may start. `patience`: seconds that it may still wait for admission.
    """

    now: float
    deadline: float
    candidates: tuple[Candidate, ...]
    statuses: tuple[AdmissionStatus, ...]
    policy: Policy
    tried: tuple[Tried, ...] = ()
    round: int = 0
    round_jitter: float = 0.0
    money_left: Decimal | None = None
    hedge_allowed: bool = True
    patience: float = inf
    budget: float = inf
    past: Past = field(init=False, eq=False, repr=False)

    @past.default
    def _past(self) -> Past:
        return Past.of(self.tried, self.round) if self.tried else _NOTHING

    @property
    def remaining(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - self.now


@frozen
class Start:
    """Start an attempt on the candidate `index`.

    A fallback may join it from `join_at`, if the hedge budget allows it or is not needed; in any case from
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
    why: Verdict | None = None


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
    verdicts: tuple[Verdict, ...]
