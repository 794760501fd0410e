"""A service: `python examples/service.py pixroute.toml`, then POST /generate and GET /healthz."""

import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import attrs
from aiohttp import web

from pixroute import Router
from pixroute.errors import DeadlineInfeasible, InvalidRequest, Moderated, PixrouteError, RequestFailed, ShuttingDown

ROUTER = web.AppKey("router", Router)
STATUSES = {Moderated: 422, InvalidRequest: 400, DeadlineInfeasible: 504, ShuttingDown: 503}


async def generate(request: web.Request) -> web.Response:
    """Take {"prompt": …, "size": …, "timeout": …}; answer with the picture itself."""
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
    """Say what failed, and when to come back."""
    headers = {}
    document = {"error": str(error)}
    if isinstance(error, RequestFailed):
        document |= {"request": error.record.request_id, "cost": str(error.cost)}
        if error.retryable and error.retry_after is not None:
            headers["Retry-After"] = str(round(error.retry_after) + 1)
    return web.json_response(document, status=STATUSES.get(type(error), 502), headers=headers)


async def healthz(request: web.Request) -> web.Response:
    """Tell the router's state; 200 as long as the process can answer, for a restart cures no upstream."""
    entries = [attrs.asdict(entry) for entry in request.app[ROUTER].health()]
    sick = [entry["key"] for entry in entries if entry["state"] in {"open", "half-open", "held"}]
    return web.json_response({"status": "degraded" if sick else "ok", "sick": sick, "entries": entries})


def make_app(opening: AbstractAsyncContextManager[Router]) -> web.Application:
    """Give the application; leaving it drains what is in flight."""
    app = web.Application()

    async def router(app: web.Application) -> AsyncIterator[None]:
        async with opening as opened:
            app[ROUTER] = opened
            yield

    app.cleanup_ctx.append(router)
    app.add_routes([web.post("/generate", generate), web.get("/healthz", healthz)])
    return app


if __name__ == "__main__":
    # Who has left needs no fallback, so a closed connection ends its request.
    web.run_app(make_app(Router.from_toml(sys.argv[1])), handler_cancellation=True)
