"""What became of an attempt, and what follows from it.

An attempt ends in a value, `Success | Failure`, never in an exception. What each kind of failure means for the next
provider, for health and for money stands in one table, `REACTIONS`, which planner, breaker, money and documentation
all read. How an upstream's words become a kind stands in `http.judging`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from pixroute.content import Content


class Stage(StrEnum):
    """The last stage an attempt reached, in order; before SEND nothing of the request has left."""

    rank: int

    QUEUED = "queued"
    CONNECT = "connect"
    SEND = "send"
    WAIT = "wait"
    BODY = "body"
    VALIDATE = "validate"
    DONE = "done"

    def __new__(cls, word: str) -> Self:
        """Number the members as they are written; they compare by that, not by their letters."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.rank = len(cls.__members__)
        return member

    def __lt__(self, other: str) -> bool:
        return self.rank < other.rank if isinstance(other, Stage) else NotImplemented

    def __le__(self, other: str) -> bool:
        return self.rank <= other.rank if isinstance(other, Stage) else NotImplemented

    def __gt__(self, other: str) -> bool:
        return self.rank > other.rank if isinstance(other, Stage) else NotImplemented

    def __ge__(self, other: str) -> bool:
        return self.rank >= other.rank if isinstance(other, Stage) else NotImplemented


class Billing(StrEnum):
    """What an attempt cost: nothing, its price, or nobody can say (then its price is assumed)."""

    FREE = "free"
    BILLED = "billed"
    AMBIGUOUS = "ambiguous"


class FailureKind(StrEnum):
    """Why an attempt brought no picture."""

    CONNECT = "connect"
    TLS = "tls"
    DISCONNECTED = "disconnected"
    PROXY_CUT = "proxy_cut"
    PROTOCOL = "protocol"
    TIMEOUT = "timeout"
    OVERLOADED = "overloaded"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    QUOTA = "quota"
    AUTH = "auth"
    FORBIDDEN = "forbidden"
    MODEL_GONE = "model_gone"
    INVALID = "invalid"
    MODERATED = "moderated"
    EMPTY = "empty"
    BAD_IMAGE = "bad_image"
    UNDERSIZED = "undersized"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Blame(StrEnum):
    """Whose fault a failure is; nobody else suffers for it."""

    REQUEST = "request"
    KEY = "key"
    MONEY = "money"
    PROVIDER = "provider"
    HOP = "hop"
    OURS = "ours"


class Evidence(StrEnum):
    """What a failure's kind rests on, and so what it may do to others.

    MACHINE: a code, a documented field, a status 401 or 402, or our own observation: the table's row in full. WORDS:
    only words or a bare status; opens nothing and holds nothing by one answer, but counts. REQUEST: it may be about
    what this request alone had; it touches nobody else.
    """

    MACHINE = "machine"
    WORDS = "words"
    REQUEST = "request"


class QuickRetry(Enum):
    """When the same provider may be asked once more before falling back."""

    NEVER = "no"
    UNLESS_TIMED_OUT = "yes, unless it timed out"
    WITHOUT_HINT = "yes, if without a hint"
    SOON_WITHOUT_HINT = "yes, if it came within 10 s and without a hint"
    IF_ALLOWED = "only with `retry.on_timeout = true`"
    OTHER_ROUTE = "yes, by its other route"


class Next(Enum):
    """Which providers come next."""

    IN_ORDER = "in chain order"
    OTHER_UPSTREAMS_FIRST = "other upstreams first"
    OTHER_ACCOUNTS = "other accounts only"
    NOT_SIBLINGS = "in chain order, not siblings"
    OTHER_CAPABILITIES = "only a provider whose capabilities differ"
    AS_POLICY_SAYS = "`on_moderated`: stop (default) or next"
    NONE = "–"


class HealthSignal(Enum):
    """How a breaker's token is settled."""

    SUCCESS = "success"
    HARD = "hard"
    THROTTLE = "throttle"
    NEUTRAL = "–"


@frozen(kw_only=True)
class Hold:
    """An account that nobody asks until a time: `first` seconds, doubling with every repetition up to `longest`."""

    first: float
    longest: float


@frozen(kw_only=True)
class Reaction:
    """A row of the reaction table.

    `billing` is None where the provider says (MODERATED). `opens_for`: seconds for which one answer opens the
    upstream; `opens_every_resolution` tells whether only the resolution it was asked for. `repeats_rounds`: whether
    waiting a few seconds and beginning the chain again may help.
    """

    quick_retry: QuickRetry = QuickRetry.NEVER
    next: Next = Next.IN_ORDER
    upstream: HealthSignal = HealthSignal.NEUTRAL
    origin: HealthSignal = HealthSignal.NEUTRAL
    hold: Hold | None = None
    billing: Billing | None = Billing.FREE
    opens_for: float | None = None
    opens_every_resolution: bool = False
    repeats_rounds: bool = False


_CUT = Reaction(next=Next.OTHER_UPSTREAMS_FIRST, origin=HealthSignal.HARD, billing=Billing.AMBIGUOUS)
_WORTHLESS = Reaction(next=Next.OTHER_UPSTREAMS_FIRST, upstream=HealthSignal.HARD, billing=Billing.BILLED)

REACTIONS: Mapping[FailureKind, Reaction] = MappingProxyType(
    {
        FailureKind.CONNECT: Reaction(
            quick_retry=QuickRetry.UNLESS_TIMED_OUT, origin=HealthSignal.HARD, repeats_rounds=True
        ),
        FailureKind.TLS: Reaction(origin=HealthSignal.HARD),
        FailureKind.DISCONNECTED: _CUT,
        FailureKind.PROXY_CUT: _CUT,
        FailureKind.PROTOCOL: _CUT,
        FailureKind.TIMEOUT: Reaction(
            quick_retry=QuickRetry.IF_ALLOWED,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=HealthSignal.HARD,
            billing=Billing.AMBIGUOUS,
        ),
        FailureKind.OVERLOADED: Reaction(
            quick_retry=QuickRetry.WITHOUT_HINT,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=HealthSignal.HARD,
            repeats_rounds=True,
        ),
        FailureKind.RATE_LIMITED: Reaction(
            quick_retry=QuickRetry.WITHOUT_HINT,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=HealthSignal.THROTTLE,
            repeats_rounds=True,
        ),
        FailureKind.SERVER_ERROR: Reaction(
            quick_retry=QuickRetry.SOON_WITHOUT_HINT, upstream=HealthSignal.HARD, repeats_rounds=True
        ),
        FailureKind.QUOTA: Reaction(next=Next.OTHER_ACCOUNTS, hold=Hold(first=3600, longest=3600)),
        FailureKind.AUTH: Reaction(next=Next.OTHER_ACCOUNTS, hold=Hold(first=30, longest=300)),
        FailureKind.FORBIDDEN: Reaction(next=Next.NOT_SIBLINGS, opens_for=300),
        FailureKind.MODEL_GONE: Reaction(next=Next.NOT_SIBLINGS, opens_for=3600, opens_every_resolution=True),
        FailureKind.INVALID: Reaction(next=Next.OTHER_CAPABILITIES),
        FailureKind.MODERATED: Reaction(next=Next.AS_POLICY_SAYS, billing=None),
        FailureKind.EMPTY: _WORTHLESS,
        FailureKind.BAD_IMAGE: _WORTHLESS,
        FailureKind.UNDERSIZED: Reaction(next=Next.OTHER_UPSTREAMS_FIRST, billing=Billing.BILLED, opens_for=3600),
        FailureKind.SKIPPED: Reaction(),
        FailureKind.CANCELLED: Reaction(next=Next.NONE, billing=Billing.AMBIGUOUS),
        FailureKind.UNKNOWN: Reaction(
            next=Next.OTHER_UPSTREAMS_FIRST, upstream=HealthSignal.HARD, billing=Billing.AMBIGUOUS
        ),
    }
)
"""The reaction table (semantics §2). Two cells depend on age and are decided where the age is known
(`routing.attempt`): TIMEOUT is neutral if the caller's deadline cut it while it was younger than P99; CANCELLED is
hard if it was older than P99 when it lost, and FREE before SEND."""


_BLAMES: Mapping[FailureKind, Blame] = MappingProxyType(
    {
        FailureKind.CONNECT: Blame.HOP,
        FailureKind.TLS: Blame.HOP,
        FailureKind.DISCONNECTED: Blame.HOP,
        FailureKind.PROXY_CUT: Blame.HOP,
        FailureKind.QUOTA: Blame.MONEY,
        FailureKind.AUTH: Blame.KEY,
        FailureKind.FORBIDDEN: Blame.KEY,
        FailureKind.MODEL_GONE: Blame.REQUEST,
        FailureKind.INVALID: Blame.REQUEST,
        FailureKind.MODERATED: Blame.REQUEST,
        FailureKind.SKIPPED: Blame.REQUEST,
        FailureKind.CANCELLED: Blame.REQUEST,
    }
)
"""Whose fault a kind is where nothing else is known; a kind left out is the provider's."""

_OURS = Reaction(billing=Billing.AMBIGUOUS, repeats_rounds=True)
"""What this machine lacks says nothing of anybody else."""
_OURS_FOR_GOOD = Reaction(next=Next.NOT_SIBLINGS, billing=Billing.FREE)
"""Code or configuration that failed before anything was sent fails again: that provider is left out."""
_STRANGER = Reaction(next=Next.OTHER_UPSTREAMS_FIRST, origin=HealthSignal.HARD)
"""Somebody in between refused: nobody judged the request, nothing is billed."""
_BEHIND = Reaction(next=Next.NOT_SIBLINGS, upstream=HealthSignal.HARD)
"""A gateway's own account was refused: ours is as good as before."""

BLAMED: Mapping[tuple[FailureKind, Blame], Reaction] = MappingProxyType(
    {
        (FailureKind.INVALID, Blame.HOP): _STRANGER,
        (FailureKind.FORBIDDEN, Blame.HOP): _STRANGER,
        (FailureKind.MODEL_GONE, Blame.HOP): _STRANGER,
        (FailureKind.PROTOCOL, Blame.HOP): _STRANGER,
        (FailureKind.AUTH, Blame.HOP): _STRANGER,
        (FailureKind.SERVER_ERROR, Blame.HOP): evolve(
            _STRANGER, quick_retry=QuickRetry.SOON_WITHOUT_HINT, repeats_rounds=True
        ),
        (FailureKind.OVERLOADED, Blame.HOP): evolve(
            _STRANGER, quick_retry=QuickRetry.WITHOUT_HINT, repeats_rounds=True
        ),
        (FailureKind.AUTH, Blame.PROVIDER): _BEHIND,
        (FailureKind.QUOTA, Blame.PROVIDER): _BEHIND,
    }
)
"""Rows that differ by whose fault it is."""


def blame_of(kind: FailureKind) -> Blame:
    """Say whose fault a kind is where nothing else is known."""
    return _BLAMES.get(kind, Blame.PROVIDER)


def reaction_of(kind: FailureKind, blame: Blame, stage: Stage = Stage.BODY) -> Reaction:
    """Give the row of the reaction table for a kind and whose fault it is."""
    if blame is not Blame.OURS:
        return BLAMED.get((kind, blame), REACTIONS[kind])
    lasts = stage < Stage.SEND and kind in {FailureKind.UNKNOWN, FailureKind.INVALID}
    return _OURS_FOR_GOOD if lasts else _OURS


def _by_other_route(row: Reaction) -> Reaction:
    """Ask the same provider once more, whose upstream is not at fault."""
    return evolve(
        row, quick_retry=QuickRetry.OTHER_ROUTE, next=Next.IN_ORDER, opens_for=None, opens_every_resolution=False
    )


@frozen(kw_only=True)
class Failure:
    """Why an attempt brought no picture: data, so that nobody parses the text again.

    `message` is one sentence that a person can act on; `advice` what to change. `hint` is the provider's wish in
    seconds from the answer on (Retry-After and its kin), `ignored_hint` what it said instead that made no sense.
    `timed_out`: a clock of ours ended it; `answered`: a complete HTTP answer came. `url`: where a paid picture lies
    that could not be fetched. `blame`: whose fault it is. `evidence`: what the kind rests on.
    `other_route`: the provider has another way to the same model, and goes it when it is asked again.
    `task`: what an asynchronous gateway gave in place of a picture. `stops`: nobody else is to be asked either.
    """

    kind: FailureKind
    message: str
    stage: Stage = Stage.WAIT
    blame: Blame = field()
    billing: Billing = field()
    status: int | None = None
    code: str | None = None
    hint: float | None = None
    ignored_hint: str | None = None
    advice: str = ""
    timed_out: bool = False
    answered: bool = False
    provider_request_id: str | None = None
    url: str | None = None
    evidence: Evidence = Evidence.MACHINE
    other_route: bool = False
    task: str | None = None
    stops: bool = False

    @blame.default
    def _blame_of_kind(self) -> Blame:
        return blame_of(self.kind)

    @billing.default
    def _billing_of_kind(self) -> Billing:
        return reaction_of(self.kind, self.blame, self.stage).billing or Billing.FREE

    @property
    def reaction(self) -> Reaction:
        """What follows: the row of the reaction table for its kind and blame."""
        row = reaction_of(self.kind, self.blame, self.stage)
        return _by_other_route(row) if self.other_route else row

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


@frozen(kw_only=True)
class Delivered:
    """One picture as the provider gave it, not yet validated; `url` is where it was fetched."""

    content: Content
    declared_type: str | None = None
    revised_prompt: str | None = None
    url: str | None = None


@frozen(kw_only=True)
class Success:
    """What a provider delivered: at least one picture; `failures` are items refused or broken among several.

    `usage` holds `input_tokens`, `output_tokens` and `total_tokens` where they were told, beside all the provider says.
    `cost` is the price that the answer states, in `currency`; None: the table's holds.
    `surplus`: items beyond those asked, which were not taken.
    `other_route`: as a failure's; smaller pictures than asked are then asked for once more.
    """

    pictures: tuple[Delivered, ...]
    failures: tuple[Failure, ...] = ()
    surplus: int = 0
    model: str | None = None
    usage: Mapping[str, Any] | None = None
    provider_request_id: str | None = None
    cost: Decimal | None = None
    currency: str = "USD"
    other_route: bool = False


Outcome = Success | Failure
