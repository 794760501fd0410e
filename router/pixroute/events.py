"""What happens, told as it happens: frozen values handed to observers one by one.

No event carries a prompt or a secret. `at` is the loop's time in seconds; `request` and `attempt` are ids.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Protocol

from attrs import field, frozen

from pixroute.cost import Cost
from pixroute.outcome import Billing, Failure, Stage


@frozen(kw_only=True)
class Event:
    """Common to all events; `part` counts from 0 among the n parts of a request."""

    at: float
    request: str
    part: int = 0


@frozen(kw_only=True)
class RequestStarted(Event):
    """A request was accepted."""

    chain: str
    size: str
    n: int
    timeout: float | None
    tags: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class ProviderSkipped(Event):
    """A provider was passed over by our decision; told once per request and reason."""

    provider: str
    reason: str


@frozen(kw_only=True)
class AttemptStarted(Event):
    """An attempt was admitted and its clock runs; told before anything is sent."""

    attempt: str
    provider: str
    model: str | None
    resolution: str
    ends_at: float
    price: Cost
    hedge: bool = False


@frozen(kw_only=True)
class JobAccepted(Event):
    """A provider took an attempt as a job; told before it is first asked for. `job` is what `Router.claim` takes."""

    attempt: str
    provider: str
    job: Mapping[str, Any]


@frozen(kw_only=True)
class AttemptFinished(Event):
    """An attempt ended; `failure` is None for a valid picture."""

    attempt: str
    provider: str
    stage: Stage
    billing: Billing
    cost: Cost
    seconds: float
    failure: Failure | None = None
    provider_request_id: str | None = None
    won: bool = False


@frozen(kw_only=True)
class AttemptCorrected(Event):
    """An attempt that ended as billed perhaps cost nothing: its job was called off before it began.

    It comes within 2 s, perhaps after the end of its request; `was` is what `AttemptFinished` told.
    """

    attempt: str
    provider: str
    billing: Billing
    cost: Cost
    was: Cost


@frozen(kw_only=True)
class RetryScheduled(Event):
    """The same provider is asked again at `retry_at`, or (provider None) the chain begins another round."""

    provider: str | None
    retry_at: float
    round: int = 0


@frozen(kw_only=True)
class HedgeStarted(Event):
    """A fallback joined an attempt in flight."""

    attempt: str
    provider: str
    beside: str
    why: str


@frozen(kw_only=True)
class BreakerChanged:
    """A breaker changed its state, or an operator said something of it.

    `key` names the origin or upstream and resolution. `until` None while open: not by itself. `forced` is what an
    operator has said and still holds ("open", "closed", "observe"); `by_operator`: his word is what changed it.
    """

    at: float
    key: str
    state: str
    reason: str | None
    until: float | None
    forced: str | None = None
    by_operator: bool = False


@frozen(kw_only=True)
class LoopLagged:
    """The event loop was late by `seconds`, 0.25 at least: something blocked it, or the machine was paused."""

    at: float
    seconds: float


@frozen(kw_only=True)
class HintIgnored(Event):
    """A provider's hint was negative, absurd or unreadable."""

    provider: str
    text: str


@frozen(kw_only=True)
class RequestFinished(Event):
    """A request ended; `failure` is None for a result."""

    seconds: float
    cost: Cost | None = None
    provider: str | None = None
    error: str | None = None
    tags: Mapping[str, str] = field(factory=dict)


AnyEvent = Event | BreakerChanged | LoopLagged


class Observer(Protocol):
    """Told every event; called on the router's loop and must not block. What it raises never touches the request."""

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
