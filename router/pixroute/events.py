"""What happens, told as it happens: frozen values handed to observers one by one.

No event carries a prompt or a secret. `at` is the loop's time in seconds; `request` and `attempt` are ids.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any, Protocol

from attrs import field, fields, frozen, has

from pixroute.cost import Cost
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage


class Ending(StrEnum):
    """How a request ended, in one word: a picture, or which error was raised."""

    PICTURE = "picture"
    FAILED = "failed"
    MODERATED = "moderated"
    INVALID = "invalid"
    DEADLINE = "deadline"
    BUDGET = "budget"
    CANCELLED = "cancelled"
    SHUT_DOWN = "shut_down"
    OURS = "ours"


@frozen(kw_only=True)
class Event:
    """Common to all events of a request; `part` counts from 0 among its n parts, `tags` are the caller's."""

    at: float
    request: str
    part: int = 0
    chain: str = ""
    tags: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class RequestStarted(Event):
    """A request was accepted. `traceparent` is the W3C one that its caller's context held.

    Who needs it: a trace, to begin the request's span below its caller's; a log.
    """

    size: str
    n: int
    timeout: float | None
    traceparent: str | None = None


@frozen(kw_only=True)
class ProviderSkipped(Event):
    """A provider was passed over by our decision; told once per request and reason.

    Who needs it: whoever asks why the first choice was not asked.
    """

    provider: str
    reason: str


@frozen(kw_only=True)
class AttemptStarted(Event):
    """An attempt was admitted and its clock runs; told before anything is sent.

    `number` counts from 1 within the part, `round` from 0. `hedge`: it joins one in flight; `retry`: the same provider
    is asked again; `fell_back`: it is not the chain's first. `origin` is scheme, host and port; None without a network.
    `origin`, and `upstream` with a space and the resolution, are the keys of its breakers.
    `overdue_at`: when it will be older than 1.5 × P99; None where the times are not known.

    Who needs it: a trace, the gauge of what is in flight, the ledger.
    """

    attempt: str
    provider: str
    model: str | None
    resolution: str
    ends_at: float
    price: Cost
    hedge: bool = False
    retry: bool = False
    fell_back: bool = False
    number: int = 1
    round: int = 0
    origin: str | None = None
    upstream: str = ""
    overdue_at: float | None = None


@frozen(kw_only=True)
class JobAccepted(Event):
    """A provider took an attempt as a job; told before it is first asked for. `job` is what `Router.claim` takes.

    Who needs it: the ledger, so that a job outlives its process; a trace.
    """

    attempt: str
    provider: str
    job: Mapping[str, Any]


@frozen(kw_only=True)
class Progressed(Event):
    """An attempt moved on: the stage it has reached, and what share of the work is done (0 to 1) where that is told.

    At most once a second for an attempt, none in its first second, and none while nothing changes.

    Who needs it: a service that shows a bar.
    """

    attempt: str
    provider: str
    stage: Stage
    fraction: float | None = None


@frozen(kw_only=True)
class AttemptOverdue(Event):
    """An attempt in flight has become older than 1.5 × P99, and is still waited for; `seconds` is its age.

    Who needs it: the gauge of overdue attempts, which rises minutes before time-outs do.
    """

    attempt: str
    provider: str
    seconds: float


@frozen(kw_only=True)
class AttemptFinished(Event):
    """An attempt ended; `failure`, `kind` and `blame` are None for a valid picture.

    `first_byte`: seconds to the answer's first byte. `pictures`: width and height of those taken; `pixels_short`: how
    many pixels fewer than asked came in all. `usage` is what the provider counted, in its own and in common names.
    `answered_by` is the model that the answer names. `won`: it brought a picture.

    Who needs it: every metric, a trace, the ledger.
    """

    attempt: str
    provider: str
    stage: Stage
    billing: Billing
    cost: Cost
    seconds: float
    failure: Failure | None = None
    kind: FailureKind | None = field()
    blame: Blame | None = field()
    provider_request_id: str | None = None
    won: bool = False
    model: str | None = None
    resolution: str = "other"
    hedge: bool = False
    retry: bool = False
    fell_back: bool = False
    first_byte: float | None = None
    pictures: tuple[tuple[int, int], ...] = ()
    pixels_short: int = 0
    usage: Mapping[str, Any] | None = None
    answered_by: str | None = None

    @kind.default
    def _kind_of_failure(self) -> FailureKind | None:
        return None if self.failure is None else self.failure.kind

    @blame.default
    def _blame_of_failure(self) -> Blame | None:
        return None if self.failure is None else self.failure.blame


@frozen(kw_only=True)
class AttemptCorrected(Event):
    """An attempt that ended as billed perhaps cost nothing: its job was called off before it began.

    It comes within 2 s, perhaps after the end of its request; `was` is what `AttemptFinished` told.

    Who needs it: whoever counts money.
    """

    attempt: str
    provider: str
    billing: Billing
    cost: Cost
    was: Cost


@frozen(kw_only=True)
class RetryScheduled(Event):
    """The same provider is asked again at `retry_at`, or (provider None) the chain begins another round.

    Who needs it: a trace; a screen that says what is waited for.
    """

    provider: str | None
    retry_at: float
    round: int = 0


@frozen(kw_only=True)
class HedgeStarted(Event):
    """A fallback joined an attempt in flight.

    Who needs it: a trace; whoever weighs what hedges cost against what they save.
    """

    attempt: str
    provider: str
    beside: str
    why: str


@frozen(kw_only=True)
class BreakerChanged:
    """A breaker changed its state, or an operator said something of it.

    `scope` is "origin" or "upstream", `key` names it (an upstream's with resolution). `until` None while open: not by
    itself. `forced` is what an operator has said and still holds ("open", "closed", "observe"); `by_operator`: his
    word is what changed it.

    Who needs it: whoever is on call.
    """

    at: float
    key: str
    state: str
    reason: str | None
    until: float | None
    scope: str = "upstream"
    forced: str | None = None
    by_operator: bool = False


@frozen(kw_only=True)
class StoreChanged:
    """The store that processes share went away, came back, or is another one or an older copy than before.

    `port` is what lies in it: "kept" (money and places) or "told" (health). `state` is "away", "back" or "replaced";
    `text` says what happened and what to do.

    Who needs it: whoever is on call.
    """

    at: float
    port: str
    state: str
    text: str


@frozen(kw_only=True)
class LoopLagged:
    """The event loop was late by `seconds`, 0.25 at least: something blocked it, or the machine was paused.

    Who needs it: whoever looks for what blocks the service.
    """

    at: float
    seconds: float


@frozen(kw_only=True)
class HintIgnored(Event):
    """A provider's hint was negative, absurd or unreadable.

    Who needs it: the author of a provider.
    """

    provider: str
    text: str


@frozen(kw_only=True)
class RequestFinished(Event):
    """A request ended; `error` is None for a result, else the class of what was raised.

    `ending` says it in one word; `kind` and `blame` are the last failure's. `cost` is what all its attempts cost and
    may have cost, also when the caller went away. `fell_back`: the picture is not the first provider's, or, where there
    is none, another one was asked too. `pictures` and `attempts` are counts.

    Who needs it: every metric, a trace, a log; whoever bills by tags.
    """

    seconds: float
    cost: Cost | None = None
    provider: str | None = None
    error: str | None = None
    ending: Ending = field()
    kind: FailureKind | None = None
    blame: Blame | None = None
    fell_back: bool = False
    pictures: int = 0
    attempts: int = 0

    @ending.default
    def _ending_of_error(self) -> Ending:
        return Ending.PICTURE if self.error is None else Ending.FAILED


AnyEvent = Event | BreakerChanged | LoopLagged | StoreChanged


def as_json(event: AnyEvent) -> dict[str, Any]:
    """Give an event as JSON holds it: the class's name as `event`, enumerations as words, money as text."""
    return {"event": type(event).__name__, **_plain(event)}


def _plain(value: Any) -> Any:
    if has(type(value)):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(type(value))}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return str(value.value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


class Observer(Protocol):
    """Told every event; called on the router's loop and must not block. What it raises never touches the request.

    It may have three more attributes. `before`, called with `AttemptStarted` before the attempt takes a place: an
    OSError keeps it from starting. `traceparent`, called with an attempt's id after `AttemptStarted`: the W3C header
    of its span, or None. `close`, called once, without arguments, when the router closes or a reload leaves it out.
    """

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        ...


def check_observer(name: str, observer: Observer) -> Observer:
    """Refuse what cannot be told of an event.

    Raises:
        ValueError: it is no function, or an asynchronous one, which nobody would await.
    """
    if not callable(observer):
        raise ValueError(f"observer {name!r} is no function: {type(observer).__name__}")  # noqa: TRY004 - as its like
    calls = (observer, getattr(observer, "__call__", None))  # noqa: B004 - the method itself is looked at
    if any(inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) for call in calls):
        raise ValueError(
            f"observer {name!r} is asynchronous, and nobody would await it; give a plain function that starts a task"
        )
    return observer
