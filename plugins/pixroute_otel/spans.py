"""The spans: one for a request, one for each attempt below it, and what happened between them as span events."""

from __future__ import annotations

import asyncio
import time
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field
from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pixroute import events
from pixroute_otel import names
from pixroute_otel.metrics import error_type
from pixroute_otel.settings import OtelSettings
from pixroute_otel.usage import token_attributes

MOST_TOLD = 100
"""Requests in flight that are told of one breaker's change."""


@define
class OpenRequest:
    """A request whose span is open, and the context for those below it."""

    span: Span
    context: Context
    model: str | None = None
    named: bool = False
    tokens: dict[str, int] = field(factory=dict)


@define
class OpenAttempt:
    """An attempt whose span is open; `keys` are its breakers'."""

    span: Span
    request: OpenRequest
    keys: tuple[str | None, str]
    overdue: bool = False


class Spans:
    """Opens and closes spans; holds those of requests in flight, and nothing after them."""

    def __init__(self, tracer: Tracer, settings: OtelSettings) -> None:
        self._tracer = tracer
        self._settings = settings
        self._propagator = TraceContextTextMapPropagator()
        self.requests: dict[str, OpenRequest] = {}
        self.attempts: dict[str, OpenAttempt] = {}

    # Requests

    def request_started(self, event: events.RequestStarted) -> None:
        """Open the request's span below the caller's."""
        late = asyncio.get_running_loop().time() - event.at  # reading references took this long
        attributes: dict[str, Any] = {
            names.OPERATION: names.GENERATE,
            names.PROVIDER: "pixroute",
            names.OUTPUT_TYPE: names.IMAGE,
            names.REQUEST: event.request,
            names.CHAIN: event.chain,
            names.SIZE: event.size,
        }
        if event.n != 1:
            attributes[names.CHOICES] = event.n
        if event.timeout is not None:
            attributes[names.TIMEOUT] = event.timeout
        for tag in self._settings.tags:
            if tag in event.tags:
                attributes[names.TAG + tag] = event.tags[tag]
        span = self._tracer.start_span(
            names.GENERATE,
            self._parent(event.traceparent),
            SpanKind.CLIENT,
            attributes,
            start_time=time.time_ns() - int(late * 1e9),
        )
        self.requests[event.request] = OpenRequest(span, set_span_in_context(span))

    def _parent(self, traceparent: str | None) -> Context:
        here = contexts.get_current()
        if traceparent is None or get_current_span(here).get_span_context().is_valid:
            return here
        return self._propagator.extract({"traceparent": traceparent}, here)

    def request_finished(self, event: events.RequestFinished) -> OpenRequest | None:
        """Close the request's span."""
        request = self.requests.pop(event.request, None)
        if request is None:
            return None
        span = request.span
        if span.is_recording():
            attributes: dict[str, Any] = {
                names.ENDING: str(event.ending),
                names.FELL_BACK: event.fell_back,
                names.ATTEMPTS: event.attempts,
                names.PICTURES: event.pictures,
            }
            if event.provider is not None:
                attributes[names.PROVIDER] = event.provider
                attributes[names.FINISH_REASONS] = ["stop"]
            if event.blame is not None:
                attributes[names.BLAME] = str(event.blame)
            attributes |= self._money(event)
            attributes |= request.tokens
            if error := error_type(event):
                attributes[names.ERROR_TYPE] = error
                span.set_status(Status(StatusCode.ERROR, str(event.ending)))
            span.set_attributes(attributes)
        span.end()
        return request

    def _money(self, event: events.RequestFinished) -> dict[str, Any]:
        if event.cost is None:
            return {}
        told = _cost(event.cost.certain, event.cost.possible, event.cost.currency)
        if self._settings.usage_cost and event.cost.certain is not None:
            told |= {
                names.COST_AMOUNT: float(event.cost.certain),
                names.COST_CURRENCY: event.cost.currency,
                names.COST_SOURCE: "local",
            }
        return told

    # Attempts

    def attempt_started(self, event: events.AttemptStarted) -> None:
        """Open an attempt's span, and say in the request's what began."""
        request = self.requests.get(event.request)
        if request is None:
            return
        if not request.named:
            request.named, request.model = True, event.model
            if event.model is not None:
                request.span.update_name(f"{names.GENERATE} {event.model}")
                request.span.set_attribute(names.REQUEST_MODEL, event.model)
        if event.fell_back and event.number > 1 and not (event.hedge or event.retry):
            request.span.add_event("pixroute.fallback", {names.OWN_PROVIDER: event.provider})
        attributes: dict[str, Any] = {
            names.PROVIDER: event.provider,
            names.OWN_PROVIDER: event.provider,
            names.ATTEMPT: event.attempt,
            names.NUMBER: event.number,
            names.PART: event.part,
            names.HEDGE: event.hedge,
            names.RETRY: event.retry,
            names.FELL_BACK: event.fell_back,
            names.RESOLUTION: event.resolution,
        }
        if event.model is not None:
            attributes[names.REQUEST_MODEL] = event.model
        if event.origin is not None:
            attributes |= _server(event.origin)
        span = self._tracer.start_span(f"attempt {event.provider}", request.context, SpanKind.INTERNAL, attributes)
        keys = (event.origin, f"{event.upstream} {event.resolution}")
        self.attempts[event.attempt] = OpenAttempt(span, request, keys)

    def attempt_finished(self, event: events.AttemptFinished) -> OpenAttempt | None:
        """Close an attempt's span."""
        attempt = self.attempts.pop(event.attempt, None)
        if attempt is None:
            return None
        span = attempt.span
        if span.is_recording():
            span.set_attributes(self._end_of(event))
            if event.kind is not None and str(event.kind) != "cancelled":
                span.set_status(Status(StatusCode.ERROR, str(event.kind)))
        span.end()
        for name, count in token_attributes(event.usage).items() if event.usage else ():
            attempt.request.tokens[name] = attempt.request.tokens.get(name, 0) + count
        return attempt

    def _end_of(self, event: events.AttemptFinished) -> dict[str, Any]:
        attributes: dict[str, Any] = {
            names.KIND: "picture" if event.kind is None else str(event.kind),
            names.STAGE: str(event.stage),
            names.BILLING: str(event.billing),
            **_cost(event.cost.certain, event.cost.possible, event.cost.currency),
        }
        if event.kind is not None and str(event.kind) != "cancelled":
            attributes[names.ERROR_TYPE] = str(event.kind)
        optional = {
            names.BLAME: event.blame and str(event.blame),
            names.FIRST_BYTE: event.first_byte,
            names.RESPONSE_ID: event.provider_request_id,
            names.RESPONSE_MODEL: event.answered_by,
            names.MESSAGE: str(event.failure) if self._settings.messages and event.failure else None,
            names.URL: event.failure.url if self._settings.urls and event.failure else None,
        }
        attributes |= {name: value for name, value in optional.items() if value is not None}
        if event.pictures:
            attributes[names.WIDTH], attributes[names.HEIGHT] = event.pictures[0]
        return attributes

    # What happens between them

    def happened(self, request: str, name: str, **attributes: str) -> None:
        """Add a span event to a request in flight."""
        if (found := self.requests.get(request)) is not None:
            found.span.add_event(name, attributes)

    def noted(self, attempt: str, name: str, **attributes: str | float) -> None:
        """Add a span event to an attempt in flight."""
        if (found := self.attempts.get(attempt)) is not None:
            found.span.add_event(name, attributes)

    def breaker(self, event: events.BreakerChanged) -> None:
        """Tell some of those in flight on its way that a breaker changed."""
        concerned = (attempt for attempt in self.attempts.values() if event.key in attempt.keys)
        said = {names.SCOPE: event.scope, names.BREAKER: event.key, names.STATE: str(event.state)}
        if event.reason is not None:
            said[names.REASON] = str(event.reason)
        for attempt in islice(concerned, MOST_TOLD):
            attempt.span.add_event("pixroute.breaker", said)

    def traceparent(self, attempt: str) -> str | None:
        """Give the W3C header of an attempt's span."""
        found = self.attempts.get(attempt)
        if found is None:
            return None
        span = found.span.get_span_context()
        return f"00-{span.trace_id:032x}-{span.span_id:016x}-{int(span.trace_flags):02x}" if span.is_valid else None


def _cost(certain: Any, possible: Any, currency: str) -> dict[str, Any]:
    """Give money as attributes; what is unknown is left out."""
    told: dict[str, Any] = {names.CURRENCY: currency}
    if certain is not None:
        told[names.CERTAIN] = float(certain)
    if possible is not None:
        told[names.POSSIBLE] = float(possible)
    return told


def _server(origin: str) -> dict[str, Any]:
    parts = urlsplit(origin)
    port = {names.SERVER_PORT: parts.port} if parts.port is not None else {}
    return {names.SERVER_ADDRESS: parts.hostname or origin, **port}
