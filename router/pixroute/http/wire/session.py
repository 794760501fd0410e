"""aiohttp's sessions, with every default that would bite set otherwise (semantics §6)."""

from __future__ import annotations

import ssl
import urllib.request
from math import inf
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver

from pixroute.http.endpoint import Trust
from pixroute.http.wire.insides import WatchedRequest, guard, send_once, wide_headers
from pixroute.http.wire.sockets import KeepAlive, socket_factory

REUSED_WITHIN = 2.0
"""Seconds after its last answer in which a connection is used again: servers keep theirs longer."""


def open_session(trust: Trust, keep_alive: KeepAlive, resolver: AbstractResolver | None) -> aiohttp.ClientSession:
    """Open a session: its connections are guarded, its clocks are ours, it keeps no cookies and queues nothing."""
    connector = aiohttp.TCPConnector(
        limit=0,
        keepalive_timeout=REUSED_WITHIN,
        socket_factory=socket_factory(keep_alive, trust.reach),
        ssl=_authorities(trust),
        resolver=resolver,
    )
    guard(connector)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, ceil_threshold=inf),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # what is declared decides nothing
        request_class=WatchedRequest,
        **wide_headers(),
    )
    send_once(session)
    return session


def environment_proxy(url: str) -> str | None:
    """Give the proxy that the environment names for this URL."""
    parts = urlsplit(url)
    if not parts.hostname or urllib.request.proxy_bypass(parts.hostname):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _authorities(trust: Trust) -> ssl.SSLContext | bool:
    if trust.ca_file is None:
        return True
    context = ssl.create_default_context(cafile=None if trust.added else trust.ca_file)
    context.load_verify_locations(trust.ca_file)
    return context
