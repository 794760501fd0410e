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
class Proxy:
    """A product that answers in the provider's place, and how it gives itself away: by any of its signs.

    Args:
        name: for people, at the beginning of a sentence.
        page: a pattern in the text of a body that is not JSON; in lower case, as are all of these.
        json: a pattern in the strings of a body that is.
        statuses: its alone, whatever the body is.
        headers: names with a part of their value. It may stamp them on other people's pages too, so they count last.
        remedy: what lengthens its time-out.
        gave_up: the statuses that report its time-out.
        body_limit: its setting for the size of requests.
    """

    name: str
    page: str = ""
    json: str = ""
    statuses: frozenset[int] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    remedy: str
    gave_up: frozenset[int] = frozenset({504, 524})
    body_limit: str = "its limit on request bodies"

    def wrote(self, reply: Reply) -> bool:
        """Tell whether status or body are its own."""
        if reply.json is None:
            return reply.status in self.statuses or bool(self.page and re.search(self.page, reply.text.lower()))
        strings = _strings(reply.json) if self.json else ()
        return reply.status in self.statuses or any(re.search(self.json, text) for text in strings)

    def stamped(self, reply: Reply) -> bool:
        """Tell whether its headers are on a page: providers behind it answer in JSON or plain text."""
        is_page = reply.json is None and (not reply.text.strip() or "<" in reply.text)
        return is_page and any(
            name in reply.headers and part in reply.headers[name].lower() for name, part in self.headers
        )


PROXIES: tuple[Proxy, ...] = (
    Proxy(
        name="Cloudflare",
        page=r"^\s*error code: \d{3,4}\s*$",
        json="cf_gateway_timeout|origin_response_timeout",
        statuses=_BEYOND_HTTP,
        headers=(("server", "cloudflare"),),
        remedy="use a host that is not behind Cloudflare, which waits 100 to 120 s",
    ),
    Proxy(
        name="AWS API Gateway",
        json="^endpoint request timed out$",
        remedy="take a route without API Gateway, which waits 29 s",
    ),
    Proxy(
        name="HAProxy",
        page="the server didn't respond in time"
        "|the server returned an invalid or incomplete response"
        "|no server is available to handle this request",
        remedy="raise HAProxy's `timeout server`",
    ),
    Proxy(
        name="Envoy",
        page="upstream request timeout|upstream connect error or disconnect|no healthy upstream",
        remedy="raise the route's time-out (behind Google's load balancer the backend service's, 30 s by default)",
    ),
    Proxy(
        name="Google's load balancer",
        page="that.s an error|the server encountered a temporary error and could not complete",
        remedy="raise the backend service's time-out (30 s by default)",
    ),
    Proxy(
        name="Azure Application Gateway",
        page="<hr><center>microsoft-azure-application-gateway",
        remedy="raise the gateway's request time-out (20 s by default)",
    ),
    Proxy(
        name="nginx",
        page="<hr><center>(nginx|openresty|tengine)",
        remedy="raise `proxy_read_timeout` there (60 s by default)",
        body_limit="`client_max_body_size` there (1 MB by default)",
    ),
    Proxy(
        name="Apache",
        page="from an upstream server|<address>apache",
        remedy="raise `ProxyTimeout` there (60 s by default)",
    ),
    Proxy(
        name="Heroku's router",
        page="<title>application error</title>",
        headers=(("server", "heroku"), ("server", "cowboy"), ("via", "vegur")),
        remedy="take a route without Heroku, which waits 30 s for the first byte",
        gave_up=frozenset({503}),
    ),
    Proxy(
        name="An AWS load balancer",
        page=r"<center><h1>50[234] [^<]*</h1></center>",  # nginx's page without its last line
        headers=(("server", "awselb"),),
        remedy="raise the load balancer's idle time-out (60 s by default, 4000 at most)",
    ),
    Proxy(
        name="CloudFront",
        headers=(("server", "cloudfront"), ("x-cache", "error from cloudfront")),
        remedy="raise CloudFront's origin response time-out (30 s by default)",
    ),
    Proxy(
        name="Squid",
        headers=(("x-squid-error", ""), ("server", "squid")),
        remedy="raise `read_timeout` there, or send these requests past it",
    ),
)
"""First match wins, bodies before headers (upstreams §6; Azure, Apache, Squid by general knowledge)."""

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


_UNKNOWN = Proxy(name="An unknown proxy", remedy="raise its time-out")


def intermediary(reply: Reply) -> Intermediary | None:
    """Recognise a proxy's answer, or None where the provider itself seems to speak.

    A 502 or 504 that is neither JSON nor anybody's known page is some proxy's: a provider of these answers in JSON.
    """
    if reply.ok:
        return None
    known = [proxy for proxy in PROXIES if proxy.wrote(reply)] or [proxy for proxy in PROXIES if proxy.stamped(reply)]
    if known:
        return _judged(known[0], reply.status)
    if reply.status in {502, 504} and reply.text.strip():
        return _judged(_UNKNOWN, reply.status)
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
