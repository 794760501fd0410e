"""Answers as bytes, and every way in which the bytes can fail to arrive."""

import asyncio
import math
import socket
import struct
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from aiohttp import web
from attrs import Factory, frozen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

PIECE = 64 * 1024


@frozen(kw_only=True)
class WireDelivery:
    """How an answer goes out.

    `framing`: "length" declares it, "chunked" needs a terminator, "close" ends with the connection. `head` and `body`
    are the shares sent. `rate` is in bytes per second (default: as fast as it goes). After the last byte come `hold`
    seconds of silence, then the terminator if `terminated`, then the `end` of the connection.
    """

    framing: Literal["length", "chunked", "close"] = "length"
    head: float = 1.0
    body: float = 1.0
    rate: float = math.inf
    hold: float = 0.0
    terminated: bool = True
    end: Literal["keep", "fin", "rst"] = "keep"


@frozen(kw_only=True)
class Answer:
    """A status, headers and a body, and how they go out."""

    status: int = 200
    headers: "Mapping[str, str]" = Factory(dict)
    body: bytes = b""
    delivery: WireDelivery = WireDelivery()


class EmulatedReply(web.StreamResponse):
    """An answer written byte by byte, for aiohttp would add headers of its own and never cut anything."""

    def __init__(self, answer: Answer, sleep: "Callable[[float], Awaitable[None]]") -> None:
        super().__init__(status=answer.status)
        self._answer = answer
        self._sleep = sleep

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may carry another request."""
        return self._answer.delivery.end == "keep"

    async def prepare(self, request: web.BaseRequest) -> None:
        """Write the whole answer, as far as its delivery goes."""
        delivery = self._answer.delivery
        head = _head(self._answer)
        await self._write(request, head[: math.ceil(len(head) * delivery.head)])
        if delivery.head == 1:
            await self._write_body(request)
        await self._sleep(delivery.hold)
        if delivery.framing == "chunked" and delivery.body == 1 and delivery.terminated:
            await self._write(request, b"0\r\n\r\n")
        if delivery.end == "rst" and request.transport is not None:
            _reset(request.transport)

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: `prepare` wrote it all."""

    async def _write_body(self, request: web.BaseRequest) -> None:
        delivery = self._answer.delivery
        for piece in _pieces(self._answer):
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if delivery.framing == "chunked" else piece
            await self._write(request, framed)
            if delivery.rate < math.inf:
                await self._sleep(len(piece) / delivery.rate)

    @staticmethod
    async def _write(request: web.BaseRequest, data: bytes) -> None:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client went away")
        request.transport.write(data)
        await request.writer.drain()


def _head(answer: Answer) -> bytes:
    phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else ""
    framing = {
        "length": {"Content-Length": str(len(answer.body))},
        "chunked": {"Transfer-Encoding": "chunked"},
        "close": {"Connection": "close"},
    }[answer.delivery.framing]
    fields = {**answer.headers, **framing}
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _pieces(answer: Answer) -> "Iterator[bytes]":
    end = math.ceil(len(answer.body) * answer.delivery.body)
    step = int(min(PIECE, max(answer.delivery.rate, 1)))
    body = memoryview(answer.body)[:end]
    return (bytes(body[start : start + step]) for start in range(0, end, step))


def _reset(transport: asyncio.Transport) -> None:
    # Zero linger time makes the kernel send RST where it would send FIN.
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def http_date(timestamp: float | None = None) -> str:
    """Write a wall-clock time (default now) as HTTP does."""
    return formatdate(timestamp, usegmt=True)
