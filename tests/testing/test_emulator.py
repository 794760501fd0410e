"""The emulator answers like the real upstreams: by its own account, and by that of their official clients."""

import asyncio
import base64
import io
import ssl

import aiohttp
import openai
import pytest
from google import genai
from google.genai import types
from PIL import Image

from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.tls import make_certificate

BEARER = {"Authorization": "Bearer sk-test"}
NATIVE = "/v1beta/models/gemini-3-pro-image:generateContent"
FOX = {"contents": [{"parts": [{"text": "fox!"}]}]}
# google-genai subclasses aiohttp's session, which aiohttp discourages.
from_google = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.size


@pytest.mark.slow  # makes a TLS context and draws
async def test_openai_client_generates():
    """The official openai package accepts a generated picture."""
    async with Emulator(time_scale=0) as emulator:
        async with openai.AsyncOpenAI(base_url=f"{emulator.http_url}/v1", api_key="sk-test") as client:
            answer = await client.images.generate(model="gpt-image-1.5", prompt="fox", size="1536x1024", n=2)

        assert [size_of(base64.b64decode(item.b64_json)) for item in answer.data] == [(1536, 1024)] * 2
        assert answer.usage.output_tokens == answer.usage.output_tokens_details.image_tokens > 0
        assert emulator.ledger.billed == 2


async def test_openai_client_edits():
    """The official openai package's multipart form is understood, and recorded file by file."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64)).save(buffer, "PNG")
    async with Emulator(time_scale=0) as emulator:
        async with openai.AsyncOpenAI(base_url=f"{emulator.http_url}/v1", api_key="sk-test") as client:
            answer = await client.images.edit(
                model="gpt-image-1.5", prompt="fox", image=[("a.png", buffer.getvalue()), ("b.png", buffer.getvalue())]
            )

        assert size_of(base64.b64decode(answer.data[0].b64_json)) == (1024, 1024)
        assert emulator.requests[0].fields["image[]"] == [buffer.getvalue()] * 2
        assert emulator.requests[0].fields["prompt"] == ["fox"]


async def test_openai_client_errors():
    """The official openai package raises the exceptions the real service would make it raise."""
    async with Emulator(time_scale=0, faults={"images": "overloaded"}) as emulator:
        emulator.script("images", "rate-limited:retry-after=31", "refused")
        async with openai.AsyncOpenAI(base_url=f"{emulator.http_url}/v1", api_key="sk-test", max_retries=0) as client:
            for expected, code in (
                (openai.RateLimitError, "rate_limit_exceeded"),
                (openai.BadRequestError, "moderation_blocked"),
                (openai.InternalServerError, None),
            ):
                with pytest.raises(expected) as raised:
                    await client.images.generate(model="gpt-image-2", prompt="fox")
                assert raised.value.code == code
                assert raised.value.request_id


@pytest.mark.slow  # draws 2K pictures
@from_google
async def test_google_client_generates():
    """The official google-genai package accepts a picture of the asked size and ratio."""
    config = types.GenerateContentConfig(
        response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")
    )
    async with Emulator(time_scale=0) as emulator:
        options = types.HttpOptions(base_url=emulator.http_url)
        async with genai.Client(api_key="g-test", http_options=options).aio as client:
            answer = await client.models.generate_content(model="gemini-3-pro-image", contents="fox", config=config)
            streamed = [
                part
                async for chunk in await client.models.generate_content_stream(
                    model="gemini-3-pro-image", contents="fox", config=config
                )
                for part in chunk.parts or []
            ]

        assert size_of(answer.parts[-1].inline_data.data) == (2752, 1536)
        assert size_of(streamed[-1].inline_data.data) == (2752, 1536)
        assert answer.candidates[0].finish_reason is types.FinishReason.STOP


@from_google
async def test_google_client_errors():
    """The official google-genai package understands errors, wrapped in an array too, and refusals."""
    async with Emulator(time_scale=0, faults={"native": "refused:shape=prohibited"}) as emulator:
        emulator.script("native", "overloaded", "array-error")
        options = types.HttpOptions(base_url=emulator.http_url)
        async with genai.Client(api_key="g-test", http_options=options).aio as client:
            for _ in range(2):
                with pytest.raises(genai.errors.ServerError) as raised:
                    await client.models.generate_content(model="gemini-3-pro-image", contents="fox")
                assert (raised.value.code, raised.value.status) == (503, "UNAVAILABLE")
            refused = await client.models.generate_content(model="gemini-3-pro-image", contents="fox")

        assert refused.prompt_feedback.block_reason is types.BlockedReason.PROHIBITED_CONTENT


async def test_tls_is_trusted_by_its_authority():
    """The TLS listener serves the same routes, and a URL result on itself."""
    async with (
        Emulator(time_scale=0, tls=True) as emulator,
        aiohttp.ClientSession(headers=BEARER) as http,
    ):
        context = ssl.create_default_context(cadata=emulator.ca_pem)
        body = {"model": "seedream-4-5-251128", "prompt": "fox"}
        async with http.post(f"{emulator.https_url}/v1/images/generations", json=body, ssl=context) as reply:
            url = (await reply.json())["data"][0]["url"]
        async with http.get(url, ssl=context) as reply:
            picture = await reply.read()

    assert emulator.https_url.startswith("https://localhost:")
    assert url.startswith(emulator.https_url)
    assert size_of(picture) == (2048, 2048)


async def test_certificate_may_be_given():
    """A server context of one's own is used as it is."""
    context, authority = make_certificate("localhost")
    async with Emulator(certificate=context) as emulator, aiohttp.ClientSession(headers=BEARER) as http:
        trusting = ssl.create_default_context(cadata=authority)
        async with http.get(f"{emulator.https_url}/v1/models", ssl=trusting) as reply:
            assert reply.status == 200

    assert emulator.ca_pem == ""


async def test_work_goes_on_when_the_client_leaves():
    """A client that gives up is billed for the picture made without it."""
    async with Emulator(time_scale=0.001) as emulator, aiohttp.ClientSession(headers=BEARER) as http:
        impatient = aiohttp.ClientTimeout(total=0.01)
        with pytest.raises(TimeoutError):
            await http.post(emulator.http_url + NATIVE, json=FOX, timeout=impatient)
        assert (emulator.ledger.received, emulator.ledger.billed) == (1, 0)
        await emulator.idle()

        assert (emulator.ledger.finished, emulator.ledger.billed) == (1, 1)


@pytest.mark.parametrize("fault", ["tail-stall", "silent-body"])
async def test_closing_ends_everything(fault):
    """An emulator that closes cuts what is still under way and leaves no task behind."""
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession(headers=BEARER) as http:
        async with Emulator(time_scale=0, faults={"native": fault}) as emulator:
            reply = await http.post(emulator.http_url + NATIVE, json=FOX)
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()

    assert asyncio.all_tasks() == before


async def test_requests_are_recorded():
    """What arrived can be asserted: listener, method, path, query, headers and JSON."""
    async with Emulator(time_scale=0) as emulator, aiohttp.ClientSession(headers=BEARER) as http:
        await http.post(f"{emulator.http_url}{NATIVE}?alt=json", json=FOX, headers={"X-Client-Request-Id": "r1"})

    (call,) = emulator.requests
    assert (call.listener, call.route, call.method, call.path) == ("http", "native", "POST", NATIVE)
    assert call.query == {"alt": "json"}
    assert call.headers["x-client-request-id"] == "r1"
    assert call.json == FOX
    assert (call.key, call.model) == ("sk-test", "gemini-3-pro-image")
