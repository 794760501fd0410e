"""The newer upstreams of the emulator: official clients get their picture, and what is wrong is refused."""

import asyncio
import base64
import json

import aiohttp
import fal_client.client
import pytest
import replicate

from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.services import SERVICES
from pixroute.testing.fake import blank_png

pytestmark = pytest.mark.slow  # sockets, and pictures that are drawn

PNG = base64.b64encode(blank_png(64, 64)).decode()


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0, second=True) as running:
        yield running


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer sk", "x-key": "sk"}) as session:
        yield session


async def fetched(url):
    async with aiohttp.ClientSession() as nobody, nobody.get(url) as picture:
        return await picture.read()


async def test_fal_client_gets_its_picture(emulator, monkeypatch):
    """`subscribe`: submitted, polled at the URLs that it is given, collected."""
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{emulator.http_url}/")
    client = fal_client.AsyncClient(key="sk-test")
    try:
        result = await client.subscribe("fal-ai/flux/dev", arguments={"prompt": "fox!", "image_size": "square_hd"})
    finally:
        await (await client._client).aclose()

    assert (await fetched(result["images"][0]["url"])).startswith(b"\xff\xd8\xff")
    assert emulator.ledger.billed == 1


async def test_fal_client_is_told_what_is_wrong(emulator, monkeypatch):
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{emulator.http_url}/")
    emulator.set_fault("fal", "refused")
    client = fal_client.AsyncClient(key="sk-test")
    try:
        with pytest.raises(fal_client.FalClientError, match="content checker"):
            await client.subscribe("fal-ai/flux/dev", arguments={"prompt": "fox!"})
    finally:
        await (await client._client).aclose()


async def test_the_client_of_replicate_gets_its_picture(emulator):
    """`run` waits, and reads the output."""
    client = replicate.Client(api_token="r8_test", base_url=emulator.http_url)
    output = await client.async_run(
        "black-forest-labs/flux-schnell", input={"prompt": "fox!", "output_format": "png"}, use_file_output=False
    )
    await client._async_client.aclose()

    assert (await fetched(output[0])).startswith(b"\x89PNG")
    assert emulator.ledger.billed == 1


async def test_the_client_of_replicate_polls_what_has_not_ended(emulator):
    emulator.set_fault("replicate", "queue:seconds=0.1")
    client = replicate.Client(api_token="r8_test", base_url=emulator.http_url)
    prediction = await client.models.predictions.async_create(
        model=("black-forest-labs", "flux-schnell"), input={"prompt": "fox!"}
    )
    begun, nothing = prediction.status, prediction.output
    while prediction.status not in {"succeeded", "failed"}:
        await asyncio.sleep(0.02)
        await prediction.async_reload()
    await client._async_client.aclose()

    assert (begun, nothing) == ("starting", None)
    assert prediction.output[0].startswith(emulator.second_url)


async def test_the_client_of_replicate_is_told_why_it_failed(emulator):
    emulator.set_fault("replicate", "refused")
    client = replicate.Client(api_token="r8_test", base_url=emulator.http_url)
    with pytest.raises(replicate.exceptions.ModelError, match="NSFW"):
        await client.async_run("black-forest-labs/flux-schnell", input={"prompt": "fox!"})
    await client._async_client.aclose()


async def test_a_prediction_is_cancelled(emulator):
    """It is "canceled", and a second time as well."""
    emulator.set_fault("replicate", "queue:seconds=60")
    client = replicate.Client(api_token="r8_test", base_url=emulator.http_url)
    prediction = await client.models.predictions.async_create(
        model=("black-forest-labs", "flux-schnell"), input={"prompt": "fox!"}
    )
    await prediction.async_cancel()
    await prediction.async_reload()
    await client._async_client.aclose()

    assert prediction.status == "canceled"


WRONG = {
    "openrouter model": ("/api/v1/images", {"model": "nothing", "prompt": "fox"}, 400),
    "openrouter size": ("/api/v1/images", {"model": "a/b", "prompt": "fox", "resolution": "9K"}, 400),
    "openrouter n": ("/api/v1/images", {"model": "a/b", "prompt": "fox", "n": 99}, 400),
    "openrouter reference": (
        "/api/v1/images",
        {"model": "a/b", "prompt": "", "input_references": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
        400,
    ),
    "openrouter type": (
        "/api/v1/images",
        {"model": "a/b", "prompt": "", "input_references": [{"type": "file", "image_url": {"url": "https://a/"}}]},
        400,
    ),
    "replicate shape": ("/v1/models/a/b/predictions", {"input": {"prompt": "fox", "aspect_ratio": "1:9"}}, 422),
    "replicate image": ("/v1/predictions", {"version": "v", "input": {"prompt": "fox", "image": "data:,"}}, 422),
    "replicate input": ("/v1/predictions", {"version": "v"}, 422),
    "bfl sides": ("/v1/flux-2-pro", {"prompt": "fox", "width": 1000, "height": 1000}, 422),
    "bfl image": ("/v1/flux-2-pro", {"prompt": "fox", "input_image": "nothing"}, 422),
    "stability json": ("/v2beta/stable-image/generate/core", {"prompt": "fox"}, 400),
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_is_refused(emulator, http, name):
    """In the upstream's own words, and for nothing."""
    path, body, status = WRONG[name]
    async with http.post(emulator.http_url + path, json=body) as answer:
        assert answer.status == status
        assert await answer.json()
    assert emulator.ledger.billed == 0


@pytest.mark.parametrize("wrong", [{"aspect_ratio": "1:9"}, {"image": b"?"}, {"image": blank_png(8, 8)}])
async def test_a_form_that_is_wrong(emulator, http, wrong):
    """A shape, a picture that is none, one without `strength`."""
    form = aiohttp.FormData({"prompt": "fox"})
    for field, value in wrong.items():
        form.add_field(field, value, filename="a.png" if isinstance(value, bytes) else None)
    async with http.post(f"{emulator.http_url}/v2beta/stable-image/generate/ultra", data=form) as answer:
        assert answer.status == 400
        assert (await answer.json())["name"] == "bad_request"


async def test_a_form_is_answered_as_it_accepts(emulator, http):
    """Bytes with the reason in a header, or JSON; "blurred" says CONTENT_FILTERED in either."""
    url = f"{emulator.http_url}/v2beta/stable-image/generate/sd3"
    said = []
    for fault in (None, "blurred"):
        emulator.set_fault("stability", fault)
        for accept in ("image/*", "application/json"):
            form = aiohttp.FormData({"prompt": "fox", "aspect_ratio": "16:9"})
            form.add_field("none", b"", filename="none")
            async with http.post(url, data=form, headers={"Accept": accept}) as answer:
                body = await answer.read()
                said.append(answer.headers.get("finish-reason") or json.loads(body)["finish_reason"])

    assert said == ["SUCCESS", "SUCCESS", "CONTENT_FILTERED", "CONTENT_FILTERED"]
    assert emulator.ledger.billed == 4


async def test_black_forest_counts_megapixels(emulator, http):
    async with http.post(
        f"{emulator.http_url}/v1/flux-2-pro", json={"prompt": "fox", "width": 2048, "height": 2048, "input_image": PNG}
    ) as answer:
        job = await answer.json()

    assert (job["cost"], job["output_mp"]) == (7.5, 4.0)
    assert job["polling_url"].startswith(emulator.second_url)


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
def test_a_service_has_words_for_everything(service):
    """Every fault that is an error, a refusal, and a key."""
    faults = {"overloaded", "rate-limited", "quota", "bad-key", "forbidden", "model-gone", "invalid", "server-error"}

    assert faults <= {name.partition("/")[0] for name in service.errors}
    assert service.refusals
    assert service.keys
