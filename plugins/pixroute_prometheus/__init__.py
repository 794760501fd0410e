"""Observer `prometheus`: metrics with bounded labels, and a small server that shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixroute import ObserverSpec, hookimpl
from pixroute_prometheus.settings import PrometheusSettings

if TYPE_CHECKING:
    from pixroute_prometheus.observer import PrometheusObserver


def create(settings: PrometheusSettings) -> PrometheusObserver:
    """Make the observer; prometheus_client is imported now, for a configuration names it.

    Raises:
        ValueError: the extra is not installed, or what the observer itself refuses.
    """
    try:
        from pixroute_prometheus.observer import PrometheusObserver  # noqa: PLC0415 - an extra, imported when used
    except ModuleNotFoundError as error:
        raise ValueError(f"it needs {error.name}: pip install 'pixroute[prometheus]'") from error
    return PrometheusObserver(settings)


@hookimpl
def pixroute_observers() -> list[ObserverSpec]:
    """Offer the observer."""
    return [
        ObserverSpec(
            name="prometheus",
            create=create,
            settings=PrometheusSettings,
            summary="metrics for Prometheus, with a server that shows them",
        )
    ]
