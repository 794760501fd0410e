"""Sixteen pictures of 25 MB at once through the gateway: memory, and whether who waits for room is told so."""

import asyncio
import base64
import socket
import tempfile
import time
from pathlib import Path

from gateway_parts import CONFIG, Process, gateway
from measure import Figure
from upstream import picture

SIZE = 25_000_000
COUNT = 16
EVERY = 0.5
SECONDS = 3.0
"""In which the upstream sends one picture, if it is read as fast."""
UPSTREAM = """
import asyncio, sys
from pathlib import Path
ANSWER, SECONDS = Path(sys.argv[1]).read_bytes(), float(sys.argv[2])
HEAD = b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Type: application/json\\r\\n"
HEAD += b"Content-Length: %d\\r\\n\\r\\n" % len(ANSWER)
PIECES = 60
async def sell(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\\r\\n")[0]))
    writer.write(HEAD)
    step = -(-len(ANSWER) // PIECES)
    for at in range(0, len(ANSWER), step):
        writer.write(memoryview(ANSWER)[at:at + step])
        await writer.drain()
        await asyncio.sleep(SECONDS / PIECES)
    writer.close()
async def main():
    server = await asyncio.start_server(sell, "127.0.0.1", 0)
    print("running on http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""
BODY = b'{"prompt": "A lighthouse"}'
HEAD = (
    "POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
).encode()
BEGUN = 1024
"""Bytes by which a document has begun: signs of life are fewer."""


async def caller(port, begun, go_on):
    """Ask; hold still once the document has begun; give the longest silence before, and the bytes of it all."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    sock.settimeout(0)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock)
    writer.write(HEAD + BODY)
    held, silent, heard = 0, 0.0, time.monotonic()
    while held < BEGUN:
        piece = await reader.read(BEGUN)
        assert piece, "it ended without a picture"
        held += len(piece)
        silent, heard = max(silent, time.monotonic() - heard), time.monotonic()
    begun.append(heard)
    await go_on.wait()
    while piece := await reader.read(1 << 20):
        held += len(piece)
    writer.close()
    return silent, held


async def crowd(server, count):
    """Let so many have their pictures; give most memory beside theirs, longest silence, how many came late."""
    begun, go_on = [], asyncio.Event()
    first = asyncio.create_task(caller(server.port, [], go_on))
    go_on.set()
    await first
    go_on = asyncio.Event()
    server.forget_peak()
    idle, began = server.memory(), time.monotonic()
    waiting = [asyncio.create_task(caller(server.port, begun, go_on)) for _ in range(count)]
    while len(begun) < count and not any(one.done() for one in waiting):  # noqa: ASYNC110 - all have begun, or one failed
        await asyncio.sleep(0.1)
    go_on.set()
    ends = await asyncio.gather(*waiting)
    assert all(held > SIZE * 4 // 3 for _, held in ends)
    waited = sum(at - began > 1.2 * (begun[0] - began) for at in begun)
    return (server.memory("VmHWM") - idle) / (count * SIZE), max(silent for silent, _ in ends), waited


def run(*, quick=False):
    """Measure in rounds, each with a new process."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        answer = b'{"data":[{"b64_json":"' + base64.b64encode(picture(SIZE)) + b'"}]}'
        (Path(folder) / "answer.json").write_bytes(answer)
        upstream = Process(UPSTREAM, str(Path(folder) / "answer.json"), str(SECONDS))
        (Path(folder) / "pixroute.toml").write_text(CONFIG.format(url=upstream.url, every=EVERY))
        for _ in range(1 if quick else 3):
            server = gateway(folder)
            found.append(asyncio.run(crowd(server, COUNT)))
            server.end()
        upstream.end()
    shares, silences, waited = zip(*found, strict=True)
    named = f"{COUNT} of 25 MB at once"
    return [
        Figure(benchmark="gateway", name=f"{named}: memory ÷ pictures", unit="×", values=shares, target=1.2),
        Figure(
            benchmark="gateway",
            name="… that came later than the first by a fifth, for want of room",
            unit="callers",
            values=waited,
        ),
        Figure(benchmark="gateway", name="… longest silence meanwhile", unit="s", values=silences, target=EVERY + 1),
    ]
