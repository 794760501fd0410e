"""The gateway beside a bare aiohttp.web proxy: memory of a caller who waits, and how punctual its signs of life are."""

import asyncio
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from measure import Figure, ratios

CALLERS = 2000
EVERY = 2.0
HOLD = 10.0
COMMAND = "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"
CONFIG = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
base_url = "{url}/v1"
api_key = {{ env = "KEY" }}
plaintext = "accept"
[serve]
port = 0
access_log = false
quiet_for = {every}
heartbeat_every = {every}
"""
UPSTREAM = """
import asyncio, base64, sys
from aiohttp import web
from pixroute.testing.fake import blank_png
PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
waiting, all_here = 0, asyncio.Event()
async def sell(request):
    global waiting
    await request.read()
    waiting += 1
    await all_here.wait()
    await asyncio.sleep(float(sys.argv[1]))
    return web.json_response({"created": 1, "data": [{"b64_json": PICTURE}]})
async def count(request):
    return web.Response(text=str(waiting))
async def begin(request):
    global waiting
    waiting = 0
    all_here.clear()
    return web.Response()
async def end(request):
    all_here.set()
    return web.Response()
app = web.Application()
app.router.add_post("/v1/images/generations", sell)
app.add_routes([web.get("/count", count), web.get("/begin", begin), web.get("/end", end)])
web.run_app(app, host="127.0.0.1", port=0, access_log=None, backlog=4096)
"""
BARE = """
import sys
import aiohttp
from aiohttp import web
async def begin(app):
    timeout = aiohttp.ClientTimeout(total=None)
    app["session"] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
    yield
    await app["session"].close()
async def ask(request):
    url, headers = sys.argv[1] + request.path, {"Content-Type": "application/json"}
    async with request.app["session"].post(url, data=await request.read(), headers=headers) as answer:
        return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")
app = web.Application()
app.cleanup_ctx.append(begin)
app.router.add_post("/v1/images/generations", ask)
web.run_app(app, host="127.0.0.1", port=0, access_log=None, backlog=4096)
"""
SIGN = b"1\r\n \r\n"
BODY = b'{"prompt": "A lighthouse", "size": "1024x1024"}'
HEAD = (
    "POST /v1/images/generations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
).encode()


class Process:
    """A server in a process of its own."""

    def __init__(self, *command, **options):
        self._process = subprocess.Popen(
            [sys.executable, "-uc", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options
        )
        found = next(found for line in self._process.stdout if (found := re.search(r"http://127\.0\.0\.1:(\d+)", line)))
        self.url, self.port = found[0], int(found[1])

    @property
    def memory(self) -> int:
        """Bytes that are resident."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) * 1024

    def end(self):
        """End it."""
        self._process.terminate()
        self._process.wait()


async def caller(port, late):
    """Wait for a picture; note by how much each sign of life came earlier or later than one after the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(HEAD + BODY)
    whole, last = b"", None
    while piece := await reader.read(65_536):
        if piece.endswith(SIGN):
            now = time.monotonic()
            if last is not None:
                late.append(abs(now - last - EVERY))
            last = now
        whole += piece
    writer.close()
    assert b"b64_json" in whole, whole[:200]


async def crowd(server, upstream, count, late):
    """Let so many wait at once; give what each takes of the server's memory when all do."""
    async with aiohttp.ClientSession() as session:

        async def tell(what):
            async with session.get(f"{upstream.url}/{what}") as answer:
                return await answer.text()

        async def wait_for(number):
            await tell("begin")
            waiting = [asyncio.create_task(caller(server.port, late)) for _ in range(number)]
            while int(await tell("count")) < number:  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.1)
            return waiting

        few = await wait_for(50)
        await tell("end")
        await asyncio.gather(*few)
        before = server.memory
        waiting = await wait_for(count)
        await tell("end")
        await asyncio.sleep(HOLD / 2)
        taken = (server.memory - before) / count
        noted = len(late)
        await asyncio.gather(*waiting)
        del late[noted:]  # when all pictures come at one moment, the client is as busy as the server
        return taken


def run(*, quick=False):
    """Measure in rounds; each begins new processes, so that none meets another's memory."""
    count, rounds = (500, 1) if quick else (CALLERS, 3)
    ours, bare, late = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        upstream = Process(UPSTREAM, str(HOLD))
        text = CONFIG.format(url=upstream.url, every=EVERY)
        (Path(folder) / "pixroute.toml").write_text(text)
        for _ in range(rounds):
            for found, start in (
                (ours, lambda: Process(COMMAND, "serve", cwd=folder, env={**os.environ, "KEY": "any"})),
                (bare, lambda: Process(BARE, upstream.url)),
            ):
                server = start()
                found.append(asyncio.run(crowd(server, upstream, count, late if found is ours else [])))
                server.end()
        upstream.end()
    lateness = sorted(late)
    return [
        Figure(
            benchmark="gateway",
            name=f"{count} callers wait: memory of each beside a bare proxy's",
            unit="ratio",
            values=ratios(ours, bare),
            target=2.0,
        ),
        Figure(benchmark="gateway", name="… of each", unit="KiB", values=tuple(round(one / 1024, 1) for one in ours)),
        Figure(
            benchmark="gateway",
            name="… a sign of life is late by, at most",
            unit="s",
            values=(lateness[-1], statistics.median(lateness)),
            target=1.0,
        ),
    ]
