"""A service: `python examples/service.py pixroute.toml [port]`, then POST /generate, GET /healthz, GET /metrics.

Traces go where OTEL_EXPORTER_OTLP_ENDPOINT says. On SIGTERM requests in flight have DRAIN seconds to end; what has not
ended then is answered with 503 and what it may have cost. Give the process manager more time than that.
"""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import attrs
import prometheus_client
from aiohttp import web

from pixroute import Router, trace
from pixroute.errors import DeadlineInfeasible, InvalidRequest, Moderated, PixrouteError, RequestFailed, ShuttingDown
from pixroute_otel.observer import OtelObserver
from pixroute_prometheus.observer import PrometheusObserver

DRAIN = float(os.environ.get("DRAIN", "120"))
ROUTER = web.AppKey("router", Router)
STATUSES = {Moderated: 422, InvalidRequest: 400, DeadlineInfeasible: 504, ShuttingDown: 503}


async def generate(request: web.Request) -> web.Response:
    """Take {"prompt": …, "size": …, "timeout": …}; answer with the picture itself."""
    trace.traceparent.set(request.headers.get("traceparent"))  # the caller's trace goes on below this request
    try:
        wish = await request.json()
        result = await request.app[ROUTER].generate(
            wish["prompt"], size=wish.get("size"), timeout=wish.get("timeout"), tags={"path": request.path}
        )
    except (KeyError, ValueError) as error:
        return web.json_response({"error": f"not a request: {error}"}, status=400)
    except PixrouteError as error:
        return refusal(error)
    headers = {"X-Provider": result.provider, "X-Cost": str(result.cost), "X-Request-Id": result.record.request_id}
    return web.Response(body=result.image.data, content_type=result.image.media_type, headers=headers)


def refusal(error: PixrouteError) -> web.Response:
    """Say what failed, what it may have cost, and when to come back."""
    headers = {}
    document = {"error": str(error)}
    if isinstance(error, RequestFailed | ShuttingDown) and error.record is not None:
        document |= {"request": error.record.request_id, "cost": str(error.cost)}
    if isinstance(error, RequestFailed) and error.retryable and error.retry_after is not None:
        headers["Retry-After"] = str(round(error.retry_after) + 1)
    return web.json_response(document, status=STATUSES.get(type(error), 502), headers=headers)


async def healthz(request: web.Request) -> web.Response:
    """Tell the router's state; 200 as long as the process can answer, for a restart cures no upstream."""
    entries = [attrs.asdict(entry) for entry in request.app[ROUTER].health()]
    sick = [entry["key"] for entry in entries if entry["state"] in {"open", "half-open", "held"}]
    return web.json_response({"status": "degraded" if sick else "ok", "sick": sick, "entries": entries})


async def metrics(_request: web.Request) -> web.Response:
    """Show what Prometheus scrapes."""
    headers = {"Content-Type": prometheus_client.CONTENT_TYPE_LATEST}
    return web.Response(body=prometheus_client.generate_latest(), headers=headers)


async def drain(app: web.Application) -> None:
    """Let what is in flight end; aiohttp calls this before it waits for its handlers, and they can still answer."""
    await app[ROUTER].aclose(drain=DRAIN)


def make_app(opening: AbstractAsyncContextManager[Router]) -> web.Application:
    """Give the application; leaving it drains what is in flight."""
    app = web.Application()

    async def router(app: web.Application) -> AsyncIterator[None]:
        async with opening as opened:
            app[ROUTER] = opened
            yield

    app.cleanup_ctx.append(router)
    app.on_shutdown.append(drain)
    app.add_routes([web.post("/generate", generate), web.get("/healthz", healthz), web.get("/metrics", metrics)])
    return app


def start_tracing() -> None:
    """Set OpenTelemetry up as its environment variables say; without an endpoint spans are made by nobody."""
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        from opentelemetry import trace as otel  # noqa: PLC0415 - the SDK is a service's choice
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        provider = TracerProvider()  # sends what is left when the process ends
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        otel.set_tracer_provider(provider)


if __name__ == "__main__":
    start_tracing()
    watching = {"otel": OtelObserver(), "prometheus": PrometheusObserver()}
    # Who has left needs no fallback, so a closed connection ends its request.
    web.run_app(
        make_app(Router.from_toml(sys.argv[1], observers=watching)),
        port=int(sys.argv[2]) if len(sys.argv) > 2 else 8080,
        handler_cancellation=True,
        shutdown_timeout=10,  # for answers that are being written when the drain is over
    )
