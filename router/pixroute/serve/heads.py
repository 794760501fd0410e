"""What the head of a request says beside its body: the model in a path, a key, that it is asked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from pixroute.serve.keys import ApiKey
from pixroute.serve.problem import GatewayProblem, bad
from pixroute.serve.repeats import Name, checked_key


def path_fields(request: web.Request) -> dict[str, Any]:
    """Give what Gemini's dialect says in the path."""
    found = request.match_info
    if "method" not in found:
        return {}
    return {"model": found["model"], "stream": found["method"] == "streamGenerateContent"}


def name_of(request: web.Request, digest: str, caller: ApiKey) -> Name:
    """Give the name of a request whose body has this digest.

    Raises:
        Refused: its `Idempotency-Key` cannot be kept.
    """
    keys = request.headers.getall("Idempotency-Key", ())
    if len(keys) > 1:
        raise bad("there is more than one Idempotency-Key")
    digest = f"{request.path} {digest}"
    return Name(caller=caller.prefix, key=checked_key(keys[0]) if keys else "", digest=digest)


def is_retry(request: web.Request) -> bool:
    """Tell whether OpenAI's client asks again by itself."""
    count = request.headers.get("x-stainless-retry-count", "")
    return count.isascii() and count.isdigit() and int(count[:6]) > 0


def unrouted(request: web.Request, error: web.HTTPException) -> GatewayProblem:
    """Tell of what no route takes."""
    if error.status == 404:
        return GatewayProblem(
            status=404,
            message=f"there is no {request.path[:200]} here; /openapi.json lists what there is",
            kind="not_found",
        )
    headers: Mapping[str, Any] = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return GatewayProblem(status=error.status, message=error.reason or "refused", kind="refused", headers=headers)
