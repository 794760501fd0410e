"""The gateway beside a bare aiohttp.web proxy: memory of a caller who waits, and how punctual its signs of life are."""

import asyncio
import os
import socket
import statistics
import tempfile
import time
from pathlib import Path

import aiohttp
from gateway_parts import CONFIG, Process, gateway, watched
from measure import Figure, ratios

CALLERS = 2000
EVERY = 2.0
HOLD = 10.0
COME = 4.0
UPSTREAM = """
import asyncio, base64, sys
from aiohttp import web
from pixroute.testing.fake import blank_png
PICTURE = base64.b64encode(blank_png(1024, 1024)).decode()
waiting, all_here = 0, asyncio.Event()
async def sell(request):
    global waiting
    await request.read()
    mine = waiting = waiting + 1
    await all_here.wait()
    await asyncio.sleep(float(sys.argv[1]) * (1 + mine / waiting / 2))
    return web.json_response({"created": 1, "data": [{"b64_json": PICTURE}]})
async def count(request):
    return web.Response(text=str(waiting))
async def sell_at_once(request):
    await request.read()
    return web.json_response({"created": 1, "data": [{"b64_json": PICTURE}]})
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
app.router.add_post("/now/v1/images/generations", sell_at_once)
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


LITELLM = """
model_list:
  - model_name: default
    litellm_params: {{model: openai/gpt-image-1, api_base: "{url}/v1", api_key: any}}
"""
LITELLM_ALONE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # it serves this machine alone
    "PYTHONUNBUFFERED": "1",
}


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
        before = server.memory()
        waiting = await wait_for(count)
        await tell("end")
        await asyncio.sleep(HOLD / 2)
        taken = (server.memory() - before) / count
        noted = len(late)
        await asyncio.gather(*waiting)
        del late[noted:]  # when all pictures come at one moment, the client is as busy as the server
        return taken


async def stalls(server, upstream, count):
    """Let so many come within `COME` seconds and wait; give the longest stretch that the server computes meanwhile.

    Three: while they come, while they wait, and while their pictures do, which takes `HOLD / 2`.
    """
    async with aiohttp.ClientSession() as session:

        async def tell(what):
            async with session.get(f"{upstream.url}/{what}") as answer:
                return await answer.text()

        async def come(number):
            await tell("begin")
            waiting = []
            for _ in range(number):
                waiting.append(asyncio.create_task(caller(server.port, [])))
                await asyncio.sleep(COME / count)
            while int(await tell("count")) < number:  # noqa: ASYNC110 - another process counts
                await asyncio.sleep(0.1)
            return waiting

        first = await come(20)
        await tell("end")
        await asyncio.gather(*first)
        server.stall()
        waiting = await come(count)
        coming = server.stall()
        await asyncio.sleep(3 * EVERY)
        idle = server.stall()
        await tell("end")
        await asyncio.gather(*waiting)
        return coming, idle, server.stall()


async def rush(server, count, path="/v1/images/generations"):
    """Ask so often, by 16 connections; give requests a second, and seconds of a processor a request."""
    body = {"model": "default", "prompt": "A lighthouse", "size": "1024x1024"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=16)) as session:

        async def ask():
            async with session.post(server.url + path, json=body) as answer:
                assert b"b64_json" in await answer.read()

        await asyncio.gather(*(ask() for _ in range(32)))
        cpu, began = server.cpu, time.monotonic()
        await asyncio.gather(*(ask() for _ in range(count)))
        return count / (time.monotonic() - began), (server.cpu - cpu) / count


def rushes(*, quick):
    """Ask ours, a bare proxy and, where PIXROUTE_LITELLM says where its command lies, litellm's, in turn."""
    count, rounds = (300, 1) if quick else (1000, 3)
    found = {"ours": [], "bare": [], "door": [], "web": [], "litellm": []}
    with tempfile.TemporaryDirectory() as folder:
        upstream = Process(UPSTREAM, "0")
        (Path(folder) / "pixroute.toml").write_text(CONFIG.format(url=f"{upstream.url}/now", every=20.0))
        (Path(folder) / "litellm.yaml").write_text(LITELLM.format(url=f"{upstream.url}/now"))
        servers = {
            "ours": lambda: gateway(folder),
            "bare": lambda: Process(BARE, f"{upstream.url}/now"),
            "door": lambda: watched(folder, "--no-router"),
            "web": lambda: Process(UPSTREAM, "0"),
        }
        if program := os.environ.get("PIXROUTE_LITELLM"):
            said = ("--config", f"{folder}/litellm.yaml", "--host", "127.0.0.1", "--port", str(_free_port()))
            env = {**os.environ, **LITELLM_ALONE}
            servers["litellm"] = lambda: Process(*said, program=(program,), cwd=folder, env=env)
        for _ in range(rounds):
            for name, start in servers.items():
                server = start()
                asked = count // 5 if name == "litellm" else count
                path = "/now/v1/images/generations" if name == "web" else "/v1/images/generations"
                found[name].append(asyncio.run(rush(server, asked, path)))
                server.end()
        upstream.end()
    return found


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def compared(found):
    """Give the figures of a rush."""

    def each(name, place):
        return [one[place] for one in found[name]]

    figures = [
        Figure(
            benchmark="gateway",
            name="a request's processor time beside a bare proxy's",
            unit="ratio",
            values=ratios(each("ours", 1), each("bare", 1)),
            target=2.5,
        ),
        Figure(
            benchmark="gateway",
            name="… of it aiohttp.web",
            unit="ratio",
            values=ratios(each("web", 1), each("ours", 1)),
        ),
        Figure(
            benchmark="gateway",
            name="… and the door (without aiohttp.web)",
            unit="ratio",
            values=tuple(
                (door - web) / ours
                for door, web, ours in zip(*(each(name, 1) for name in ("door", "web", "ours")), strict=True)
            ),
        ),
        Figure(benchmark="gateway", name="requests a second", unit="1/s", values=tuple(each("ours", 0))),
        Figure(benchmark="gateway", name="… of a bare proxy", unit="1/s", values=tuple(each("bare", 0))),
    ]
    if found["litellm"]:
        figures += [
            Figure(benchmark="gateway", name="… of litellm's proxy", unit="1/s", values=tuple(each("litellm", 0))),
            Figure(
                benchmark="gateway",
                name="litellm's proxy's processor time for a request beside ours",
                unit="ratio",
                values=ratios(each("litellm", 1), each("ours", 1)),
            ),
        ]
    return figures


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
                (ours, lambda: gateway(folder)),
                (bare, lambda: Process(BARE, upstream.url)),
            ):
                server = start()
                found.append(asyncio.run(crowd(server, upstream, count, late if found is ours else [])))
                server.end()
        watching = []
        for _ in range(rounds):
            server = watched(folder)
            watching.append(asyncio.run(stalls(server, upstream, count)))
            server.end()
        upstream.end()
    lateness = sorted(late)
    return [
        *compared(rushes(quick=quick)),
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
        *(
            Figure(
                benchmark="gateway",
                name=f"… longest stall, own CPU, {when}",
                unit="ms",
                values=tuple(1000 * one[place] for one in watching),
                target=20,
            )
            for place, when in enumerate(("while they come", "while they wait", "while their pictures come"))
        ),
    ]
