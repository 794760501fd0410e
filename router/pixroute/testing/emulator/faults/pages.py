"""What intermediaries answer in an upstream's place, to the byte (upstreams §6), and redirects."""

from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from attrs import frozen

from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.wire import Answer, WireDelivery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pixroute.testing.emulator.exchange import EmulatedExchange

HTML = {"Content-Type": "text/html"}
TEXT = {"Content-Type": "text/plain"}
RAY = {"Server": "cloudflare", "cf-ray": "8f0c1e2d3a4b5c6d-SIN"}


@frozen(kw_only=True)
class Page:
    """A page and the time-out it stands for; the render behind a time-out goes on and is billed."""

    status: int
    headers: "Mapping[str, str]"
    body: str
    after: float = 0.0


def _nginx(status: int, title: str, *, after: float = 0.0) -> Page:
    headers = {"Server": "nginx/1.22.1", **HTML, "Connection": "keep-alive"}
    body = _titled(f"{status} {title}", "<hr><center>nginx/1.22.1</center>\r\n")
    return Page(status=status, headers=headers, body=body, after=after)


def _titled(title: str, rule: str) -> str:
    head = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
    return f"{head}<center><h1>{title}</h1></center>\r\n{rule}</body>\r\n</html>\r\n"


CLOUDFLARE = {
    "text": Page(status=524, headers=TEXT | RAY, body="error code: 524", after=100.0),
    "html": Page(
        status=524,
        headers=HTML | RAY,
        body="<!DOCTYPE html><html><head><title>api.example | 524: A timeout occurred</title></head>"
        "<body><h1>A timeout occurred</h1><p>Error code 524</p></body></html>",
        after=100.0,
    ),
    "json": Page(
        status=524,
        headers={"Content-Type": "application/json"} | RAY,
        body='{"error":{"code":524,"message":"Gateway timeout.","param":null,"type":"cf_gateway_timeout"}}',
        after=100.0,
    ),
}
HAPROXY = "<html><body><h1>504 Gateway Time-out</h1>\nThe server didn't respond in time.\n</body></html>\n"
TIMEOUTS = {
    "nginx-504": _nginx(504, "Gateway Time-out", after=60.0),
    "alb-504": Page(
        status=504, headers={"Server": "awselb/2.0"} | HTML, body=_titled("504 Gateway Time-out", ""), after=60.0
    ),
    "haproxy-504": Page(
        status=504,
        headers={"cache-control": "no-cache", "content-type": "text/html"},
        body=HAPROXY,
        after=60.0,
    ),
    "heroku-503": Page(
        status=503,
        headers={"Server": "Heroku", "Via": "1.1 vegur"} | HTML,
        body="<!DOCTYPE html><html><head><title>Application error</title></head><body>Application error</body></html>",
        after=30.0,
    ),
    "envoy-504": Page(status=504, headers={"server": "envoy"} | TEXT, body="upstream request timeout", after=30.0),
}
DEAD = {"nginx-502": _nginx(502, "Bad Gateway"), "nginx-503": _nginx(503, "Service Temporarily Unavailable")}


async def _time_out(exchange: "EmulatedExchange", page: Page) -> Answer:
    exchange.begin(exchange.order)
    return await _show(exchange, page)


async def _show(exchange: "EmulatedExchange", page: Page) -> Answer:
    await exchange.after()
    return Answer(status=page.status, headers=page.headers, body=page.body.encode())


async def _cloudflare(exchange: "EmulatedExchange") -> Answer:
    return await _time_out(exchange, CLOUDFLARE[exchange.option("style")])


async def _redirect(exchange: "EmulatedExchange") -> Answer:
    await exchange.after()
    location = exchange.option("to") or f"{exchange.call.origin}/elsewhere"
    return Answer(
        status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": location}, delivery=WireDelivery(end="fin")
    )


PAGES = {
    **{
        name: FaultKind(
            summary=f"{name} page after {page.after:.0f} s of silence; the work goes on",
            act=partial(_time_out, page=page),
            options={"after": page.after},
        )
        for name, page in TIMEOUTS.items()
    },
    **{
        name: FaultKind(summary=f"{name} page at once: nothing behind it is up", act=partial(_show, page=page))
        for name, page in DEAD.items()
    },
    "cloudflare-524": FaultKind(
        summary="Cloudflare's 524 in one of its three forms; the work goes on",
        act=_cloudflare,
        options={"style": tuple(CLOUDFLARE), "after": 100.0},
    ),
    "redirect": FaultKind(summary="307 to the URL `to` (default: the same origin)", act=_redirect, options={"to": ""}),
}
