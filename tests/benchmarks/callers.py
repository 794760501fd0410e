"""The two ways that are compared: a routed request, and aiohttp by hand."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from pixroute import ImageResult, Router

PROMPT = "A lighthouse at dusk"
BODY = {"model": "gpt-image-2", "prompt": PROMPT, "size": "1024x1024", "n": 1}
"""What the routed request sends, too."""


@asynccontextmanager
async def routed(*origins: str, policy: Mapping[str, Any] | None = None, **first: Any) -> AsyncIterator[Router]:
    """Give a router over one provider for each origin, in this order; `first` holds settings of the first alone."""
    common = {"type": "openai-images", "api_key": "key", "plaintext": "accept"}
    places = {f"provider-{number}": origin for number, origin in enumerate(origins, 1)}
    providers = {name: {**common, "base_url": f"{at}/v1", "upstream": name} for name, at in places.items()}
    providers["provider-1"] |= first
    configuration = {"chains": {"default": list(providers)}, "providers": providers, "policy": policy or {}}
    async with Router.from_mapping(configuration) as router:
        yield router


async def ask(router: Router, **options: Any) -> ImageResult:
    """Make a picture through the router."""
    return await router.generate(PROMPT, **options)


@asynccontextmanager
async def bare() -> AsyncIterator[aiohttp.ClientSession]:
    """Give aiohttp as it comes, but for its limit of 100 connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def post(session: aiohttp.ClientSession, origin: str) -> bytes:
    """Ask as a routed request does, and read the answer without looking at it."""
    headers = {"Authorization": "Bearer key"}
    async with session.post(f"{origin}/v1/images/generations", json=BODY, headers=headers) as response:
        return await response.read()


async def post_and_decode(session: aiohttp.ClientSession, origin: str) -> bytes:
    """Ask, and decode the picture as everybody does."""
    async with session.post(f"{origin}/v1/images/generations", json=BODY) as response:
        document = await response.json()
    return base64.b64decode(document["data"][0]["b64_json"])
