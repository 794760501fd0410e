"""What the fault servers share: a free port, a task for each connection, counts that can be awaited, a clean end."""

import asyncio
import contextlib
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable
from ssl import SSLContext
from typing import Self

from attrs import frozen

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # struct linger: on, for 0 seconds


@frozen
class Peer:
    """The other end of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Write `data` and wait until the kernel has all of it."""
        self.writer.transport.set_write_buffer_limits(0)
        self.writer.write(data)
        await self.writer.drain()

    async def close(self) -> None:
        """End with a FIN, or over TLS with a close_notify and a FIN; a kernel holding unread bytes sends RST."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def reset(self) -> None:
        """End with an RST; what the peer has not acknowledged is lost."""
        if not self.writer.is_closing():
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.writer.transport.abort()


class _CountingProtocol(asyncio.StreamReaderProtocol):
    """Feeds a stream, and tells how many bytes came."""

    def __init__(
        self, accept: Callable[[asyncio.StreamReader, asyncio.StreamWriter], None], count: Callable[[int], None]
    ) -> None:
        super().__init__(asyncio.StreamReader(), accept)
        self._count = count

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._count(len(data))


class Listener(ABC):
    """A server that lives as long as its ``async with``; leaving cuts every connection.

    Args:
        host: Address to listen on; the port is any free one.
        ssl: Speak TLS with this server context.

    Raises:
        Exception: On leaving, whatever a connection's own code raised.

    """

    def __init__(self, *, host: str = "127.0.0.1", ssl: SSLContext | None = None) -> None:
        self.host = host
        self.port = 0
        self.connections = 0
        self.disconnections = 0
        self.bytes_received = 0
        self._ssl = ssl
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []
        self._happened = asyncio.Event()

    @property
    def origin(self) -> str:
        """Scheme, host and port, to put before a path."""
        return f"{'https' if self._ssl else 'http'}://{self.host}:{self.port}"

    async def until(self, condition: Callable[[], bool], *, timeout: float = 10) -> None:
        """Return once `condition()` holds; it is asked after every connection, read, request and disconnection.

        Raises:
            TimeoutError: It did not hold within `timeout` seconds.

        """
        async with asyncio.timeout(timeout):
            while not condition():
                await self._happened.wait()

    @abstractmethod
    async def serve(self, peer: Peer, connection: int) -> None:
        """Talk to one connection (the first is 1); it is cut when this returns.

        An OSError or an IncompleteReadError ends it quietly: a client may leave at any time.
        """

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, self.host, 0, ssl=self._ssl)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        ended = await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)
        await self._server.wait_closed()
        for error in ended:
            if isinstance(error, Exception):
                raise error

    def _protocol(self) -> _CountingProtocol:
        return _CountingProtocol(self._accept, self._received)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._run(Peer(reader, writer), self.connections))
        # A callback, not a `finally`: a task cancelled before its first step never enters its body.
        task.add_done_callback(lambda _: self._ended(writer))
        self._tasks.append(task)
        self._writers.append(writer)
        self._notify()

    async def _run(self, peer: Peer, connection: int) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self.serve(peer, connection)

    def _ended(self, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()
        self.disconnections += 1
        self._notify()

    def _received(self, count: int) -> None:
        self.bytes_received += count
        self._notify()

    def _notify(self) -> None:
        self._happened.set()
        self._happened = asyncio.Event()
