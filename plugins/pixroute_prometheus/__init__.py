"""Observer `prometheus`: metrics with bounded labels, and a small server that shows them."""

from __future__ import annotations

from pixroute import ObserverSpec, hookimpl
from pixroute_prometheus.settings import PrometheusSettings


@hookimpl
def pixroute_observers() -> list[ObserverSpec]:
    """Offer the observer; prometheus_client is imported when a configuration names it."""
    summary = "metrics for Prometheus, with a server that shows them"
    create = "pixroute_prometheus.observer:from_settings"
    return [ObserverSpec(name="prometheus", create=create, settings=PrometheusSettings, summary=summary)]
