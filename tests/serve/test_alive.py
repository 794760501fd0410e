"""What a caller sees while a picture is made."""

import asyncio
import json

import openai
import pytest

from pixroute.outcome import FailureKind
from pixroute.testing import FakeProvider, fail

ASKED = {"prompt": "A lighthouse", "size": "64x64"}
SOON = {"quiet_for": 0.02, "heartbeat_every": 0.02}


async def test_the_status_is_true_for_a_while(serve):
    """A refusal that comes early is a 400."""
    served = await serve(FakeProvider(fail(FailureKind.MODERATED, status=400)), quiet_for=60)

    async with served.post("/v1/images/generations", ASKED) as answer:
        assert answer.status == 400


async def test_after_it_spaces_stand_before_the_document(serve, gated):
    """The head is 200, and JSON all the same."""
    served = await serve(provider := gated(), **SOON)

    async with served.post("/v1/images/generations", ASKED) as answer:
        signs = await answer.content.readexactly(3)
        provider.let.set()
        rest = await answer.read()

    assert signs == b"   "
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert json.loads(rest)["data"][0]["b64_json"]


async def test_what_fails_late_is_an_error_under_200(serve, gated):
    """The official client then gives no data: the documentation says so."""
    served = await serve(provider := gated(fail(FailureKind.MODERATED, status=400)), **SOON)
    asking = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await provider.begun.wait()
    await asyncio.sleep(0.05)
    provider.let.set()

    answer = await asking

    assert answer.data is None
    assert answer.model_extra["error"]["kind"] == "moderated"


@pytest.mark.parametrize("heartbeat", ["off", "stream-only"])
async def test_without_heartbeats_a_late_status_is_true(serve, gated, heartbeat):
    """At the price of silence."""
    served = await serve(provider := gated(fail(FailureKind.MODERATED, status=400)), heartbeat=heartbeat, **SOON)
    asking = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await provider.begun.wait()
    await asyncio.sleep(0.05)
    provider.let.set()

    with pytest.raises(openai.BadRequestError):
        await asking


async def test_a_stream_is_kept_alive_by_comments(serve, gated):
    """Comments, then events, then the end."""
    served = await serve(provider := gated(), **SOON)

    async with served.post("/v1/images/generations", {**ASKED, "stream": True}) as answer:
        head = b""
        while head.count(b": keepalive\n\n") < 3:
            head += await answer.content.readany()
        provider.let.set()
        rest = await answer.text()

    assert answer.content_type == "text/event-stream"
    assert "event: image_generation.completed" in rest


async def test_a_stream_that_fails_late_raises(serve, gated):
    """Whatever the head said."""
    served = await serve(provider := gated(fail(FailureKind.MODERATED, status=400)), **SOON)
    stream = await served.openai().images.generate(model="default", stream=True, **ASKED)
    provider.let.set()

    with pytest.raises(openai.APIError, match="declined"):
        async for _ in stream:
            pass


async def test_a_heartbeat_resets_the_client_s_time_out(serve, gated):
    """A client with a time-out of 1 s waits for a picture of 2.5 s."""
    served = await serve(provider := gated(), quiet_for=0.1, heartbeat_every=0.1)
    asyncio.get_running_loop().call_later(2.5, provider.let.set)

    answer = await served.openai(timeout=1).images.generate(model="default", **ASKED)

    assert answer.data[0].b64_json


test_a_heartbeat_resets_the_client_s_time_out.pytestmark = [pytest.mark.slow]  # waits longer than a time-out
