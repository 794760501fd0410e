"""Who is let in: where keys are looked for, and what a server without keys refuses, for only its machine may ask."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp.http import HttpVersion
from multidict import CIMultiDictProxy

from pixroute.serve.problem import GatewayProblem, Refused

HERE = frozenset({"localhost", "127.0.0.1", "[::1]"})
BODIES = frozenset({"application/json", "multipart/form-data"})
_FORWARDED = ("forwarded", "via", "x-real-ip")
_SITES = frozenset({"same-origin", "none"})


def is_loopback(host: str) -> bool:
    """Tell whether an address to listen on is this machine's own alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_keyless(headers: CIMultiDictProxy[str], origins: Sequence[str] = (), target: str | None = None) -> None:
    """Refuse what did not come from a program on this machine: proxies, foreign pages, other names for this host.

    Args:
        headers: as they came; of a name that stands there twice every value counts.
        origins: of pages that may ask all the same.
        target: the host in the request's line, where one is given there.

    Raises:
        Refused: with what to do about it.
    """
    through = sorted({low for name in headers if (low := name.lower()) in _FORWARDED or low.startswith("x-forwarded")})
    if through:
        raise _refused(f"it came through a proxy ({', '.join(through)})")
    if any(host_of(host) not in HERE for host in (headers.get("Host", ""), target) if host is not None):
        raise _refused("its Host is none of localhost, 127.0.0.1 and [::1]")
    given = headers.getall("Origin", ())
    if given and all(origin in origins for origin in given):
        return
    if not all(origin in origins or _is_here(origin) for origin in given):
        raise _refused("it came from a page of another site (Origin)")
    if not all(site.lower() in _SITES for site in headers.getall("Sec-Fetch-Site", ())):
        raise _refused("it came from a page of another site (Sec-Fetch-Site)")


def check_version(version: HttpVersion) -> None:
    """Refuse what is no HTTP/1: a line without a version, of which aiohttp would make 0.9, and what calls itself 2.

    Raises:
        Refused: as it says.
    """
    if version.major != 1:
        message = "only HTTP/1.1 and HTTP/1.0 are spoken here"
        raise Refused(GatewayProblem(status=505, message=message, kind="http_version", headers={"Connection": "close"}))


def check_body(method: str, content_type: str) -> None:
    """Refuse a body that any web page could send.

    Raises:
        Refused: it is neither JSON nor a form.
    """
    if method == "POST" and content_type not in BODIES:
        message = "the body must be application/json or multipart/form-data, and say so"
        raise Refused(GatewayProblem(status=415, message=message, kind="unsupported_media_type"))


def key_in(headers: Mapping[str, str]) -> str:
    """Find a key where the dialects' clients put it; never in the URL, which is logged on the way."""
    scheme, _, text = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return next((headers[name] for name in ("x-goog-api-key", "x-api-key", "api-key") if name in headers), "")


def unauthorized() -> Refused:
    """Refuse a key that opens nothing."""
    return Refused(
        GatewayProblem(
            status=401,
            message="no API key was given, or none that opens anything here",
            kind="invalid_api_key",
            type="authentication_error",
            headers={"WWW-Authenticate": "Bearer"},
        )
    )


def caller_address(peer: str | None, forwarded: str | None, proxies: Sequence[str]) -> str:
    """Give who asked: the last address that no believed proxy has; the peer itself where none is believed."""
    if not forwarded or not proxies:
        return peer or "-"
    networks = [ipaddress.ip_network(one, strict=False) for one in proxies]
    address = peer or "-"
    for hop in reversed(forwarded.split(",")):
        if not _within(address, networks) or not _is_address(hop.strip()):
            break
        address = hop.strip()
    return address


def _within(address: str, networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    return _is_address(address) and any(ipaddress.ip_address(address) in network for network in networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_of(text: str) -> str:
    """Give a Host header's host in lower case, without its port; empty where it is none."""
    host, colon, port = text.strip().lower().rpartition(":")
    if not colon or text.endswith("]"):
        return text.strip().lower()
    return host if port.isascii() and port.isdigit() else ""


def _is_here(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in {"http", "https"} and host_of(parts.netloc) in HERE
    except ValueError:
        return False


def _refused(why: str) -> Refused:
    message = f"this server has no API keys and answers programs on its own machine only: {why}; `pixroute keys add`"
    return Refused(GatewayProblem(status=403, message=message, kind="not_local", type="authentication_error"))
