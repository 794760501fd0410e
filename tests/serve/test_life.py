"""How a server ends, and connections that say nothing."""

import asyncio
from contextlib import AsyncExitStack

import aiohttp
import pytest

from pixroute.config.serve import ServeSettings
from pixroute.routing.router import Router
from pixroute.serve import listen
from pixroute.serve.call import Watching
from pixroute.serve.gateway import Gateway
from pixroute.serve.listen import listening
from pixroute.serve.names import Menu
from pixroute.serve.repeats import Repeats
from pixroute.testing import picture

ASKED = {"prompt": "A lighthouse", "size": "64x64"}


class Ending:
    """A gateway that is told to end."""

    def __init__(self, provider, drain):
        self._drain, self._provider, self._end = drain, provider, asyncio.Event()
        self.ready = asyncio.Event()

    async def live(self):
        """Serve until told."""
        chains = {"default": ("a",)}
        watching = Watching()
        async with Router(
            providers={"a": self._provider}, chains=chains, observers={"gateway": watching}, seed=0
        ) as router:
            settings = ServeSettings(port=0, drain=self._drain, access_log=False)
            repeats = Repeats(most=10, most_bytes=10)
            self.gateway = Gateway(
                router=router, settings=settings, menu=Menu(chains=chains, models={}), repeats=repeats
            )
            async with listening(self.gateway) as self.url:
                self.ready.set()
                await self._end.wait()

    def end(self):
        """Tell it."""
        self._end.set()


@pytest.fixture
async def ending(gated):
    """A gateway, a request under way, and what it is waited for; `drain` is the parameter."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def make(drain, *script):
            provider = gated(*script)
            server = Ending(provider, drain)
            living = asyncio.create_task(server.live())
            await server.ready.wait()
            asking = asyncio.create_task(http.post(f"{server.url}/v1/images/generations", json=ASKED).__aenter__())
            await provider.begun.wait()
            return server, provider, living, asking

        yield make


async def test_what_is_in_flight_is_delivered(ending):
    """And nothing more is taken."""
    server, provider, living, asking = await ending(10)
    server.end()
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
    provider.let.set()

    answer = await asking
    told = await answer.json()
    await living

    assert (answer.status, "b64_json" in told["data"][0]) == (200, True)


async def test_what_does_not_end_in_time_is_told(ending):
    """What may be billed is never asked again by the client itself."""
    server, provider, living, asking = await ending(0.1, picture(60))
    provider.let.set()
    await asyncio.sleep(0.05)
    server.end()

    answer = await asking
    error = (await answer.json())["error"]
    await living

    assert (answer.status, error["kind"], error["may_be_billed"]) == (503, "shutting_down", True)
    assert answer.headers["x-should-retry"] == "false"


async def test_who_trickles_a_head_is_closed(serve, monkeypatch):
    """A connection that has asked for something is left alone."""
    monkeypatch.setattr(listen, "HEAD_WITHIN", 0.2)
    served = await serve()
    host, port = served.url.removeprefix("http://").split(":")
    idle, silent = await asyncio.open_connection(host, int(port))
    slow, writer = await asyncio.open_connection(host, int(port))
    good, asking = await asyncio.open_connection(host, int(port))
    asking.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    writer.write(b"GET /heal")

    async with asyncio.timeout(10):
        for reader in (idle, slow):
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
    await good.readuntil(b"}")
    asking.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert (await good.readuntil(b"}")).startswith(b"HTTP/1.1 200 OK")
    for one in (silent, writer, asking):
        one.close()
