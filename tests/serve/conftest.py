"""A gateway over scripted providers, on a real socket, in the test's own loop."""

import asyncio
import socket
from contextlib import AsyncExitStack

import aiohttp
import openai
import pytest

from pixroute.config.serve import ServeSettings
from pixroute.routing.router import Router
from pixroute.serve.call import Watching
from pixroute.serve.gateway import Gateway
from pixroute.serve.limits import Limits
from pixroute.serve.listen import key_ring, listening, repeats_of, sharing, store_of
from pixroute.serve.names import Menu
from pixroute.testing import FakeProvider


class Gated(FakeProvider):
    """Delivers when it is let."""

    def __init__(self, *script, **options):
        super().__init__(*script, **options)
        self.begun, self.let = asyncio.Event(), asyncio.Event()

    async def generate(self, request, attempt):
        """Wait, then do what the script says."""
        self.begun.set()
        await self.let.wait()
        return await super().generate(request, attempt)


class Served:
    """A gateway that listens: its parts, and ways to ask it."""

    def __init__(self, gateway, url, http, stack):
        self.gateway, self.url, self.http, self._stack = gateway, url, http, stack

    def openai(self, **options):
        """Give the official client."""
        options = {"api_key": "none", "max_retries": 0, **options}
        client = openai.AsyncOpenAI(base_url=f"{self.url}/v1", **options)
        self._stack.push_async_callback(client.close)
        return client

    def post(self, path, body=None, **options):
        """POST JSON."""
        return self.http.post(self.url + path, json=body, **options)

    def get(self, path, **options):
        """GET."""
        return self.http.get(self.url + path, **options)


@pytest.fixture
async def serve():
    """Make gateways of providers and settings; all are closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(*providers, policy=None, models=None, shared=None, budgets=None, **settings) -> Served:
            table = {f"fake-{number}": one for number, one in enumerate(providers or (FakeProvider(),), 1)}
            chains = {"default": tuple(table), **{name: (name,) for name in table}}
            router = Router(
                providers=table,
                chains=chains,
                policy=policy,
                budgets=budgets,
                observers={"gateway": Watching()},
                seed=0,
            )
            await stack.enter_async_context(router)
            placed = ServeSettings(**{"port": 0, "drain": 0, "access_log": False, **settings})
            store = await stack.enter_async_context(sharing(placed, shared))
            menu = Menu(chains=chains, models=models or {})
            gateway = Gateway(
                router=router,
                settings=placed,
                menu=menu,
                repeats=repeats_of(placed, store),
                limits=Limits(asyncio.get_running_loop().time, store),
                keys=await key_ring(placed, store),
                store=store_of(placed),
            )
            url = await stack.enter_async_context(listening(gateway))
            http = await stack.enter_async_context(aiohttp.ClientSession())
            return Served(gateway, url, http, stack)

        yield make


@pytest.fixture
def gated():
    """Make providers that deliver when they are let."""
    return Gated


@pytest.fixture
def unused_tcp_port():
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]
