"""Observer `otel`: a span per request and attempt, and metrics, by the OpenTelemetry SDK of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixroute import ObserverSpec, hookimpl
from pixroute_otel.settings import OtelSettings

if TYPE_CHECKING:
    from pixroute_otel.observer import OtelObserver


def create(settings: OtelSettings) -> OtelObserver:
    """Make the observer; opentelemetry is imported now, for a configuration names it.

    Raises:
        ValueError: the extra is not installed, or what the observer itself refuses.
    """
    try:
        from pixroute_otel.observer import OtelObserver  # noqa: PLC0415 - an extra, imported when used
    except ModuleNotFoundError as error:
        raise ValueError(f"it needs {error.name}: pip install 'pixroute[otel]'") from error
    return OtelObserver(settings)


@hookimpl
def pixroute_observers() -> list[ObserverSpec]:
    """Offer the observer."""
    return [
        ObserverSpec(name="otel", create=create, settings=OtelSettings, summary="spans and metrics for OpenTelemetry")
    ]
