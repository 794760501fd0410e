"""A server that writes what a script says and keeps what it was sent."""

import asyncio
import http.client
import io
from ssl import SSLContext

from attrs import frozen

from pixroute.testing.faults.listener import Listener, Peer
from pixroute.testing.faults.steps import Step


@frozen(kw_only=True)
class Received:
    """A request as it arrived.

    Args:
        path: With its query, as in the request line.
        headers: In the order sent; names are found in any case.
        body: Without chunk framing; empty where the step did not read it.
        connection: Which connection brought it; the first is 1.

    """

    method: str
    path: str
    headers: http.client.HTTPMessage
    body: bytes
    connection: int


class ScriptedServer(Listener):
    """An HTTP/1.1 server that gives each request, whichever connection brings it, the next step of a script.

    A request joins `requests` when it has been read, before its step is run. After its step a connection that is
    still open waits for its next request.

    Args:
        steps: The script; its last step serves every later request too.
        host: Address to listen on.
        ssl: Speak TLS with this server context.

    """

    def __init__(self, *steps: Step, host: str = "127.0.0.1", ssl: SSLContext | None = None) -> None:
        super().__init__(host=host, ssl=ssl)
        self.requests: list[Received] = []
        self._steps = steps
        self._begun = 0

    async def received(self, count: int = 1) -> Received:
        """Wait for the request with this number (the first is 1) and return it."""
        await self.until(lambda: len(self.requests) >= count)
        return self.requests[count - 1]

    async def serve(self, peer: Peer, connection: int) -> None:
        """Answer the requests of one connection."""
        while not peer.writer.is_closing():
            request_line, _, fields = (await peer.reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
            step = self._next_step()
            method, path, _ = request_line.decode("latin-1").split(" ")
            headers = http.client.parse_headers(io.BytesIO(fields))
            body = await _body(peer.reader, headers) if step.reads_body else b""
            self.requests.append(Received(method=method, path=path, headers=headers, body=body, connection=connection))
            self._notify()
            await step.run(peer)

    def _next_step(self) -> Step:
        step = self._steps[min(self._begun, len(self._steps) - 1)]
        self._begun += 1
        return step


async def _body(reader: asyncio.StreamReader, headers: http.client.HTTPMessage) -> bytes:
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        return await _chunked_body(reader)
    return await reader.readexactly(int(headers.get("Content-Length", 0)))


async def _chunked_body(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    size = 1
    while size:
        size = int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    return bytes(body)
