"""How a server ends, and connections that say nothing."""

import asyncio
from contextlib import AsyncExitStack
from types import SimpleNamespace

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

    def __init__(self, provider, **settings):
        self._settings, self._provider, self._end = settings, provider, asyncio.Event()
        self.ready = asyncio.Event()

    async def live(self):
        """Serve until told."""
        chains = {"default": ("a",)}
        watching = Watching()
        async with Router(
            providers={"a": self._provider}, chains=chains, observers={"gateway": watching}, seed=0
        ) as router:
            settings = ServeSettings(port=0, access_log=False, **self._settings)
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

        async def make(drain, *script, **settings):
            provider = gated(*script)
            server = Ending(provider, drain=drain, **settings)
            living = asyncio.create_task(server.live())
            await server.ready.wait()
            asking = asyncio.create_task(http.post(f"{server.url}/v1/images/generations", json=ASKED).__aenter__())
            await provider.begun.wait()
            return server, provider, living, asking

        yield make


async def test_what_is_in_flight_is_delivered(ending):
    """And nothing more is taken: whoever comes, by a connection of his own, is told so and sent elsewhere."""
    server, provider, living, asking = await ending(10)
    server.end()
    await asyncio.sleep(0.05)
    async with aiohttp.ClientSession() as http:
        async with http.post(f"{server.url}/v1/images/generations", json=ASKED) as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            assert refused.headers["Connection"] == "close"
        async with http.get(f"{server.url}/readyz") as ready, http.get(f"{server.url}/healthz") as alive:
            assert (ready.status, alive.status) == (503, 200)
    provider.let.set()

    answer = await asking
    told = await answer.json()
    await living

    assert (answer.status, "b64_json" in told["data"][0]) == (200, True)


async def test_whoever_balances_the_load_has_time_to_see_it(ending):
    """For `grace` seconds it listens though nothing is in flight, and then no longer."""
    server, provider, living, asking = await ending(10, grace=0.5)
    provider.let.set()
    assert (await asking).status == 200
    server.end()
    await asyncio.sleep(0.1)

    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/readyz") as ready:
        assert ready.status == 503
    await living
    with pytest.raises(OSError, match=r"."):
        await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))


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


async def test_a_caller_who_leaves_in_the_middle_of_an_answer_is_no_error(serve, gated, caplog):
    """Nothing is logged that an operator would look after, though what is next was being written to it."""
    served = await serve(gated())
    async with served.post("/v1/images/generations", {**ASKED, "stream": True}) as answer:
        await answer.content.readany()
        (protocol,), (call,) = served.gateway.heard, served.gateway.calls

        call._tell("retry_scheduled", SimpleNamespace(request="r", part=0))
        protocol.transport.abort()  # of which the handler, whose turn is next, does not know yet
        with pytest.raises(aiohttp.ClientError):
            await answer.read()
        await asyncio.sleep(0.02)

    assert not [record for record in caplog.records if record.levelname == "ERROR"]
