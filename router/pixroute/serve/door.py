"""Who is let in: the refusals of a server without keys, which only this machine may ask."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from pixroute.serve.problem import Problem, Refused

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


def check_keyless(method: str, headers: Mapping[str, str], content_type: str) -> None:
    """Refuse what did not come from a program on this machine: proxies, foreign pages, other names for this host.

    Args:
        method: of the request.
        headers: by names in any case.
        content_type: the type of its body, without parameters.

    Raises:
        Refused: with what to do about it.
    """
    names = {name.lower() for name in headers}
    through = sorted(name for name in names if name in _FORWARDED or name.startswith("x-forwarded-"))
    if through:
        raise _refused(f"it came through a proxy ({', '.join(through)})")
    if host_of(headers.get("Host", "")) not in HERE:
        raise _refused("its Host is none of localhost, 127.0.0.1 and [::1]")
    origin = headers.get("Origin")
    if origin is not None and not _is_here(origin):
        raise _refused("it came from a page of another site (Origin)")
    if headers.get("Sec-Fetch-Site", "none").lower() not in _SITES:
        raise _refused("it came from a page of another site (Sec-Fetch-Site)")
    if method == "POST" and content_type not in BODIES:
        raise Refused(
            Problem(
                status=415,
                message="the body must be application/json or multipart/form-data, and say so",
                kind="unsupported_media_type",
            )
        )


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
    return Refused(Problem(status=403, message=message, kind="not_local", type="authentication_error"))
