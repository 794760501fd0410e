"""Proxies on the way, recognised by the pages they answer with (upstreams §6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from pixroute.http.call import Reply

_BEYOND_HTTP = frozenset({520, 521, 522, 523, 524, 525, 526, 527, 530})  # Cloudflare's alone; 529 is an overload
_CUTS = _BEYOND_HTTP | {502, 503, 504}


@frozen(kw_only=True)
class Intermediary:
    """A proxy that answered in the provider's place.

    `cuts`: its status says that it gave up on a request which the provider may have begun; else it refused by itself.
    """

    name: str
    cuts: bool
    meaning: str
    advice: str


@frozen(kw_only=True)
class Sign:
    """How a proxy gives itself away; all that is given must be there.

    Args:
        page: a pattern in a body that is not JSON, in lower case.
        json: a pattern in the strings of a body that is, in lower case; a page alone counts unless this is given.
        header: a name, and a part of its value in lower case.
        statuses: under these alone, and then whatever the body is.
    """

    page: str = ""
    json: str | None = None
    header: tuple[str, str] | None = None
    statuses: frozenset[int] = frozenset()

    def in_reply(self, reply: Reply) -> bool:
        """Tell whether the reply shows it."""
        if self.statuses:
            return reply.status in self.statuses
        if (reply.json is None) != (self.json is None):
            return False
        if self.header and not self._in_headers(reply.headers, *self.header):
            return False
        if self.json is None:
            return re.search(self.page, reply.text.lower()) is not None
        return any(re.search(self.json, text) for text in _strings(reply.json))

    @staticmethod
    def _in_headers(headers: Mapping[str, str], name: str, part: str) -> bool:
        return name in headers and part in headers[name].lower()


@frozen(kw_only=True)
class Proxy:
    """A product: its name, its signs (any one suffices), what lengthens its time-out and its limit on bodies.

    `gave_up` are the statuses by which it reports its own time-out.
    """

    name: str
    signs: tuple[Sign, ...]
    remedy: str
    gave_up: frozenset[int] = frozenset({504, 524})
    body_limit: str = "its limit on request bodies"


def _signs(*pages: str) -> tuple[Sign, ...]:
    return tuple(Sign(page=page) for page in pages)


PROXIES: tuple[Proxy, ...] = (
    Proxy(
        name="Cloudflare",
        signs=(
            Sign(statuses=_BEYOND_HTTP),
            Sign(json="cf_gateway_timeout|origin_response_timeout"),
            Sign(page=r"^\s*error code: \d{3,4}\s*$"),
            Sign(header=("server", "cloudflare")),
        ),
        remedy="use a host that is not behind Cloudflare, which waits 100 to 120 s",
    ),
    Proxy(
        name="AWS API Gateway",
        signs=(Sign(json="^endpoint request timed out$"),),
        remedy="take a route without API Gateway, which waits 29 s",
    ),
    Proxy(
        name="CloudFront",
        signs=(Sign(header=("server", "cloudfront")), Sign(header=("x-cache", "error from cloudfront"))),
        remedy="raise CloudFront's origin response time-out (30 s by default)",
    ),
    Proxy(
        name="An AWS load balancer",
        signs=(Sign(header=("server", "awselb")),),
        remedy="raise the load balancer's idle time-out (60 s by default, 4000 at most)",
    ),
    Proxy(
        name="Heroku's router",
        signs=(
            Sign(header=("server", "heroku")),
            Sign(header=("via", "vegur")),
            Sign(header=("server", "cowboy"), page="application error"),
        ),
        remedy="take a route without Heroku, which waits 30 s for the first byte",
        gave_up=frozenset({503}),
    ),
    Proxy(
        name="HAProxy",
        signs=_signs(
            "the server didn't respond in time",
            "the server returned an invalid or incomplete response",
            "no server is available to handle this request",
        ),
        remedy="raise HAProxy's `timeout server`",
    ),
    Proxy(
        name="Envoy",
        signs=_signs("upstream request timeout", "upstream connect error or disconnect", "no healthy upstream"),
        remedy="raise the route's time-out (behind Google's load balancer the backend service's, 30 s by default)",
    ),
    Proxy(
        name="Google's load balancer",
        signs=_signs("that’s an error", "the server encountered a temporary error and could not complete"),
        remedy="raise the backend service's time-out (30 s by default)",
    ),
    Proxy(
        name="Azure Application Gateway",
        signs=_signs("<hr><center>microsoft-azure-application-gateway"),
        remedy="raise the gateway's request time-out (20 s by default)",
    ),
    Proxy(
        name="nginx",
        signs=_signs("<hr><center>(nginx|openresty|tengine)"),
        remedy="raise `proxy_read_timeout` there (60 s by default)",
        body_limit="`client_max_body_size` there (1 MB by default)",
    ),
    Proxy(
        name="Apache",
        signs=_signs("from an upstream server", "<address>apache"),
        remedy="raise `ProxyTimeout` there (60 s by default)",
    ),
    Proxy(
        name="Squid",
        signs=(Sign(header=("x-squid-error", "")), Sign(header=("server", "squid"))),
        remedy="raise `read_timeout` there, or send these requests past it",
    ),
    Proxy(
        name="A proxy in an AWS load balancer's words",
        signs=_signs(r"<center><h1>50[234] [^<]*</h1></center>"),
        remedy="raise its idle time-out (60 s by default)",
    ),
)
"""Most telling first. A header alone proves nothing beside a JSON body: the provider speaks through its proxies too."""

_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        413: "the request is larger than it lets through",
        502: "the provider behind it broke off or answered nonsense",
        503: "it had nobody to pass the request to",
        520: "the provider behind it broke off or answered nonsense",
        521: "the provider behind it refused the connection",
        522: "the provider behind it did not take the connection",
        523: "it cannot reach the provider",
        525: "its TLS connection to the provider failed",
        526: "the provider's certificate is not valid",
    }
)


def intermediary(reply: Reply) -> Intermediary | None:
    """Recognise a proxy's answer, or None where the provider itself seems to speak.

    A 502 or 504 that is neither JSON nor anybody's known page is some proxy's: a provider of these answers in JSON.
    """
    if reply.ok:
        return None
    for proxy in PROXIES:
        if any(sign.in_reply(reply) for sign in proxy.signs):
            return _judged(proxy, reply.status)
    if reply.status in {502, 504} and reply.text.strip():
        return _judged(Proxy(name="An unknown proxy", signs=(), remedy="raise its time-out"), reply.status)
    return None


def _judged(proxy: Proxy, status: int) -> Intermediary:
    advice = "Look at what stands behind it; the provider itself said nothing."
    meaning = _MEANINGS.get(status, "it refused the request by itself")
    if status in proxy.gave_up:
        meaning = "it waited no longer, though the picture may still be made and billed"
        advice = f"{proxy.remedy[0].upper()}{proxy.remedy[1:]}; more time on our side changes nothing."
    elif status == 413:
        advice = f"Raise {proxy.body_limit}, or send smaller reference pictures."
    return Intermediary(name=proxy.name, cuts=status in _CUTS, meaning=meaning, advice=advice)


def _strings(document: Any) -> Iterator[str]:
    """Give the strings of a JSON object and of the error in it, in lower case."""
    for layer in (document, document.get("error")) if isinstance(document, Mapping) else ():
        if isinstance(layer, Mapping):
            yield from (value.lower() for value in layer.values() if isinstance(value, str))
