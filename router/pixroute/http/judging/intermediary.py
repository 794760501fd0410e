"""Proxies on the way, recognised by the pages they answer with (upstreams §6)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from pixroute.http.call import Reply
from pixroute.http.judging.words import spoken
from pixroute.outcome import FailureKind

_BEYOND_HTTP = frozenset({520, 521, 522, 523, 524, 525, 526, 527, 530})  # Cloudflare's alone; 529 is an overload
_CUTS = _BEYOND_HTTP | {502, 503, 504}


@frozen(kw_only=True)
class Intermediary:
    """A proxy that answered in the provider's place.

    `cuts`: its status says that it gave up on a request which the provider may have begun; else it refused by itself.
    `free`: nothing was passed on.
    """

    name: str
    cuts: bool
    meaning: str
    advice: str
    free: bool = False


@frozen(kw_only=True)
class Proxy:
    """A product that answers in the provider's place, and how it gives itself away: by any of its signs.

    Args:
        name: for people, at the beginning of a sentence.
        page: a pattern in the text of a body that is not JSON; in lower case, as are all of these.
        json: a pattern in the strings of a body that is.
        json_headers: one of these must stand beside such strings, for others say the like.
        statuses: its alone, whatever the body is.
        headers: names with a part of their value. It may stamp them on other people's pages too, so they count last.
        remedy: what lengthens its time-out.
        gave_up: the statuses that report its time-out.
        body_limit: its setting for the size of requests.
        unpassed: a pattern in its page, or the statuses, that say that nothing was passed on.
    """

    name: str
    page: str = ""
    json: str = ""
    json_headers: tuple[str, ...] = ()
    statuses: frozenset[int] = frozenset()
    headers: tuple[tuple[str, str], ...] = ()
    remedy: str
    gave_up: frozenset[int] = frozenset({504, 524})
    body_limit: str = "its limit on request bodies"
    unpassed: str = ""
    unpassed_statuses: frozenset[int] = frozenset()

    def wrote(self, reply: Reply) -> bool:
        """Tell whether status or body are its own."""
        if reply.json is None:
            return reply.status in self.statuses or bool(self.page and re.search(self.page, reply.text.lower()))
        strings = _strings(reply.json) if self.json else ()
        if self.json_headers and not any(name in reply.headers for name in self.json_headers):
            return False
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
        page=r"^\s*error code: \d{3,4}\s*$|cf-error-details|challenge-platform|just a moment\.\.\.",
        json="cf_gateway_timeout|^origin_[a-z_]+$|^https://developers.cloudflare.com/|response to cloudflare",
        statuses=_BEYOND_HTTP,
        headers=(("server", "cloudflare"),),
        remedy="use a host that is not behind Cloudflare, which waits 100 to 120 s",
        unpassed_statuses=frozenset({521, 523, 525, 526, 530}),
    ),
    Proxy(
        name="AWS API Gateway",
        json="^endpoint request timed out$",
        remedy="take a route without API Gateway, which waits 29 s",
    ),
    Proxy(
        name="AWS API Gateway (HTTP)",
        json="^missing authentication token$|^forbidden$|^service unavailable$",
        json_headers=("x-amzn-errortype", "x-amz-apigw-id", "x-amzn-requestid", "apigw-requestid"),
        remedy="take a route without API Gateway, which waits 30 s",
    ),
    Proxy(
        name="HAProxy",
        page="the server didn't respond in time"
        "|the server returned an invalid or incomplete response"
        "|no server is available to handle this request"
        "|request forbidden by administrative rules|you have sent too many requests in a given amount of time",
        remedy="raise HAProxy's `timeout server`",
        unpassed="no server is available to handle this request",
    ),
    Proxy(
        name="Envoy",
        page="upstream request timeout|upstream connect error or disconnect|no healthy upstream|^local_rate_limited$"
        "|^no cluster match",
        json="^(upstream request timeout|upstream connect error or disconnect|no healthy upstream)",
        headers=(("server", "envoy"), ("server", "istio-envoy")),
        remedy="raise the route's time-out (behind Google's load balancer the backend service's, 30 s by default)",
        unpassed="no healthy upstream|reset reason: overflow",
    ),
    Proxy(
        name="Kong",
        page="^(the upstream server is timing out|an invalid response was received from the upstream server)",
        json="^the upstream server is timing out|^an invalid response was received from the upstream server"
        "|^no route matched with those values|^failure to get a peer from the ring-balancer|^name resolution failed"
        "|^invalid response was received",
        remedy="raise `read_timeout` of the service there (60 s by default)",
        unpassed="no route matched|ring-balancer|name resolution failed",
    ),
    Proxy(
        name="Traefik",
        page=r"^\s*(no available server|404 page not found)\s*$",
        remedy="raise `responseHeaderTimeout` of its transport",
        unpassed="no available server",
    ),
    Proxy(
        name="Fastly",
        page="fastly error|guru meditation|first byte timeout|varnish cache server",
        remedy="raise `first_byte_timeout` of its backend (15 s by default)",
    ),
    Proxy(
        name="Vercel",
        page=r"\bfunction_(invocation|payload|throttled|response)\w*|deployment_not_found",
        headers=(("x-vercel-error", ""),),
        remedy="raise `maxDuration` of the function there",
    ),
    Proxy(name="A tunnel (ngrok)", page="err_ngrok_", headers=(("ngrok-error-code", ""),), remedy="start its agent"),
    Proxy(
        name="Railway's router",
        json="^application failed to respond$",
        page="application failed to respond",
        remedy="look at the service behind it",
    ),
    Proxy(
        name="Azure Front Door",
        page="our services aren.t available right now",
        headers=(("x-azure-externalerror", ""),),
        remedy="raise its origin response time-out (60 s by default)",
    ),
    Proxy(
        name="Google's load balancer",
        page="that.s an error|the server encountered a temporary error and could not complete|^invalid iap credentials",
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
        json="upstream (prematurely closed|timed out \\(110)|no live upstreams",
        remedy="raise `proxy_read_timeout` there (60 s by default)",
        unpassed_statuses=frozenset({503}),  # its own limits; for a dead upstream it says 502
        body_limit="`client_max_body_size` there (1 MB by default)",
    ),
    Proxy(
        name="Caddy", headers=(("via", "caddy"), ("server", "caddy")), remedy="raise `response_header_timeout` there"
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
        unpassed_statuses=frozenset({503}),  # it has no target
    ),
    Proxy(
        name="CloudFront",
        headers=(("server", "cloudfront"), ("x-cache", "error from cloudfront")),
        remedy="raise CloudFront's origin response time-out (30 s by default)",
    ),
    Proxy(
        name="Akamai",
        page="errors.edgesuite.net",
        headers=(("server", "akamaighost"), ("server", "akamainetstorage")),
        remedy="take a route without it, or raise its read time-out (120 s by default)",
    ),
    Proxy(
        name="A corporate proxy",
        page="zscaler|fortiguard|fortinet|blue ?coat|netskope|websense|forcepoint|mcafee web gateway|sophos|umbrella"
        "|palo ?alto networks|web filter|incapsula|imperva|sucuri",
        headers=(("server", "zscaler"), ("x-iinfo", ""), ("x-sucuri-id", ""), ("server", "bluecoat")),
        remedy="raise its time-out",
    ),
    Proxy(
        name="A host's router (Fly.io, Render, Netlify, Cloud Run)",
        page=r"^rate exceeded\.\s*$|aborted because there was no available instance",
        headers=(
            ("server", "fly/"),
            ("via", "fly.io"),
            ("x-render-routing", ""),
            ("server", "netlify"),
            ("server", "google frontend"),
        ),
        remedy="raise the time-out of the service there",
    ),
    Proxy(
        name="Squid",
        headers=(("x-squid-error", ""), ("server", "squid")),
        remedy="raise `read_timeout` there, or send these requests past it",
        unpassed=r"connection to \S+ failed|unable to determine ip address|access denied",
    ),
)
"""First match wins, bodies before headers (upstreams §6; Azure, Apache, Squid by general knowledge)."""

_MEANINGS: Mapping[int, str] = MappingProxyType(
    {
        401: "it wants credentials of its own",
        403: "it does not let this request through",
        404: "there is no such path",
        405: "what is there takes no such call",
        407: "it wants credentials of its own",
        413: "the request is larger than it lets through",
        414: "the address is longer than it lets through",
        429: "it limits how much it lets through",
        431: "the headers are larger than it lets through",
        451: "it may not let this request through, by law or by its owner's rules",
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
_PAGE = Proxy(name="A web server", remedy="raise its time-out")
_SILENT = Proxy(name="Somebody", remedy="raise its time-out")
_ALWAYS = frozenset({405, 407})  # no provider says these of a request
_SPEAK_FOR_THEMSELVES = frozenset({401, 402, 429})
_HEARD = 400  # characters of a string; what such a page says is short
_LONG = 1200  # characters
_SHORT = 60  # characters; a bare "Forbidden" or "404 page not found" is nobody's judgement of a request
_KINDS: Mapping[int, FailureKind] = MappingProxyType(
    dict.fromkeys((403, 407, 451), FailureKind.FORBIDDEN)
    | dict.fromkeys((404, 405, 410, 501), FailureKind.MODEL_GONE)
    | dict.fromkeys((413, 414, 431), FailureKind.INVALID)
    | {401: FailureKind.AUTH, 402: FailureKind.QUOTA, 429: FailureKind.RATE_LIMITED, 503: FailureKind.OVERLOADED}
)


def hop_kind(status: int) -> FailureKind:
    """Give the kind of a refusal by somebody in between: what its status says of the way, not of the request."""
    return _KINDS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.PROTOCOL)


def intermediary(reply: Reply) -> Intermediary | None:
    """Recognise a proxy's answer, or None where the provider itself seems to speak.

    A 502 or 504 that is neither JSON nor anybody's known page is some proxy's: a provider of these answers in JSON.
    So is a web page under 4xx and from 502 on, a bare phrase of some statuses, and nothing at all under 4xx.
    """
    if reply.ok:
        return None
    known = [proxy for proxy in PROXIES if proxy.wrote(reply)] or [proxy for proxy in PROXIES if proxy.stamped(reply)]
    if known:
        return _judged(known[0], reply)
    if reply.status in {502, 504} and reply.json is None and reply.text.strip() and not _is_stream(reply.text):
        return _judged(_UNKNOWN, reply)
    if reply.status > 501 and reply.json is None and is_page(reply.text):
        return _judged(_UNKNOWN, reply)
    if _BARE.get(reply.status) and _says_only(reply, _BARE[reply.status]):
        return _judged(_UNKNOWN, reply)
    if reply.status == 504 and reply.json is None and not reply.text.strip():
        return _judged(_UNKNOWN, reply)
    if 400 <= reply.status < 500:
        return _unknown(reply)
    return None


_BARE: Mapping[int, str] = MappingProxyType(
    {
        413: "(request|payload|content) (entity )?too large",
        414: "(request-)?ur[il] too long",
        431: "request header fields too large",
        502: "bad gateway",
        504: "gateway time-?out",
    }
)
"""What one says who knows no more than the status, where a provider would have said more."""


def _says_only(reply: Reply, phrase: str) -> bool:
    """Tell whether the only words of an answer are this phrase, its status beside it or not."""
    strings = _strings(reply.json) if reply.json is not None else [reply.text[:_HEARD].lower()]
    said = [text for text in strings if not text.isdigit() and not re.fullmatch("[a-z_]+_error", text)]
    return bool(said) and all(re.fullmatch(rf"\W*(\d{{3}}\W*)?{phrase}\W*", text.replace("_", " ")) for text in said)


def _unknown(reply: Reply) -> Intermediary | None:
    """Recognise that nobody who read the request wrote this 4xx."""
    text = reply.text.strip()
    if reply.status in _ALWAYS or (reply.json is None and is_page(text)):
        return _judged(_PAGE, reply)
    if reply.json is not None or reply.status in _SPEAK_FOR_THEMSELVES:
        return None
    if not text:
        return _judged(_SILENT, reply)
    told = spoken(text[:_LONG])
    bare = len(text) <= _SHORT and (not told or told[0].kind in {FailureKind.FORBIDDEN, FailureKind.MODEL_GONE})
    return _judged(_PAGE, reply) if bare or (not told and not _is_stream(text)) else None


def is_page(text: str) -> bool:
    """Tell whether a body is HTML."""
    return bool(
        re.match(
            r"\s*(<!--.*?-->\s*)?(<\?xml[^>]*>\s*)?<(!doctype|html|head|body|center|title|script|pre)\b",
            text,
            re.IGNORECASE | re.DOTALL,
        )
    )


def _is_stream(text: str) -> bool:
    return text.lstrip().startswith(("{", "[", "data:", "event:", ":"))


def _judged(proxy: Proxy, reply: Reply) -> Intermediary:
    status = reply.status
    advice = "Look at what stands behind it; the provider itself said nothing."
    meaning = _MEANINGS.get(status, "it refused the request by itself")
    if status == 503 and proxy.name == "nginx":
        meaning = "its own limit on requests or connections was reached, or it is closed for maintenance"
    if status in proxy.gave_up:
        meaning = "it waited no longer, though the picture may still be made and billed"
        advice = f"{proxy.remedy[0].upper()}{proxy.remedy[1:]}; more time on our side changes nothing."
    elif status == 413:
        advice = f"Raise {proxy.body_limit}, or send smaller reference pictures."
    elif status in {404, 405, 410}:
        advice = "Check `base_url`: it probably lacks the API's path, or leads to a web site."
    elif status < 500:
        advice = "Nobody judged the request. Check `base_url` and `proxy`, or take another route or address from here."
    text = reply.text.lower() if reply.json is None else " ".join(_strings(reply.json))
    unpassed = status in proxy.unpassed_statuses or bool(proxy.unpassed and re.search(proxy.unpassed, text))
    return Intermediary(
        name=proxy.name, cuts=status in _CUTS, meaning=meaning, advice=advice, free=unpassed or status < 500
    )


def _strings(document: Any) -> Iterator[str]:
    """Give the strings of a JSON object and of the error in it, in lower case."""
    for layer in (document, document.get("error")) if isinstance(document, Mapping) else ():
        if isinstance(layer, Mapping):
            yield from (value[:_HEARD].lower() for value in layer.values() if isinstance(value, str))
