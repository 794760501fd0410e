"""An upstream in a process of its own, which does as little as it can: at once, on command, or never."""

import asyncio
import base64
import random
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

SIDE = 4096
TINY = 0


def picture(size: int) -> bytes:
    """Give a PNG of about so many bytes that passes for one of 4096x4096 without being drawn."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    pixels = random.Random(0).randbytes(size)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@contextmanager
def upstream(size: int = TINY, form: str = "json") -> Iterator[str]:
    """Run one whose pictures have so many bytes; gives its origin.

    `form`: `json` (base64), `raw` (the picture is the body), `signed` (a signature a little larger stands before it).

    What a path begins with decides: `/at-once`; `/held` until somebody asks for `/release`; `/silent` for ever;
    `/gone`: there is no such model; `/count` tells how many are held.
    """
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, size, form), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(parent: Connection, size: int, form: str) -> None:
    asyncio.run(_listen(parent, _answer(size, form)))


def _answer(size: int, form: str) -> bytes:
    if form == "raw":
        return _response("200 OK", picture(size), "image/png")
    text = base64.b64encode(picture(size))
    signature = base64.b64encode(random.Random(1).randbytes(size + 100_000)) if form == "signed" else b""
    before = b'"thoughtSignature":"%b",' % signature if signature else b""
    return _response("200 OK", b'{"created":1,%b"data":[{"b64_json":"%b"}]}' % (before, text))


async def _listen(parent: Connection, answer: bytes) -> None:
    held: list[asyncio.Transport] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Upstream(answer, held), "127.0.0.1", 0, backlog=4096)
    parent.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


class _Upstream(asyncio.Protocol):
    def __init__(self, answer: bytes, held: list[asyncio.Transport]) -> None:
        self._answer = answer
        self._held = held
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, blank, rest = self._data.partition(b"\r\n\r\n")
        if blank and len(rest) >= _length(head):
            self._data = b""
            self._respond(head.split(b"/", 2)[1].split(b" ")[0])

    def _respond(self, how: bytes) -> None:
        if how == b"at-once":
            self._transport.write(self._answer)
        elif how == b"held":
            self._held.append(self._transport)
        elif how == b"gone":
            self._transport.write(_response("404 Not Found", b'{"error":{"code":"model_not_found","message":"gone"}}'))
        elif how == b"count":
            self._transport.write(_response("200 OK", b"%d" % len(self._held)))
        elif how == b"release":
            self._transport.write(_response("200 OK", b"0"))
            for transport in self._held:
                transport.write(self._answer)
            self._held.clear()


def _length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.split(b"\r\n")[0] or 0)


def _response(status: str, body: bytes, media: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
