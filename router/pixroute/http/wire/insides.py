"""All that leans on aiohttp's insides: tests/http/test_insides.py fails when they move.

aiohttp tells nobody when a request leaves, counts no interim answers, reuses a connection with an answer on it that
nobody asked for, and loses a whole answer for a byte too many behind it. So the protocol of every connection, and the
class of every request, are ours.
"""

from __future__ import annotations

import inspect
import select
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage

if TYPE_CHECKING:
    from aiohttp.connector import Connection

MOST_INTERIM = 16
"""Interim (1xx) answers before one answer."""
LONGEST_HEADER = 64 * 1024
"""Bytes of one header, or of the status line."""
_MOST_HEADERS = 1024
_SWITCHING = 101
_HEAD_END = b"\r\n\r\n"


class Watcher(Protocol):
    """Told how far a request has come."""

    def sending(self, connection: Connection) -> None:
        """Take note that from now on bytes may leave."""
        ...

    def sent(self) -> None:
        """Take note that all is sent."""
        ...


CURRENT: ContextVar[Watcher] = ContextVar("CURRENT")
"""The watcher of the request that this task sends."""


class WatchedRequest(aiohttp.ClientRequest):
    """Tells its watcher when bytes may begin to leave, and when all have left (a trace config costs ten times this)."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the head, and begin with the body."""
        watcher = CURRENT.get()
        watcher.sending(conn)
        response = await super().send(conn)
        if self.body == b"":
            watcher.sent()
        return response

    async def write_bytes(self, writer: Any, conn: Connection, content_length: int | None = None) -> None:
        """Send the body."""
        await super().write_bytes(writer, conn, content_length)
        if conn.protocol is None or conn.protocol.exception() is None:
            CURRENT.get().sent()


class GuardedProtocol(ResponseHandler):
    """A connection that carries another request only if nothing came on it that was not asked for."""

    _asked = False
    _interim = 0

    def set_response_params(self, **params: Any) -> None:
        """Expect an answer: aiohttp calls this once for each request."""
        self._asked, self._interim = True, 0
        super().set_response_params(**params)

    def is_connected(self) -> bool:
        """Tell whether it can carry a request, which is all that aiohttp's pool asks of it."""
        return super().is_connected() and (self._asked or (not self.should_close and not _unread(self.transport)))

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head by itself, so that it is not lost with what stands behind its body."""
        if data and not self._asked:
            self.force_close()
        elif data and (self._payload is None or self._payload.is_eof()):
            end = data.find(_HEAD_END) + len(_HEAD_END)
            if len(_HEAD_END) <= end < len(data):
                super().data_received(data[:end])
                data = data[end:]
        super().data_received(data)

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Hand on the head of an answer."""
        message, payload = data
        if self._interim > MOST_INTERIM:
            return
        if 100 <= message.code < 200 and message.code != _SWITCHING:
            self._interim += 1
            if self._interim > MOST_INTERIM:
                self._end(f"more than {MOST_INTERIM} interim answers")
                return
        else:
            payload.on_eof(self._answered)
        super().feed_data(data, size)

    def _answered(self) -> None:
        self._asked = False

    def _end(self, why: str) -> None:
        if self.exception() is None:
            self.set_exception(BadHttpMessage(why))
        if self.transport is not None:
            self.transport.close()


def _unread(transport: Any) -> bool:
    """Tell whether the system holds bytes, or the connection's end, that the loop has not come to yet."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def guard(connector: aiohttp.BaseConnector) -> None:
    """Have a connector make connections of ours."""
    factory: Any = partial(GuardedProtocol, loop=connector._loop)  # noqa: SLF001 - no public way
    connector._factory = factory  # noqa: SLF001 - no public way


def send_once(session: aiohttp.ClientSession) -> None:
    """Have a session send nothing twice: aiohttp asks again by itself when a kept connection breaks under a GET."""
    session._retry_connection = False  # noqa: SLF001 - no public way


def wide_headers() -> dict[str, Any]:
    """Give a session's options for long headers, those that this aiohttp has."""
    wanted = {"max_line_size": LONGEST_HEADER, "max_field_size": LONGEST_HEADER, "max_headers": _MOST_HEADERS}
    known = inspect.signature(aiohttp.ClientSession.__init__).parameters
    return {name: value for name, value in wanted.items() if name in known}
