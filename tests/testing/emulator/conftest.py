"""An emulator and a client that speaks to it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from pixroute.testing.emulator import Emulator

BEARER = {"Authorization": "Bearer sk-test"}


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    """An emulator that takes no time."""
    async with Emulator(time_scale=0) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a pool, so that no test inherits a connection."""
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, headers=BEARER, auto_decompress=False) as session:
        yield session


Post = Callable[..., Awaitable[tuple[int, dict[str, str], Any]]]


@pytest.fixture
def native(emulator, http) -> Post:
    """Post to the native route and return status, headers and JSON."""

    async def post(prompt="fox!", *, model="gemini-3-pro-image", method="generateContent", headers=None, **config):
        url = f"{emulator.http_url}/v1beta/models/{model}:{method}"
        body = {"contents": [{"parts": [{"text": prompt}]}], "generationConfig": {"imageConfig": config}}
        async with http.post(url, json=body, headers=headers) as reply:
            return reply.status, reply.headers, await reply.json()

    return post


@pytest.fixture
def images(emulator, http) -> Post:
    """Post to the images route (or to Ark's) and return status, headers and JSON."""

    async def post(model="nano-banana-pro", *, path="/v1/images/generations", headers=None, **fields):
        body = {"model": model, "prompt": "fox!", **fields}
        async with http.post(emulator.http_url + path, json=body, headers=headers) as reply:
            return reply.status, reply.headers, await reply.json()

    return post
