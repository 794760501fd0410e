"""Faults that are an error's JSON: nothing is made and nothing is billed (upstreams §9)."""

import copy
import json
import time
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator.envelopes import detail
from pixroute.testing.emulator.faults.bodies import BODIES, wording
from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.wire import http_date

if TYPE_CHECKING:
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.kind import Default
    from pixroute.testing.emulator.wire import Answer

# Where a hint of seconds may stand. `retry-after-ms` alone is given in milliseconds.
HINTS: "dict[str, Default]" = {
    "retry-after": None,
    "retry-after-date": None,
    "retry-after-ms": None,
    "retry-info": None,
    "text": None,
}


async def _error(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    status, body = _worded(exchange)
    return exchange.error(status, body)


async def _hinted(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    status, body = _worded(exchange)
    error = body["error"] if isinstance(body.get("error"), dict) else body
    # At scale 0 nothing takes time, so there is nothing a hint could be consistent with: it stays as given.
    scale = exchange.studio.time_scale or 1.0
    hints = {name: value * scale for name in HINTS if (value := exchange.option(name)) is not None}
    if "retry-info" in hints:
        delay = detail("RetryInfo", retryDelay=f"{_number(hints['retry-info'])}s")
        error["details"] = [*error.get("details", []), delay]
    if "text" in hints:
        error["message"] = f"{error.get('message', '')}\nPlease retry in {_number(hints['text'])}s."
    return exchange.error(status, body, _headers(hints))


def _headers(hints: dict[str, float]) -> dict[str, str]:
    headers = {name: _number(value) for name, value in hints.items() if name in {"retry-after", "retry-after-ms"}}
    if "retry-after-date" in hints:
        headers["retry-after"] = http_date(time.time() + hints["retry-after-date"])
    return headers


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


async def _made_and_lost(exchange: "EmulatedExchange") -> "Answer":
    if exchange.option("variant") == "write-failed":
        await exchange.make(exchange.order, charged=False)
    return await _error(exchange)


async def _in_200(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    _, body = _of(exchange)
    return exchange.error(200, body)


async def _in_array(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    status, body = _of(exchange)
    return exchange.error(status, [body])


async def _nested(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    status, body = _of(exchange)
    relayed = {"message": json.dumps(body), "type": "upstream_error", "param": str(status), "code": None}
    return exchange.error(status, {"error": relayed})


def _worded(exchange: "EmulatedExchange") -> tuple[int, Any]:
    assert exchange.fault
    status, body = wording(exchange.fault.name, exchange.option("variant"), exchange.dialect.voice)
    return int(exchange.option("status") or status), copy.deepcopy(body)


def _of(exchange: "EmulatedExchange") -> tuple[int, Any]:
    return wording(exchange.option("of"), "own", exchange.dialect.voice)


def _kind(name: str, summary: str) -> FaultKind:
    hinted = name in {"overloaded", "rate-limited"}
    act = _hinted if hinted else _made_and_lost if name == "server-error" else _error
    options: dict[str, Default] = {"variant": tuple(BODIES[name]), "status": None, **(HINTS if hinted else {})}
    return FaultKind(summary=summary, act=act, options=options)


_OF: "dict[str, Default]" = {"of": tuple(BODIES)}

ERRORS = {
    "overloaded": _kind("overloaded", "the model is overloaded: 503, in Ark's and saturated groups' words 429"),
    "rate-limited": _kind("rate-limited", "429, with a hint in any of its places"),
    "quota": _kind("quota", "no money left, or no quota: 402, 403 or 429"),
    "bad-key": _kind("bad-key", "the key is not valid: 401, at Google 400"),
    "forbidden": _kind("forbidden", "403: the key may not use this model"),
    "model-gone": _kind("model-gone", "404: no such model; or 400: not supported"),
    "invalid": _kind("invalid", "400: the request is wrong"),
    "server-error": _kind("server-error", "500; a restarting gateway's empty 502; a picture it could not deliver"),
    "deadline": _kind("deadline", "504 in the provider's own JSON"),
    "error-in-200": FaultKind(summary="an error's body under status 200", act=_in_200, options=_OF),
    "array-error": FaultKind(summary="an error wrapped in an array, as Google may", act=_in_array, options=_OF),
    "nested-error": FaultKind(summary="an error's JSON as text inside `message`", act=_nested, options=_OF),
}
