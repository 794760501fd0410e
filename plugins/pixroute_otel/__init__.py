"""Observer `otel`: a span per request and attempt, and metrics, by the OpenTelemetry SDK of the service."""

from __future__ import annotations

from pixroute import ObserverSpec, hookimpl
from pixroute_otel.settings import OtelSettings


@hookimpl
def pixroute_observers() -> list[ObserverSpec]:
    """Offer the observer; opentelemetry is imported when a configuration names it."""
    summary = "spans and metrics for OpenTelemetry"
    create = "pixroute_otel.observer:OtelObserver"
    return [ObserverSpec(name="otel", create=create, settings=OtelSettings, summary=summary)]
