"""The observer: each event to its metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry

from pixroute import events
from pixroute_prometheus.exposition import forget_at_exit, serve
from pixroute_prometheus.metrics import metrics_on
from pixroute_prometheus.settings import PrometheusSettings

_DEFAULT = PrometheusSettings()


class PrometheusObserver:
    """Counts what a router does; no label carries a prompt, a key or a URL beyond an origin.

    Args:
        settings: as in a configuration.
        registry: where the metrics are made, once; the default is prometheus_client's own.

    Raises:
        ValueError: nobody can listen at the port, or the registry's metrics have other tags.
    """

    def __init__(self, settings: PrometheusSettings = _DEFAULT, *, registry: CollectorRegistry = REGISTRY) -> None:
        self._metrics = metrics_on(registry, settings.tags)
        self._overdue: dict[str, str] = {}
        self._not_closed: dict[str, str] = {}
        self._away: set[str] = set()
        self._stop: Callable[[], None] | None = None
        forget_at_exit()
        if settings.port is not None:
            self._stop = serve(settings.host, settings.port, registry)
        self._takes: Mapping[type, Callable[[Any], None]] = {
            events.RequestFinished: self._request_finished,
            events.AttemptStarted: self._attempt_started,
            events.AttemptFinished: self._attempt_finished,
            events.AttemptOverdue: self._attempt_overdue,
            events.AttemptCorrected: self._attempt_corrected,
            events.RetryScheduled: self._retry_scheduled,
            events.BreakerChanged: self._breaker_changed,
            events.LoopLagged: self._loop_lagged,
            events.StoreChanged: self._store_changed,
        }

    def __call__(self, event: events.AnyEvent) -> None:
        """Take one event."""
        take = self._takes.get(type(event))
        if take is not None:
            take(event)

    def close(self) -> None:
        """Stop showing, if nobody else needs it."""
        stop, self._stop = self._stop, None
        if stop is not None:
            stop()

    def _request_finished(self, event: events.RequestFinished) -> None:
        metrics = self._metrics
        tags = [event.tags.get(tag) for tag in metrics.tags]
        metrics.requests.of(event.chain, event.ending, *tags).inc()
        metrics.request_seconds.of(event.chain).observe(event.seconds)
        if event.fell_back:
            metrics.fallbacks.of(event.chain).inc()

    def _attempt_started(self, event: events.AttemptStarted) -> None:
        self._metrics.in_flight.of(event.provider).inc()

    def _attempt_finished(self, event: events.AttemptFinished) -> None:
        metrics, provider = self._metrics, event.provider
        metrics.in_flight.of(provider).dec()
        if self._overdue.pop(event.attempt, None) is not None:
            metrics.overdue.of(provider).dec()
        metrics.attempts.of(provider, event.kind or "picture", event.billing).inc()
        metrics.attempt_seconds.of(provider, event.resolution).observe(event.seconds)
        if event.hedge:
            metrics.hedges.of(provider, "won" if event.won else "lost").inc()
        if event.pixels_short:
            metrics.pixels_short.of(provider).inc(event.pixels_short)
        cost = event.cost
        if cost.certain is None or cost.possible is None:
            metrics.cost_unknown.of(provider).inc()
        if cost.certain:
            metrics.cost.of(provider, cost.currency, "certain").inc(float(cost.certain))
        if cost.possible:
            metrics.cost.of(provider, cost.currency, "possible").inc(float(cost.possible))

    def _attempt_overdue(self, event: events.AttemptOverdue) -> None:
        if event.attempt not in self._overdue:
            self._overdue[event.attempt] = event.provider
            self._metrics.overdue.of(event.provider).inc()

    def _attempt_corrected(self, event: events.AttemptCorrected) -> None:
        amount = (event.was.possible or Decimal(0)) - (event.cost.possible or Decimal(0))
        if amount > 0:
            self._metrics.cost_corrected.of(event.provider, event.cost.currency).inc(float(amount))

    def _retry_scheduled(self, event: events.RetryScheduled) -> None:
        self._metrics.retries.of(event.provider or "chain").inc()

    def _breaker_changed(self, event: events.BreakerChanged) -> None:
        was_open = self._not_closed.pop(event.key, None) is not None
        is_open = event.state != "closed"
        if is_open:
            self._not_closed[event.key] = event.scope
        if is_open != was_open:
            self._metrics.breaker_open.of(event.scope, event.key).inc(1 if is_open else -1)

    def _loop_lagged(self, event: events.LoopLagged) -> None:
        self._metrics.loop_lag.of().inc(event.seconds)

    def _store_changed(self, event: events.StoreChanged) -> None:
        metrics = self._metrics
        metrics.store_changes.of(event.port, event.state).inc()
        was_away = event.port in self._away
        if event.state == "away":
            self._away.add(event.port)
        else:
            self._away.discard(event.port)
        if was_away != (event.port in self._away):
            metrics.store_away.of(event.port).inc(-1 if was_away else 1)
