"""POST /v1/images/edits as a form and as JSON, and the list of models."""

import base64

import aiohttp
import openai
import pytest

from pixroute.provider import Capabilities
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png

PICTURE = blank_png(16, 16)
DATA_URI = f"data:image/png;base64,{base64.b64encode(PICTURE).decode()}"
MASK = blank_png(16, 16) + b" "
MASK_URI = f"data:image/png;base64,{base64.b64encode(MASK).decode()}"
MASK_OF_OTHER_SIDES = f"data:image/png;base64,{base64.b64encode(blank_png(8, 16)).decode()}"
ASKED = {"prompt": "More fog", "size": "64x64"}


def masking():
    """Give a provider that takes masks."""
    return FakeProvider(capabilities=Capabilities(references=16, max_images=1, mask_formats={"png"}))


@pytest.mark.parametrize("count", [1, 3])
async def test_the_official_client_edits(serve, count):
    """By a form, with one file or several."""
    served = await serve(provider := FakeProvider())
    files = [("a.png", PICTURE, "image/png")] * count

    answer = await served.openai().images.edit(model="default", image=files[0] if count == 1 else files, **ASKED)

    assert base64.b64decode(answer.data[0].b64_json) == blank_png(64, 64)
    assert [one.data for one in provider.calls[0].request.references] == [PICTURE] * count
    assert provider.calls[0].request.prompt == "More fog"


async def test_the_official_client_masks(serve):
    """The mask goes on as one, beside the pictures."""
    served = await serve(provider := masking())

    await served.openai().images.edit(model="default", image=("a.png", PICTURE), mask=("m.png", MASK), **ASKED)

    request = provider.calls[0].request
    assert ([one.data for one in request.references], request.mask.data) == ([PICTURE], MASK)


@pytest.mark.parametrize("mask", [MASK_URI, {"image_url": MASK_URI}, {"image_url": {"url": MASK_URI}}])
async def test_a_mask_may_stand_in_json(serve, mask):
    """In any of the forms that a picture has."""
    served = await serve(provider := masking())

    async with served.post("/v1/images/edits", {**ASKED, "image": DATA_URI, "mask": mask}) as answer:
        assert (await answer.json())["pixroute"]["notes"] == []

    assert provider.calls[0].request.mask.data == MASK


async def test_who_takes_no_mask_is_not_asked(serve):
    """A picture that is changed elsewhere would be paid for."""
    served = await serve(provider := FakeProvider(), second := masking())

    async with served.post("/v1/images/edits", {**ASKED, "image": DATA_URI, "mask": MASK_URI}) as answer:
        assert answer.headers["x-pixroute-provider"] == "fake-2"

    assert (len(provider.calls), len(second.calls)) == (0, 1)


async def test_a_form_has_one_mask(serve):
    """Two would leave open which is meant."""
    form = aiohttp.FormData({"prompt": "More fog"})
    for name in ("image", "mask", "mask"):
        form.add_field(name, PICTURE, filename="a.png")
    served = await serve(masking())

    async with served.http.post(f"{served.url}/v1/images/edits", data=form) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "mask")


async def test_an_edit_streams(serve):
    """Under its own name."""
    client = (await serve()).openai()

    stream = await client.images.edit(model="default", image=("a.png", PICTURE), stream=True, **ASKED)

    assert [one.type async for one in stream][-1] == "image_edit.completed"


@pytest.mark.parametrize(
    "fields",
    [
        {"images": [{"image_url": DATA_URI}]},
        {"images": [{"type": "image_url", "url": DATA_URI}]},
        {"image": {"type": "image_url", "url": DATA_URI}},
        {"image": DATA_URI},
        {"image": [base64.b64encode(PICTURE).decode()]},
        {"image": base64.urlsafe_b64encode(PICTURE).decode().rstrip("=")},
        {"image_url": {"url": DATA_URI}},
    ],
)
@pytest.mark.parametrize("route", ["edits", "generations"])
async def test_references_are_found_under_any_name(serve, fields, route):
    """As OpenAI, xAI and aggregators write them."""
    served = await serve(provider := FakeProvider())

    async with served.post(f"/v1/images/{route}", {**ASKED, **fields}) as answer:
        assert (await answer.json())["pixroute"]["notes"] == []

    assert [one.data for one in provider.calls[0].request.references] == [PICTURE]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "image"),
        ({"images": []}, "image"),
        ({"image": "no picture!"}, "image"),
        ({"image": 7}, "image"),
        ({"image": base64.b64encode(b"no picture").decode()}, "image"),
        ({"image": "data:image/png,raw"}, "image"),
        ({"image": DATA_URI, "mask": [DATA_URI, DATA_URI]}, "mask"),
        ({"image": DATA_URI, "mask": "no picture!"}, "mask"),
        ({"image": DATA_URI, "mask": {"file_id": "file-1"}}, "mask"),
        ({"image": DATA_URI, "mask": MASK_OF_OTHER_SIDES}, "mask"),
        ({"mask": DATA_URI}, "image"),
        ({"images": [{"file_id": "file-1"}]}, "images"),
        ({"images": [{"image_url": "https://example.org/a.png"}]}, "image"),
        ({"image": [DATA_URI] * 17}, "image"),
    ],
)
async def test_what_is_no_reference_is_told(serve, fields, param):
    """Before anything is sent."""
    served = await serve(provider := FakeProvider())

    async with served.post("/v1/images/edits", {**ASKED, **fields}) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"].partition("[")[0]) == (400, param)
    assert not provider.calls


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"", {"Content-Type": "multipart/form-data"}),
        (b"", {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"--x\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"--x\r\n\r\nno name\r\n--x--\r\n", {"Content-Type": "multipart/form-data; boundary=x"}),
        (b"--x\r\nContent-Disposition: form-data; name=prompt\r\n\r\n\xff\r\n--x--", None),
        (b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\ncut', None),
        (b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--\r\n--x--", None),
    ],
)
async def test_a_broken_form_is_told(serve, data, headers):
    """In one sentence, whatever is broken."""
    served = await serve()
    headers = headers or {"Content-Type": "multipart/form-data; boundary=x"}

    async with served.http.post(f"{served.url}/v1/images/edits", data=data, headers=headers) as answer:
        assert answer.status == 400, await answer.text()


async def test_a_body_has_its_limit(serve):
    """Whether its length is told or not."""
    served = await serve(max_body=1000)
    form = aiohttp.FormData()
    form.add_field("image", b"x" * 2000, filename="a.png")

    async def bits():
        for _ in range(30):
            yield b" " * 100

    headers = {"Content-Type": "application/json"}
    url = f"{served.url}/v1/images/edits"
    for data, more in ((b" " * 2000, headers), (bits(), headers), (form, {})):
        async with served.http.post(url, data=data, headers=more) as answer:
            assert answer.status == 413


async def test_models_are_chains_and_providers(serve):
    """With who stands behind them and at what price, for OpenAI's client and OpenRouter's filter."""
    served = await serve(FakeProvider(), FakeProvider(price=None), models={"gpt-image-1": "default"})
    client = served.openai()

    names = [one.id async for one in client.models.list()]
    one = await client.models.retrieve("gpt-image-1")
    async with served.get("/v1/models?output_modalities=text") as answer:
        texts = (await answer.json())["data"]

    assert names == ["default", "fake-1", "fake-2", "gpt-image-1"]
    assert [told["prices"]["4K"]["price"] for told in one.pixroute["providers"]] == ["0.04", None]
    assert texts == []
    for name in ("auto", "dall-e-9"):
        async with served.get(f"/v1/models/{name}") as unknown:
            assert (unknown.status, (await unknown.json())["error"]["code"]) == (404, "model_not_found")
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("dall-e-9")
