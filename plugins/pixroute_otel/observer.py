"""The observer: each event to its span and its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from pixroute import events
from pixroute_otel import names
from pixroute_otel.metrics import OtelMetrics
from pixroute_otel.settings import OtelSettings
from pixroute_otel.spans import Spans

_DEFAULT = OtelSettings()
_NAME = "pixroute"


class OtelObserver:
    """Tells OpenTelemetry what a router does; no span or metric carries a prompt or a key.

    Args:
        settings: what is told beyond the usual.
        tracer_provider: None takes the global one, as `meter_provider`.
        meter_provider: where the metrics go.
    """

    def __init__(
        self,
        settings: OtelSettings = _DEFAULT,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        self._spans = Spans(trace.get_tracer(_NAME, tracer_provider=tracer_provider), settings)
        self._metrics = OtelMetrics(metrics.get_meter(_NAME, meter_provider=meter_provider), settings.tags)
        self.traceparent = self._spans.traceparent
        self._takes: Mapping[type, Callable[[Any], None]] = {
            events.RequestStarted: self._spans.request_started,
            events.RequestFinished: self._request_finished,
            events.AttemptStarted: self._attempt_started,
            events.AttemptFinished: self._attempt_finished,
            events.AttemptOverdue: self._attempt_overdue,
            events.AttemptCorrected: self._metrics.corrected,
            events.JobAccepted: self._job_accepted,
            events.RetryScheduled: self._retry_scheduled,
            events.HedgeStarted: self._hedge_started,
            events.ProviderSkipped: self._provider_skipped,
            events.BreakerChanged: self._breaker_changed,
            events.LoopLagged: self._loop_lagged,
            events.StoreChanged: self._store_changed,
        }

    def __call__(self, event: events.AnyEvent) -> None:
        """Take one event."""
        take = self._takes.get(type(event))
        if take is not None:
            take(event)

    def _request_finished(self, event: events.RequestFinished) -> None:
        request = self._spans.request_finished(event)
        self._metrics.finished(event, None if request is None else request.model)

    def _attempt_started(self, event: events.AttemptStarted) -> None:
        self._spans.attempt_started(event)
        self._metrics.began(event)

    def _attempt_finished(self, event: events.AttemptFinished) -> None:
        attempt = self._spans.attempt_finished(event)
        self._metrics.ended(event)
        if attempt is not None and attempt.overdue:
            self._metrics.overdue(event.provider, -1)

    def _attempt_overdue(self, event: events.AttemptOverdue) -> None:
        attempt = self._spans.attempts.get(event.attempt)
        if attempt is not None and not attempt.overdue:
            attempt.overdue = True
            attempt.span.add_event("pixroute.overdue")
            self._metrics.overdue(event.provider, 1)

    def _job_accepted(self, event: events.JobAccepted) -> None:
        self._spans.noted(event.attempt, "pixroute.job", **{names.JOB: str(event.job.get("id", ""))})

    def _retry_scheduled(self, event: events.RetryScheduled) -> None:
        provider = event.provider or "chain"
        self._spans.happened(event.request, "pixroute.retry", **{names.OWN_PROVIDER: provider})
        self._metrics.retried(event.provider)

    def _hedge_started(self, event: events.HedgeStarted) -> None:
        said = {names.OWN_PROVIDER: event.provider, names.BESIDE: event.beside}
        self._spans.happened(event.request, "pixroute.hedge", **said)

    def _provider_skipped(self, event: events.ProviderSkipped) -> None:
        said = {names.OWN_PROVIDER: event.provider, names.REASON: event.reason}
        self._spans.happened(event.request, "pixroute.skipped", **said)

    def _breaker_changed(self, event: events.BreakerChanged) -> None:
        self._spans.breaker(event)
        self._metrics.breaker(event)

    def _loop_lagged(self, event: events.LoopLagged) -> None:
        self._metrics.lagged(event.seconds)

    def _store_changed(self, event: events.StoreChanged) -> None:
        self._metrics.store(event)
