"""A gateway that is killed at any moment: under one key one picture is bought, or the doubt is told."""

import asyncio
import base64
import os
import random
import re
import sys
from collections import Counter
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import web

from pixroute.testing.fake import blank_png

pytestmark = pytest.mark.slow  # starts and kills a process ten times

KEYS = 100
POSTS = 1000
KILLS = 10
CONNECTIONS = 8
COMMAND = "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"
CONFIG = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
base_url = "{url}/v1"
api_key = {{ env = "KEY" }}
plaintext = "accept"
[policy.retry]
on_timeout = false
[serve]
port = {port}
drain = 0
quiet_for = 0.05
heartbeat_every = 0.05
{kept}
"""
STORES = {
    "file": ('repeats_file = "repeats.sqlite"', 1),
    "shared file": ('reuse_port = true\n[shared]\nstore = "shared.sqlite"', 2),
    "PostgreSQL": ('reuse_port = true\n[shared]\nstore = { env = "STORE" }', 2),
}


class Shop:
    """An upstream that counts what is bought, by prompt."""

    def __init__(self, chance):
        self.bought, self._chance = Counter(), chance

    async def sell(self, request):
        """Take the money, then the time, then answer."""
        prompt = (await request.json())["prompt"]
        self.bought[prompt] += 1
        await asyncio.sleep(self._chance.uniform(0.02, 0.3))
        picture = base64.b64encode(blank_png(1024, 1024)).decode()
        return web.json_response({"created": 1, "data": [{"b64_json": picture}]})

    @asynccontextmanager
    async def open(self):
        """Sell; gives the URL."""
        app = web.Application()
        app.router.add_post("/v1/images/generations", self.sell)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
        await runner.cleanup()


class Gateway:
    """A gateway's process, on the same port each time, which it may share."""

    def __init__(self, folder, env):
        self._folder, self._env, self._process, self.url = folder, env, None, None

    async def start(self):
        """Start it and wait until it listens."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", COMMAND, "serve",
            cwd=self._folder, env={**os.environ, "KEY": "any", **self._env},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        while line := (await self._process.stdout.readline()).decode():
            if found := re.search(r"Listening: (\S+)/v1", line):
                self.url = found[1]
                return
        raise AssertionError("it did not start")

    async def kill(self):
        """End it without a word."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.communicate()


async def ask(session, gateway, number, *, patience):
    """POST once; give the status and the kind of error, None where no answer came."""
    body = {"prompt": f"key {number}", "size": "1024x1024"}
    headers = {"Idempotency-Key": f"key-{number}"}
    try:
        async with asyncio.timeout(patience):
            async with session.post(f"{gateway.url}/v1/images/generations", json=body, headers=headers) as answer:
                told = await answer.json()
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
    return "picture" if "data" in told else told["error"]["kind"]


@pytest.mark.parametrize("store", STORES)
async def test_a_key_buys_once_whatever_happens(store, tmp_path, unused_tcp_port, request):
    """1,000 POSTs under 100 keys from 8 connections, callers leaving, ten kills: one purchase a key, or a doubt."""
    kept, processes = STORES[store]
    env = {"STORE": request.getfixturevalue("cluster").database()} if store == "PostgreSQL" else {}
    chance = random.Random(17)
    shop = Shop(chance)
    async with shop.open() as url, aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        (tmp_path / "pixroute.toml").write_text(CONFIG.format(url=url, port=unused_tcp_port, kept=kept))
        gateways = [Gateway(tmp_path, env) for _ in range(processes)]
        for gateway in gateways:
            await gateway.start()
        left = [chance.randrange(KEYS) for _ in range(POSTS)]

        async def callers():
            while left:
                await ask(session, gateway, left.pop(), patience=chance.choice([0.05, 0.2, 5]))

        working = [asyncio.create_task(callers()) for _ in range(CONNECTIONS)]
        for kill in range(KILLS):
            while left and len(left) > POSTS * (1 - (kill + 1) / (KILLS + 1)):  # noqa: ASYNC110 - as above
                await asyncio.sleep(chance.uniform(0.01, 0.05))  # a moment like any other
            killed = chance.choice(gateways)
            await killed.kill()
            await killed.start()
        await asyncio.gather(*working)
        ends = [await ask(session, gateway, number, patience=30) for number in range(KEYS)]
        for gateway in gateways:
            await gateway.kill()

    doubts = ends.count("doubtful")
    print(
        f"\n{store}, {processes} processes: {KEYS} keys, {ends.count('picture')} pictures, "
        f"{doubts} told as doubtful; {shop.bought.total()} bought"
    )
    assert set(ends) <= {"picture", "doubtful"}
    assert max(shop.bought.values()) == 1
    assert doubts < KEYS / 2
