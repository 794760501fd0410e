"""What became of an attempt, and what follows from it.

An attempt ends in a value, `Success | Failure`, never in an exception. What each kind of failure means for the next
provider, for health and for money stands in one table, `REACTIONS`, which planner, breaker, money and documentation
all read. How an upstream's words become a kind stands in another, `SIGNALS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

if TYPE_CHECKING:
    from pixroute.content import Content


class Stage(IntEnum):
    """The last stage an attempt reached; before SEND nothing of the request has left."""

    QUEUED = 0
    CONNECT = 1
    SEND = 2
    WAIT = 3
    BODY = 4
    VALIDATE = 5
    DONE = 6


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


class Verdict(Enum):
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
    upstream: Verdict = Verdict.NEUTRAL
    origin: Verdict = Verdict.NEUTRAL
    hold: Hold | None = None
    billing: Billing | None = Billing.FREE
    opens_for: float | None = None
    opens_every_resolution: bool = False
    repeats_rounds: bool = False


_CUT = Reaction(next=Next.OTHER_UPSTREAMS_FIRST, origin=Verdict.HARD, billing=Billing.AMBIGUOUS)
_WORTHLESS = Reaction(next=Next.OTHER_UPSTREAMS_FIRST, upstream=Verdict.HARD, billing=Billing.BILLED)

REACTIONS: Mapping[FailureKind, Reaction] = MappingProxyType(
    {
        FailureKind.CONNECT: Reaction(
            quick_retry=QuickRetry.UNLESS_TIMED_OUT, origin=Verdict.HARD, repeats_rounds=True
        ),
        FailureKind.TLS: Reaction(origin=Verdict.HARD),
        FailureKind.DISCONNECTED: _CUT,
        FailureKind.PROXY_CUT: _CUT,
        FailureKind.PROTOCOL: _CUT,
        FailureKind.TIMEOUT: Reaction(
            quick_retry=QuickRetry.IF_ALLOWED,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=Verdict.HARD,
            billing=Billing.AMBIGUOUS,
        ),
        FailureKind.OVERLOADED: Reaction(
            quick_retry=QuickRetry.WITHOUT_HINT,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=Verdict.HARD,
            repeats_rounds=True,
        ),
        FailureKind.RATE_LIMITED: Reaction(
            quick_retry=QuickRetry.WITHOUT_HINT,
            next=Next.OTHER_UPSTREAMS_FIRST,
            upstream=Verdict.THROTTLE,
            repeats_rounds=True,
        ),
        FailureKind.SERVER_ERROR: Reaction(
            quick_retry=QuickRetry.SOON_WITHOUT_HINT, upstream=Verdict.HARD, repeats_rounds=True
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
            next=Next.OTHER_UPSTREAMS_FIRST, upstream=Verdict.HARD, billing=Billing.AMBIGUOUS
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
    that could not be fetched. `blame`: whose fault it is.
    `other_route`: the provider has another way to the same model, and goes it when it is asked again.
    """

    kind: FailureKind
    message: str
    stage: Stage = Stage.WAIT
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
    blame: Blame = field()
    other_route: bool = False

    @billing.default
    def _billing_of_kind(self) -> Billing:
        return REACTIONS[self.kind].billing or Billing.FREE

    @blame.default
    def _blame_of_kind(self) -> Blame:
        return _BLAMES.get(self.kind, Blame.PROVIDER)

    @property
    def reaction(self) -> Reaction:
        """What follows: the row of the reaction table for its kind and blame."""
        return _by_other_route(self._row) if self.other_route else self._row

    @property
    def _row(self) -> Reaction:
        if self.blame is not Blame.OURS:
            return REACTIONS[self.kind]
        lasts = self.stage < Stage.SEND and self.kind in {FailureKind.UNKNOWN, FailureKind.INVALID}
        return _OURS_FOR_GOOD if lasts else _OURS

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


@frozen
class Signal:
    """How an upstream says a kind: by `error.code` (exact), by a fragment of the text, or by the bare status.

    Everything in lower case. With `only`, the texts count under those statuses alone.
    """

    kind: FailureKind
    codes: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    only: tuple[int, ...] = ()

    def in_text(self, text: str, status: int) -> bool:
        """Tell whether the text says this kind under this status."""
        return (not self.only or status in self.only) and any(fragment in text for fragment in self.texts)


_K = FailureKind
SIGNALS: tuple[Signal, ...] = (
    Signal(
        _K.MODERATED,
        codes=(
            "moderation_blocked",
            "content_policy_violation",
            "content_filter",
            "image_generation_user_error",
            "sensitivecontentdetected",
            "inputtextsensitivecontentdetected",
            "inputimagesensitivecontentdetected",
            "outputimagesensitivecontentdetected",
            "outputtextsensitivecontentdetected",
            "inputtextriskdetection",
            "outputtextriskdetection",
            "inputimageriskdetection",
            "outputimageriskdetection",
        ),
        texts=(
            "rejected by the safety system",
            "sensitive information",
            "content policy",
            "sensitive content",
            "safety filter",
            "moderation",
        ),
    ),
    Signal(
        _K.QUOTA,
        codes=(
            "insufficient_quota",
            "insufficient_user_quota",
            "billing_hard_limit_reached",
            "quotaexceeded",
            "setlimitexceeded",
            "accountoverdueerror",
            "quota_per_day",
            "quota_zero",
        ),
        texts=(
            "preconsumedquota",
            "insufficient user quota",
            "insufficient balance",
            "额度不足",
            "余额不足",
            "credits are depleted",
        ),
        statuses=(402,),
    ),
    Signal(
        _K.AUTH,
        codes=("api_key_invalid", "invalid_api_key", "authenticationerror", "authentication_error", "unauthenticated"),
        texts=("api key not valid", "incorrect api key", "无效的令牌"),
        statuses=(401,),
    ),
    Signal(
        _K.OVERLOADED,
        codes=("serveroverloaded", "overloaded_error", "model_capacity_exhausted"),
        texts=(
            "overloaded",
            "high demand",
            "负载已饱和",
            "no available channel",
            "无可用渠道",
            "service is currently unavailable",
        ),
        statuses=(503, 529),
    ),
    Signal(
        _K.RATE_LIMITED,
        codes=(
            "rate_limit_exceeded",
            "ratelimitexceeded",
            "modelaccountrpmratelimitexceeded",
            "modelaccounttpmratelimitexceeded",
            "modelaccountipmratelimitexceeded",
            "apiaccountrpmratelimitexceeded",
            "accountratelimitexceeded",
            "requestbursttoofast",
            "inflightbatchsizeexceeded",
        ),
        texts=("rate limit", "too many requests"),
        statuses=(429,),
    ),
    Signal(
        _K.MODEL_GONE,
        codes=("model_not_found", "invalidendpointormodel", "modelnotopen", "invalidendpoint"),
        texts=(
            "not supported for generatecontent",
            "is not found for api version",
            "does not support this model",
            "model is not supported",
            "not supported for this model",
            "not supported on this",
            "not supported by this",
            "model does not exist",
            "unsupported model",
        ),
    ),
    Signal(_K.MODEL_GONE, texts=("model",), only=(404,)),
    Signal(
        _K.FORBIDDEN,
        codes=("permission_denied", "failed_precondition", "accessdenied", "operationdenied", "access_denied"),
        texts=(
            "key",
            "token",
            "model",
            "permission",
            "organization",
            "country",
            "region",
            "group",
            "令牌",
            "模型",
            "分组",
        ),
        only=(403,),
    ),
    Signal(
        _K.SERVER_ERROR,
        codes=("write_response_body_failed", "bad_response_status_code", "internalserviceerror"),
        texts=("timeout while downloading",),
        statuses=(408, 409, 499, 500, 502, 504),
    ),
    Signal(_K.INVALID, statuses=(400, 403, 404, 405, 406, 411, 413, 414, 415, 422, 431)),
)
"""First match in a pass wins; the passes are codes, texts, status (semantics §2; words from upstreams §1.5, §2.6,
§3.3, §4.5, captures of 2026-11-22)."""


def classify(status: int, codes: Iterable[str] = (), text: str = "") -> FailureKind:
    """Give the kind of an error answer: three passes over `SIGNALS`, by code, by text, by bare status.

    A dotted code (`InputTextSensitiveContentDetected.PolicyViolation`) matches by its first part too. A status that
    no row names is a SERVER_ERROR from 500 on, else INVALID.
    """
    lowered = [code.lower() for code in codes]
    spoken = {*lowered, *(code.split(".", 1)[0] for code in lowered)}
    for signal in SIGNALS:
        if not spoken.isdisjoint(signal.codes):
            return signal.kind
    text = text.lower()
    for signal in SIGNALS:
        if signal.in_text(text, status):
            return signal.kind
    for signal in SIGNALS:
        if status in signal.statuses:
            return signal.kind
    return FailureKind.SERVER_ERROR if status >= 500 else FailureKind.INVALID
