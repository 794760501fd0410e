"""What a scripted server does with a request, as values that add up."""

import asyncio
import http.client
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Self, cast

from attrs import frozen

from pixroute.testing.faults.listener import Peer

_NO_HEADERS: Mapping[str, str] = {}


@frozen
class Step:
    """One thing done to a connection; ``a + b`` does one after the other.

    Args:
        run: What is done.
        reads_body: Whether the request's body is read before `run`; its head always is.

    """

    run: Callable[[Peer], Awaitable[None]]
    reads_body: bool = True

    def __add__(self, after: "Step") -> "Step":
        async def both(peer: Peer) -> None:
            await self.run(peer)
            await after.run(peer)

        return Step(both, reads_body=self.reads_body and after.reads_body)

    @classmethod
    def raw(cls, data: bytes) -> Self:
        """Write exactly these bytes."""
        return cls(lambda peer: peer.send(data))

    @classmethod
    def reply(cls, status: int = 200, body: bytes = b"", headers: Mapping[str, str] = _NO_HEADERS) -> Self:
        """Write a whole response; Content-Length is right unless `headers` says otherwise."""
        return cls.raw(_head(status, {"Content-Length": str(len(body))} | dict(headers)) + body)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] = _NO_HEADERS) -> Self:
        """Write a whole response that carries `value` as JSON."""
        return cls.reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | dict(headers))

    @classmethod
    def chunked(
        cls,
        pieces: Iterable[bytes],
        *,
        status: int = 200,
        headers: Mapping[str, str] = _NO_HEADERS,
        terminate: bool = True,
    ) -> Self:
        """Write a chunked response, one chunk for each piece; without `terminate` its end never comes."""
        head = _head(status, {"Transfer-Encoding": "chunked"} | dict(headers))
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return cls.raw(head + chunks + (b"0\r\n\r\n" if terminate else b""))

    @classmethod
    def drip(cls, data: bytes, *, every: float, piece: int = 1) -> Self:
        """Write `data` slowly: `piece` bytes, then a wait of `every` seconds, and so on."""

        async def run(peer: Peer) -> None:
            for start in range(0, len(data), piece):
                await peer.send(data[start : start + piece])
                await asyncio.sleep(every)

        return cls(run)

    @classmethod
    def pause(cls, seconds: float) -> Self:
        """Do nothing for a while."""
        return cls(lambda _: asyncio.sleep(seconds))

    @classmethod
    def hang(cls) -> Self:
        """Do nothing until the client leaves."""
        return cls(_hang)

    @classmethod
    def no_read(cls) -> Self:
        """Never read the request's body, so that the client's sends stall on a full window."""

        async def run(peer: Peer) -> None:
            peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            cast("asyncio.Transport", peer.writer.transport).pause_reading()
            await _hang(peer)

        return cls(run, reads_body=False)

    @classmethod
    def fin(cls) -> Self:
        """Close the connection in order."""
        return cls(Peer.close)

    @classmethod
    def rst(cls) -> Self:
        """Reset the connection."""

        async def run(peer: Peer) -> None:
            peer.reset()

        return cls(run)


async def _hang(peer: Peer) -> None:
    await peer.reader.read()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    """Return status line and headers; a status Python has no phrase for goes without one."""
    lines = [
        f"HTTP/1.1 {status} {http.client.responses.get(status, '')}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()
