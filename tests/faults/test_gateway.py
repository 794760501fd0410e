"""A gateway behind real proxies that end what is silent: limits of 5 s, pictures of 60 s, all ten times faster."""

import asyncio
import base64
from contextlib import asynccontextmanager

import openai
import pytest

from pixroute.config.serve import ServeSettings
from pixroute.routing.router import Router
from pixroute.serve.call import Watching
from pixroute.serve.gateway import Gateway
from pixroute.serve.listen import listening, repeats_of
from pixroute.serve.names import Menu
from pixroute.testing import FakeProvider, picture
from pixroute.testing.fake import blank_png

pytestmark = pytest.mark.slow  # pictures of 6 s

LIMIT = "500ms"
PICTURE = 6.0
ALIVE = {"quiet_for": 0.2, "heartbeat_every": 0.15}


@asynccontextmanager
async def gateway(**settings):
    """Serve pictures that take long; gives the port."""
    chains = {"default": ("slow",)}
    router = Router(
        providers={"slow": FakeProvider(picture(PICTURE))}, chains=chains, observers={"gateway": Watching()}, seed=0
    )
    async with router:
        placed = ServeSettings(port=0, drain=0, access_log=False, **settings)
        menu = Menu(chains=chains, models={})
        made = Gateway(router=router, settings=placed, menu=menu, repeats=repeats_of(placed))
        async with listening(made) as url:
            yield int(url.rpartition(":")[2])


async def ask(origin, **more):
    """Ask by the official client; give the picture, or the error."""
    async with openai.AsyncOpenAI(base_url=f"{origin}/v1", api_key="none", max_retries=0, timeout=3) as client:
        try:
            answer = await client.images.generate(model="default", prompt="A lighthouse", size="64x64", **more)
            found = [event async for event in answer][-1] if more else answer.data[0]
        except openai.APIError as error:
            return error
        return base64.b64decode(found.b64_json)


@pytest.fixture
def origins(nginx, haproxy):
    """Put proxies in front of a port: nginx as it is, nginx that does not buffer but compresses, HAProxy."""

    def of(port):
        compressing = "proxy_http_version 1.1; gzip on; gzip_types *; gzip_min_length 0; proxy_buffering off;"
        return [
            nginx(port, timeout=LIMIT),
            nginx(port, timeout=LIMIT, extra=compressing),
            haproxy(port, timeout=LIMIT),
        ]

    return of


async def test_slow_pictures_come_through_proxies(origins):
    """Plain and as a stream, though each is silent twelve times as long as they allow."""
    async with gateway(**ALIVE) as port:
        found = await asyncio.gather(
            *(ask(origin, **more) for origin in origins(port) for more in ({}, {"stream": True}))
        )

    assert found == [blank_png(64, 64)] * 6


async def test_without_heartbeats_they_do_not(origins):
    """Every proxy ends what is silent: so the test above shows what the heartbeats are for."""
    async with gateway(heartbeat="off") as port:
        found = await asyncio.gather(
            *(ask(origin, **more) for origin in origins(port) for more in ({}, {"stream": True}))
        )

    assert all(isinstance(one, openai.APIError) for one in found), found


async def test_a_stream_lives_where_plain_answers_do_not(origins):
    """`heartbeat = "stream-only"`."""
    async with gateway(heartbeat="stream-only", **ALIVE) as port:
        plain, stream = await asyncio.gather(ask(origin := origins(port)[0]), ask(origin, stream=True))

    assert isinstance(plain, openai.InternalServerError)
    assert stream == blank_png(64, 64)
