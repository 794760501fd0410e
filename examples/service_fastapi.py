"""The same service on FastAPI: `python examples/service_fastapi.py pixroute.toml [port]`.

uvicorn waits for its handlers before it ends the lifespan, so the drain begins with the signal. What has not ended
after DRAIN seconds is answered with 503 and what it may have cost. Give the process manager more time than that.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from types import FrameType
from typing import Any

import attrs
import prometheus_client
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from pixroute import ImageResult, Router, trace
from pixroute.errors import DeadlineInfeasible, InvalidRequest, Moderated, PixrouteError, RequestFailed, ShuttingDown
from pixroute_otel.observer import OtelObserver
from pixroute_prometheus.observer import PrometheusObserver

DRAIN = float(os.environ.get("DRAIN", "120"))
STATUSES = {Moderated: 422, InvalidRequest: 400, DeadlineInfeasible: 504, ShuttingDown: 503}


class Wish(BaseModel):
    """What is asked."""

    prompt: str
    size: str | None = None
    timeout: float | None = None


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the router, and begin to drain when uvicorn is told to stop."""
    loop = asyncio.get_running_loop()
    uvicorns = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        asyncio.run_coroutine_threadsafe(router.aclose(drain=DRAIN), loop)
        if callable(uvicorns):
            uvicorns(number, frame)

    watching = {"otel": OtelObserver(), "prometheus": PrometheusObserver()}
    async with Router.from_toml(app.state.configuration, observers=watching) as router:
        app.state.router = router
        with suppress(ValueError):  # not the main thread, as in tests: somebody else ends it
            signal.signal(signal.SIGTERM, stop)
        yield
    if app.state.tracing is not None:  # uvicorn passes the signal on: nothing that waits for the exit is run
        await asyncio.to_thread(app.state.tracing.shutdown)


app = FastAPI(lifespan=lifespan)
app.state.tracing = None
app.mount("/metrics", prometheus_client.make_asgi_app())


@app.post("/generate")
async def generate(wish: Wish, request: Request) -> Response:
    """Answer with the picture itself."""
    trace.traceparent.set(request.headers.get("traceparent"))  # the caller's trace goes on below this request
    asked = app.state.router.generate(wish.prompt, size=wish.size, timeout=wish.timeout, tags={"path": "/generate"})
    try:
        result = await unless_gone(request, asked)
    except ValueError as error:
        return JSONResponse({"error": f"not a request: {error}"}, status_code=400)
    except PixrouteError as error:
        return refusal(error)
    headers = {"X-Provider": result.provider, "X-Cost": str(result.cost), "X-Request-Id": result.record.request_id}
    return Response(result.image.data, media_type=result.image.media_type, headers=headers)


async def unless_gone(request: Request, asked: Coroutine[Any, Any, ImageResult]) -> ImageResult:
    """Wait for the picture; who has left needs no fallback, so a closed connection ends its request."""
    task = asyncio.create_task(asked)
    gone = asyncio.ensure_future(request.receive())  # after the body nothing comes but the end of the connection
    try:
        await asyncio.wait([task, gone], return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        return await task
    finally:
        task.cancel()
        gone.cancel()


def refusal(error: PixrouteError) -> Response:
    """Say what failed, what it may have cost, and when to come back."""
    headers = {}
    document = {"error": str(error)}
    if isinstance(error, RequestFailed | ShuttingDown) and error.record is not None:
        document |= {"request": error.record.request_id, "cost": str(error.cost)}
    if isinstance(error, RequestFailed) and error.retryable and error.retry_after is not None:
        headers["Retry-After"] = str(round(error.retry_after) + 1)
    return JSONResponse(document, status_code=STATUSES.get(type(error), 502), headers=headers)


@app.get("/healthz")
async def healthz() -> dict[str, Any]:
    """Tell the router's state; 200 as long as the process can answer, for a restart cures no upstream."""
    entries = [attrs.asdict(entry) for entry in app.state.router.health()]
    sick = [entry["key"] for entry in entries if entry["state"] in {"open", "half-open", "held"}]
    return {"status": "degraded" if sick else "ok", "sick": sick, "entries": entries}


def start_tracing() -> None:
    """Set OpenTelemetry up as its environment variables say; without an endpoint spans are made by nobody."""
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
        from opentelemetry import trace as otel  # noqa: PLC0415 - the SDK is a service's choice
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        app.state.tracing = provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        otel.set_tracer_provider(provider)


if __name__ == "__main__":
    start_tracing()
    app.state.configuration = sys.argv[1]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 8080
    # The drain ends first; then answers have ten seconds to be written.
    uvicorn.run(app, host="127.0.0.1", port=port, timeout_graceful_shutdown=int(DRAIN) + 10)
