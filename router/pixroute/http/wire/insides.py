"""All that leans on aiohttp's insides: tests/http/test_insides.py fails when they move.

aiohttp counts no interim answers, reuses a connection with an answer on it that nobody asked for, and loses a whole
answer for a byte too many behind it: so the protocol of every connection is ours. Its session tells nobody when a
request leaves, and costs as much as all the rest of a request: so we ask its connector and its parser ourselves.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import select
from functools import partial
from typing import Any

import aiohttp
from aiohttp import http_writer
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError
from multidict import CIMultiDict

MOST_INTERIM = 16
"""Interim (1xx) answers before one answer."""
LONGEST_HEADER = 64 * 1024
"""Bytes of one header, or of the status line."""
_MOST_HEADERS = 1024
_SWITCHING = 101
_HEAD_END = b"\r\n\r\n"
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_READ_BUFFER = 128 * 1024  # aiohttp pauses the socket at twice this


class GuardedProtocol(ResponseHandler):
    """A connection that carries another request only if nothing came on it that was not asked for."""

    _asked = False
    _interim = 0

    def set_response_params(self, **params: Any) -> None:
        """Expect an answer; aiohttp calls it for a proxy's tunnel."""
        self._asked, self._interim = True, 0
        super().set_response_params(**params)

    def expect(self) -> None:
        """Expect an answer: once for each request."""
        self.set_response_params(**_EXPECTED)

    def is_connected(self) -> bool:
        """Tell whether it can carry a request, which is all that aiohttp's pool asks of it."""
        return super().is_connected() and (self._asked or (not self.should_close and not _unread(self.transport)))

    def resume_reading(self, *how: Any, **more: Any) -> None:
        """Go on reading, if that was paused: aiohttp says so after everything it gives."""
        if self._reading_paused:
            super().resume_reading(*how, **more)

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


async def kept(connector: aiohttp.BaseConnector, target: aiohttp.ClientRequest) -> Any:
    """Give a connection that is there already, without waiting; None if one has to be made."""
    return await connector._get(target.connection_key, [])  # noqa: SLF001 - no public way


async def next_head(protocol: Any, target: aiohttp.ClientRequest) -> tuple[Any, aiohttp.StreamReader]:
    """Wait for the head of the answer, past the interim ones; gives it and the body.

    Raises:
        ClientResponseError: it is no HTTP.
        ClientError: the connection ended.
    """
    try:
        message, content = await protocol.read()
        while 100 <= message.code < 200 and message.code != _SWITCHING:
            message, content = await protocol.read()
    except HttpProcessingError as error:
        raise aiohttp.ClientResponseError(
            target.request_info, (), status=error.code, message=error.message, headers=error.headers
        ) from error
    return message, content


def serialized(line: str, headers: CIMultiDict[str]) -> bytes:
    """Write the head of a request.

    Raises:
        ValueError: the line or a header holds a control character.
    """
    if _CONTROL.search("".join([line, *headers.keys(), *headers.values()])):  # not every aiohttp looks at all of it
        raise ValueError("a control character in the request line or a header")
    return http_writer._serialize_headers(line, headers)  # noqa: SLF001 - no public way


def writer_of(protocol: Any) -> http_writer.StreamWriter:
    """Give what writes to a connection no faster than it takes it."""
    return http_writer.StreamWriter(protocol, asyncio.get_running_loop())


def _expected() -> dict[str, Any]:
    """Give the parameters of every answer; long headers where this aiohttp knows of them."""
    wide = {"max_line_size": LONGEST_HEADER, "max_field_size": LONGEST_HEADER, "max_headers": _MOST_HEADERS}
    known = inspect.signature(ResponseHandler.set_response_params).parameters
    usual = {"read_until_eof": True, "auto_decompress": False, "read_bufsize": _READ_BUFFER}
    return usual | {name: value for name, value in wide.items() if name in known}


_EXPECTED = _expected()
