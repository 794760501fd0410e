"""Gemini's, chat's and OpenRouter's dialects, asked by their official clients where there is one."""

import asyncio
import base64
import json

import openai
import pytest
from google import genai
from google.genai import errors, types

from pixroute.outcome import FailureKind
from pixroute.testing import FakeProvider, fail
from pixroute.testing.fake import blank_png

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")  # Google's

PICTURE = blank_png(1024, 1024)
SMALL = blank_png(16, 16)
DATA_URI = f"data:image/png;base64,{base64.b64encode(SMALL).decode()}"
CONFIG = types.GenerateContentConfig(
    response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="1:1", image_size="1K")
)
SOON = {"quiet_for": 0.02, "heartbeat_every": 0.02}
REFUSED = fail(FailureKind.MODERATED, status=400)


@pytest.fixture
async def gemini():
    """Make Google's client for a gateway."""
    made = []

    def client(served):
        options = types.HttpOptions(base_url=served.url, retry_options=types.HttpRetryOptions(attempts=1))
        made.append(genai.Client(api_key="none", http_options=options))
        return made[-1].aio.models

    yield client
    for one in made:
        await one.aio.aclose()
        one.close()


def pictures(answer):
    """Give the pictures of Gemini's answers."""
    return [part.inline_data.data for one in answer.candidates for part in one.content.parts]


async def test_google_s_client_gets_its_picture(serve, gemini):
    """Shape and class come along; a reference, too."""
    served = await serve(provider := FakeProvider())
    contents = ["More fog", types.Part.from_bytes(data=SMALL, mime_type="image/png")]

    answer = await gemini(served).generate_content(model="default", contents=contents, config=CONFIG)

    asked = provider.calls[0].request
    assert pictures(answer) == [PICTURE]
    assert (asked.prompt, str(asked.size), [one.data for one in asked.references]) == ("More fog", "1K 1:1", [SMALL])
    assert answer.response_id


@pytest.mark.parametrize("late", [False, True])
async def test_google_s_client_streams(serve, gemini, gated, late):
    """One chunk, whatever kept it alive before."""
    served = await serve(provider := gated(), **SOON)
    asyncio.get_running_loop().call_later(0.2 * late, provider.let.set)

    stream = await gemini(served).generate_content_stream(model="default", contents="A lighthouse", config=CONFIG)

    assert [pictures(chunk) async for chunk in stream] == [[PICTURE]]


async def test_google_s_client_waits_for_a_late_answer(serve, gemini, gated):
    """Spaces before JSON are nothing."""
    served = await serve(provider := gated(), **SOON)
    asyncio.get_running_loop().call_later(0.2, provider.let.set)

    answer = await gemini(served).generate_content(model="default", contents="A lighthouse", config=CONFIG)

    assert pictures(answer) == [PICTURE]


async def test_google_s_client_raises_a_refusal(serve, gemini):
    """With Google's word and ours."""
    served = await serve(FakeProvider(REFUSED))

    with pytest.raises(errors.ClientError) as raised:
        await gemini(served).generate_content(model="default", contents="A lighthouse", config=CONFIG)

    assert (raised.value.code, raised.value.status) == (400, "INVALID_ARGUMENT")
    assert raised.value.details["error"]["details"][0]["reason"] == "MODERATED"


async def test_google_s_client_raises_what_fails_late_in_a_stream(serve, gemini, gated):
    """Though the head was 200."""
    served = await serve(provider := gated(REFUSED), **SOON)
    asyncio.get_running_loop().call_later(0.1, provider.let.set)
    stream = await gemini(served).generate_content_stream(model="default", contents="A lighthouse", config=CONFIG)

    with pytest.raises(errors.APIError, match="declined"):
        async for _ in stream:
            pass


async def test_google_s_client_is_told_of_an_unknown_model(serve, gemini):
    """404."""
    with pytest.raises(errors.ClientError, match="NOT_FOUND"):
        await gemini(await serve()).generate_content(model="nobody", contents="a", config=CONFIG)


def chat(served):
    """Give OpenAI's client for conversations."""
    return served.openai().chat.completions


async def test_a_conversation_is_answered_by_a_picture(serve):
    """As OpenRouter answers it; the last words are the prompt."""
    served = await serve(provider := FakeProvider())
    messages = [
        {"role": "system", "content": "You draw."},
        {"role": "user", "content": "A lighthouse"},
        {"role": "assistant", "content": "", "images": [{"type": "image_url", "image_url": {"url": DATA_URI}}]},
        {"role": "user", "content": [{"type": "text", "text": "More fog"}]},
    ]
    more = {"modalities": ["image", "text"], "image_config": {"aspect_ratio": "16:9", "image_size": "2K"}}

    answer = await chat(served).create(model="default", messages=messages, extra_body=more)

    asked = provider.calls[0].request
    (image,) = answer.choices[0].message.images
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert (asked.prompt, str(asked.size), [one.data for one in asked.references]) == ("More fog", "2K 16:9", [SMALL])
    assert answer.usage.cost == 0.04


async def test_a_conversation_streams(serve, gated):
    """Pictures in a delta, then the end; comments before."""
    served = await serve(provider := gated(), **SOON)
    asyncio.get_running_loop().call_later(0.1, provider.let.set)
    messages = [{"role": "user", "content": "A lighthouse"}]

    chunks = [one async for one in await chat(served).create(model="default", messages=messages, stream=True)]

    assert len(chunks[0].choices[0].delta.images) == 1
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_conversation_that_fails_late_raises(serve, gated):
    """In a stream."""
    served = await serve(provider := gated(REFUSED), **SOON)
    asyncio.get_running_loop().call_later(0.1, provider.let.set)
    stream = await chat(served).create(
        model="default", messages=[{"role": "user", "content": "A lighthouse"}], stream=True
    )

    with pytest.raises(openai.APIError, match="declined"):
        async for _ in stream:
            pass


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [5]},
        {"messages": [{"role": "assistant", "content": "hello"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"messages": [{"role": "user", "content": [5]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": 5}]}]},
        {"messages": [{"role": "user", "content": "a"}], "modalities": ["text"]},
        {"messages": [{"role": "user", "content": "a"}], "image_config": 5},
        {"messages": [{"role": "user", "content": "a"}], "tools": [], "n": "x"},
    ],
)
async def test_what_is_no_conversation_is_told(serve, fields):
    """In OpenAI's envelope."""
    served = await serve(provider := FakeProvider())

    async with served.post("/v1/chat/completions", fields) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (400, "invalid_request_error")

    assert not provider.calls


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"contents": []},
        {"contents": 5},
        {"contents": [5]},
        {"contents": [{"parts": 5}]},
        {"contents": [{"parts": ["a"]}]},
        {"contents": [{"role": "model", "parts": [{"text": "a"}]}]},
        {"contents": [{"parts": [{"text": "a"}, {"inlineData": {"data": "!"}}]}]},
        {"contents": [{"parts": [{"text": "a"}, {"fileData": {"fileUri": "gs://a"}}]}]},
        {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": 5},
        {"contents": [{"parts": [{"text": "a"}]}], "generationConfig": {"imageConfig": {"imageSize": 5}}},
    ],
)
async def test_what_is_no_content_is_told(serve, fields):
    """In Google's envelope."""
    served = await serve(provider := FakeProvider())

    async with served.post("/v1beta/models/default:generateContent", fields) as answer:
        assert (answer.status, (await answer.json())["error"]["status"]) == (400, "INVALID_ARGUMENT")

    assert not provider.calls


async def test_gemini_s_unknown_fields_are_noted(serve):
    """What is about safety is never passed on."""
    served = await serve(provider := FakeProvider(), extra=("seed",))
    body = {
        "contents": {"parts": {"text": "A lighthouse"}},
        "safetySettings": [],
        "generation_config": {"temperature": 1, "candidate_count": 2},
    }

    async with served.post("/v1beta/models/default:generateContent", body) as answer:
        told = await answer.json()

    assert len(told["candidates"]) == 2
    assert told["pixroute"]["notes"] == [
        "safetySettings was not passed on",
        "generationConfig.temperature was not passed on",
    ]
    assert dict(provider.calls[0].request.extra) == {}


async def test_openrouter_s_images(serve):
    """Media types, the cost in dollars, and references under its own name."""
    served = await serve(provider := FakeProvider())
    references = [{"type": "image_url", "image_url": {"url": DATA_URI}}]
    body = {"model": "default", "prompt": "More fog", "resolution": "1K", "aspect_ratio": "1:1"}

    async with served.post("/v1/images", {**body, "input_references": references}) as answer:
        told = await answer.json()

    (item,) = told["data"]
    assert (item["media_type"], base64.b64decode(item["b64_json"])) == ("image/png", PICTURE)
    assert told["usage"]["cost"] == 0.04
    assert [one.data for one in provider.calls[0].request.references] == [SMALL]


async def test_openrouter_s_errors_and_streams(serve):
    """A number for a code; a stream ends with [DONE]."""
    served = await serve(FakeProvider(REFUSED))

    async with served.post("/v1/images", {"prompt": "a"}) as answer:
        error = (await answer.json())["error"]
    served = await serve()
    async with served.post("/v1/images", {"prompt": "a", "stream": True}) as answer:
        lines = [line for line in (await answer.text()).split("\n") if line.startswith("data: ")]

    assert (error["code"], error["metadata"]["kind"]) == (400, "moderated")
    assert json.loads(lines[0].removeprefix("data: "))["data"]
    assert lines[-1] == "data: [DONE]"
