"""Connections, and how a request goes over one: aiohttp's connector, TLS, proxies and parser, with no session between.

A session builds anew for every request what is the same for all of them, and sends the body in a task of its own.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from math import inf
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

from pixroute.http.endpoint import Trust
from pixroute.http.wire.insides import guard, kept, next_head, serialized, writer_of
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.sockets import KeepAlive, socket_factory

REUSED_WITHIN = 2.0
"""Seconds after its last answer in which a connection is used again: servers keep theirs longer."""
AT_ONCE = 64 * 1024
"""Bytes of a body that are given to the system with the head; a longer one is sent in pieces."""
_PIECE = 32 * 1024
_NO_LIMIT = aiohttp.ClientTimeout(total=None, ceil_threshold=inf)  # the clock of the exchange keeps all of them
_MOST_TARGETS = 64


class Watcher(Protocol):
    """Told how far a request has come."""

    def connecting(self) -> None:
        """Take note that a new connection is made."""
        ...

    def sending(self, connection: aiohttp.connector.Connection, *, at_once: bool) -> None:
        """Take note that from now on bytes may leave; `at_once`: in one step all of them do."""
        ...

    def sent_some(self) -> None:
        """Take note of progress with a body that is sent in pieces."""
        ...

    def sent(self) -> None:
        """Take note that all is sent."""
        ...


class Response:
    """An answer whose head has come; `content` gives the body while it comes."""

    def __init__(
        self,
        message: Any,
        content: aiohttp.StreamReader,
        connection: aiohttp.connector.Connection,
        upload: asyncio.Task[None] | None,
        url: URL,
    ) -> None:
        self.status: int = message.code
        self.headers: CIMultiDictProxy[str] = message.headers
        self.content = content
        self.url = url
        self._connection = connection
        self._upload = upload

    @property
    def length(self) -> int | None:
        """How many bytes are announced."""
        announced = self.headers.get("Content-Length")
        return None if announced is None else int(announced)

    @property
    def media_type(self) -> str:
        """What it declares itself to be, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() or "application/octet-stream"

    def close(self) -> None:
        """Give the connection back, or end it if it still has to bring or to take something."""
        if self._upload is not None and not self._upload.done():
            self._upload.cancel()
            self._connection.close()
        elif self.content.is_eof():
            self._connection.release()
        else:
            self._connection.close()


class Connections:
    """Connections that are guarded and queue nothing; no cookies are kept, no redirect followed, nothing sent twice."""

    def __init__(self, trust: Trust, keep_alive: KeepAlive, resolver: AbstractResolver | None) -> None:
        self.connector = aiohttp.TCPConnector(
            limit=0,
            keepalive_timeout=REUSED_WITHIN,
            socket_factory=socket_factory(keep_alive, trust.reach),
            ssl=_authorities(trust),
            resolver=resolver,
        )
        guard(self.connector)
        self._targets: dict[tuple[str, str, str | None], tuple[aiohttp.ClientRequest, str]] = {}

    async def send(self, request: Outgoing, proxy: str | None, watcher: Watcher) -> Response:
        """Connect, send, and wait for the head of the answer."""
        target, line = self._target(request, proxy)
        connection: Any = None if proxy else await kept(self.connector, target)
        if connection is None:
            watcher.connecting()
            connection = await self.connector.connect(target, [], _NO_LIMIT)
        upload = None
        try:
            connection.protocol.expect()
            head = _head(line, target, request)
            body = request.body or b""
            at_once = len(body) < AT_ONCE
            watcher.sending(connection, at_once=at_once)
            if at_once:
                connection.transport.write(head + body)
            else:
                upload = asyncio.create_task(_upload(connection.protocol, head, body, watcher))
            message, content = await next_head(connection.protocol, target)
        except BaseException:
            if upload is not None:
                upload.cancel()
            connection.close()
            raise
        return Response(message, content, connection, upload, target.url)

    def _target(self, request: Outgoing, proxy: str | None) -> tuple[aiohttp.ClientRequest, str]:
        """Give what is the same for all requests to one URL: aiohttp's own of it, and the first line."""
        key = (request.method, request.url, proxy)
        if not request.exact and (known := self._targets.get(key)) is not None:
            return known
        url, through = URL(request.url, encoded=request.exact), None if proxy is None else URL(proxy)
        target = aiohttp.ClientRequest(request.method, url, proxy=through, loop=asyncio.get_running_loop())
        path = str(target.url) if through is not None and not target.is_ssl() else target.url.raw_path_qs
        found = (target, f"{target.method} {path} HTTP/1.1")
        if not request.exact:
            if len(self._targets) >= _MOST_TARGETS:
                self._targets.clear()
            self._targets[key] = found
        return found

    async def aclose(self) -> None:
        """Close every connection."""
        await self.connector.close()


def _head(line: str, target: aiohttp.ClientRequest, request: Outgoing) -> bytes:
    headers = target.headers.copy()
    headers.update(request.headers)
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    return serialized(line, headers)


async def _upload(protocol: Any, head: bytes, body: bytes, watcher: Watcher) -> None:
    """Send a long body; what comes in between is told by the answer that does not come."""
    writer = writer_of(protocol)
    try:
        await writer.write(head)
        for start in range(0, len(body), _PIECE):
            watcher.sent_some()
            await writer.write(body[start : start + _PIECE])
        await writer.drain()
    except OSError as error:
        if protocol.exception() is None:
            protocol.set_exception(aiohttp.ClientOSError(error.errno, "the body could not be written"), error)
    else:
        if protocol.exception() is None:
            watcher.sent()


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
