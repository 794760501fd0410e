"""Every route, healthy, and the mistakes its upstream would refuse."""

import base64
import io

import pytest
from aiohttp import FormData
from PIL import Image

from pixroute.testing.emulator import Emulator

SEEDREAM = "seedream-4-5-251128"


def picture(text: str) -> Image.Image:
    opened = Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2], validate=True)))
    opened.load()
    return opened


def data_uri(width: int, height: int) -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@pytest.mark.parametrize(
    ("config", "pixels"),
    [
        ({}, (1024, 1024)),
        ({"aspectRatio": "16:9", "imageSize": "1K"}, (1376, 768)),
        ({"aspectRatio": "2:3"}, (848, 1264)),
    ],
)
async def test_native_follows_the_size_table(native, config, pixels):
    """A native picture has the pixels of Google's table, and the answer is chunked without a length."""
    status, headers, body = await native(**config)

    assert status == 200
    assert "Content-Length" not in headers
    assert picture(body["candidates"][0]["content"]["parts"][-1]["inlineData"]["data"]).size == pixels
    assert (
        body["usageMetadata"]["candidatesTokenCount"]
        > body["usageMetadata"]["candidatesTokensDetails"][0]["tokenCount"]
    )


@pytest.mark.slow  # draws a 4K picture
async def test_native_4k(native):
    """4K at 21:9 is 6336x2688, as in the table."""
    _, _, body = await native(aspectRatio="21:9", imageSize="4K")

    assert picture(body["candidates"][0]["content"]["parts"][-1]["inlineData"]["data"]).size == (6336, 2688)


async def test_native_takes_the_ratio_of_the_last_picture(emulator, http):
    """An edit without a ratio keeps that of the last picture handed in."""
    inline = {"mimeType": "image/png", "data": data_uri(160, 90).partition(",")[2]}
    body = {"contents": [{"parts": [{"text": "fox"}, {"inlineData": inline}]}]}

    await (await http.post(f"{emulator.http_url}/v1beta/models/gemini-3-pro-image:generateContent", json=body)).read()

    assert emulator.ledger.entries[0].size == "1376x768"


@pytest.mark.parametrize(
    ("wrong", "status", "word"),
    [
        ({"imageSize": "4k"}, 400, "INVALID_ARGUMENT"),
        ({"aspectRatio": "7:5"}, 400, "INVALID_ARGUMENT"),
        ({"outputMimeType": "image/png"}, 400, "Unknown name"),
        ({"model": "gemini-2.5-flash-image"}, 404, "NOT_FOUND"),
        ({"model": "gemini-3-pro-image-preview", "headers": {"x-goog-api-key": "g"}}, 404, "NOT_FOUND"),
    ],
)
async def test_native_refuses(native, wrong, status, word):
    """Lower-case k, other ratios, Vertex's fields and retired models are refused in Google's words."""
    answered, _, body = await native(**wrong)

    assert answered == status
    assert word in str(body)


async def test_retired_alias_lives_at_the_aggregator(native):
    """The -preview alias is still served under a Bearer key."""
    status, _, _ = await native(model="gemini-3-pro-image-preview")

    assert status == 200


async def test_banana_images_honour_pixels_and_urls(images, http):
    """An aggregator's images route gives the asked pixels, by URL or as base64."""
    _, _, linked = await images(size="1600x1200", response_format="url")
    _, _, inline = await images(size="16:9", response_format="b64_json")

    async with http.get(linked["data"][0]["url"]) as reply:
        fetched = Image.open(io.BytesIO(await reply.read()))
        assert reply.headers["Content-Type"] == "image/png"
    assert fetched.size == (1600, 1200)
    assert picture(inline["data"][0]["b64_json"]).size == (1376, 768)


@pytest.mark.slow  # draws a 4K picture
async def test_banana_images_4k(images):
    """The size 4096x4096 is honoured."""
    _, _, body = await images(size="4096x4096")

    assert picture(body["data"][0]["b64_json"]).size == (4096, 4096)


@pytest.mark.parametrize(
    ("model", "fields", "code"),
    [
        ("gpt-image-2", {"response_format": "url"}, "unknown_parameter"),
        ("gpt-image-2", {"size": "4096x4096"}, "invalid_value"),
        ("gpt-image-1.5", {"size": "1360x768"}, "invalid_value"),
        ("gpt-image-2", {"n": 11}, "integer_out_of_range"),
        ("gpt-image-2", {"output_format": "gif"}, "invalid_value"),
        ("dall-e-3", {}, "model_not_found"),
        ("acme-1", {}, "model_not_found"),
        ("gpt-image-2", {"prompt": None}, "invalid_value"),
        ("nano-banana-pro", {"size": "banana"}, "invalid_request"),
        ("nano-banana-ultra", {}, "model_not_found"),
        ("gpt-4", {"path": "/v1/chat/completions"}, "model_not_found"),
        ("seedream-3-0-t2i", {}, "InvalidEndpointOrModel.NotFound"),
    ],
)
async def test_images_refuse(images, model, fields, code):
    """OpenAI's models and aggregators refuse with a code; all four keys of the error are there."""
    status, headers, body = await images(model, **fields)

    assert status in {400, 404}
    assert body["error"]["code"] == code
    assert {"message", "type", "param", "code"} <= body["error"].keys()
    assert headers["x-request-id"]


async def test_openai_free_sizes_and_formats(images):
    """GPT image 2 takes sizes in steps of 16 and gives the format asked for."""
    _, _, body = await images("gpt-image-2", size="1360x768", output_format="webp")

    made = picture(body["data"][0]["b64_json"])
    assert (made.size, made.format, body["size"]) == ((1360, 768), "WEBP", "1360x768")


@pytest.mark.parametrize("path", ["/v1/images/generations", "/api/v3/images/generations"])
async def test_seedream_passes_through(images, path):
    """Ark's JSON is the same at the aggregator: a URL, JPEG, tokens by the pixel, `n` ignored."""
    _, _, body = await images(SEEDREAM, path=path, size="2K", n=3, response_format="b64_json", prompt="a fox, 16:9")

    (item,) = body["data"]
    made = picture(item["b64_json"])
    assert (made.size, made.format, item["size"]) == ((2560, 1440), "JPEG", "2560x1440")
    assert body["usage"] == {"generated_images": 1, "output_tokens": 14400, "total_tokens": 14400}


async def test_seedream_sequences(images, emulator):
    """A sequence gives as many pictures as were allowed, each billed."""
    sequence = {"sequential_image_generation": "auto", "sequential_image_generation_options": {"max_images": 3}}

    _, _, body = await images(SEEDREAM, image=data_uri(64, 64), **sequence)

    assert len(body["data"]) == body["usage"]["generated_images"] == emulator.ledger.billed == 3
    assert "X-Tos-Expires=86400" in body["data"][0]["url"]


@pytest.mark.parametrize(
    ("model", "fields", "param"),
    [
        (SEEDREAM, {"size": "1024x1024"}, "size"),
        (SEEDREAM, {"size": "1500x1500"}, "size"),
        (SEEDREAM, {"size": "1K"}, "size"),
        (SEEDREAM, {"size": "5000x5000"}, "size"),
        (SEEDREAM, {"output_format": "png"}, "output_format"),
        (SEEDREAM, {"image": "data:image/PNG;base64,AAAA"}, "image"),
        (SEEDREAM, {"stream": True}, "stream"),
        (SEEDREAM, {"size": "huge"}, "size"),
        (SEEDREAM, {"image": ["http://a.example/a.png"] * 15}, "image"),
        (SEEDREAM, {"image": ["http://a.example/a.png"], "sequential_image_generation": "auto"}, "image"),
        ("seedream-5-0-pro-260628", {"sequential_image_generation": "disabled"}, "sequential_image_generation"),
        ("seedream-5-0-pro-260628", {"size": "4K"}, "size"),
    ],
)
async def test_seedream_refuses(images, model, fields, param):
    """Ark refuses sizes out of range and fields the model does not know, naming the parameter."""
    status, _, body = await images(model, **fields)

    assert status == 400
    assert (body["error"]["code"], body["error"]["param"]) == ("InvalidParameter", param)


async def test_seedream_1k_where_it_exists(images):
    """Seedream 4.0 has the class 1K."""
    _, _, body = await images("doubao-seedream-4-0-250828", size="1K", response_format="b64_json")

    assert picture(body["data"][0]["b64_json"]).size == (1024, 1024)


async def test_chat_gives_markdown(images):
    """The chat route tells the picture as a data URI in Markdown."""
    message = {"role": "user", "content": [{"type": "text", "text": "fox"}]}

    _, _, body = await images("gemini-3-pro-image-preview", path="/v1/chat/completions", messages=[message])

    content = body["choices"][0]["message"]["content"]
    assert content.startswith("![image](data:image/png;base64,")
    assert picture(content.removesuffix(")")).size == (1024, 1024)


async def test_edits_need_a_picture(emulator, http):
    """An edit without a picture, or with something else, is refused."""
    for files in ([], [b"no picture"]):
        form = FormData({"model": "gpt-image-2"}, default_to_multipart=True)
        for file in files:
            form.add_field("image", file, filename="a.png")
        async with http.post(f"{emulator.http_url}/v1/images/edits", data=form) as reply:
            assert reply.status == 400
            assert (await reply.json())["error"]["param"] == "image"


@pytest.mark.parametrize(("options", "status"), [({}, 200), ({"results_kept": 2}, 403)])
async def test_results_are_kept_for_as_many_as_are_asked(http, options, status):
    """The first of forty can still be fetched, unless fewer are to be kept."""
    async with Emulator(time_scale=0, **options) as emulator:
        body = {"model": SEEDREAM, "prompt": "fox", "size": "2K"}
        urls = []
        for _ in range(40):
            async with http.post(f"{emulator.http_url}/v1/images/generations", json=body) as reply:
                urls.append((await reply.json())["data"][0]["url"])
        async with http.get(urls[0]) as reply:
            assert reply.status == status


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"Authorization": "Bearer wrong"}, "/v1/images/generations", 401),
        ({"Authorization": ""}, "/v1/images/generations", 401),
        ({"Authorization": "Bearer wrong"}, "/v1beta/models/gemini-3-pro-image:generateContent", 401),
        ({"x-goog-api-key": "wrong"}, "/v1beta/models/gemini-3-pro-image:generateContent", 400),
    ],
)
async def test_wrong_keys(http, headers, path, status):
    """With `keys` another key is refused: 401, and by Google 400."""
    async with (
        Emulator(keys={"sk-right"}) as emulator,
        http.post(emulator.http_url + path, json={"model": "nano-banana-pro"}, headers=headers) as reply,
    ):
        assert reply.status == status
        assert emulator.ledger.billed == 0


async def test_models_check_a_key_for_nothing(emulator, http):
    """The list of models tells a key is good and is not in the ledger."""
    async with http.get(f"{emulator.http_url}/v1/models") as good:
        listed = [model["id"] for model in (await good.json())["data"]]
    async with http.get(f"{emulator.http_url}/v1/models", headers={"Authorization": ""}) as bad:
        assert bad.status == 401

    assert {"nano-banana-pro", SEEDREAM} <= set(listed)
    assert emulator.ledger.received == 0


async def test_unknown_route(emulator, http):
    """Another path is a 404 in JSON, as gateways answer."""
    async with http.post(f"{emulator.http_url}/v1/audio", json={}) as reply:
        assert reply.status == 404
        assert "Invalid URL" in (await reply.json())["error"]["message"]


@pytest.mark.parametrize("where", ["prompt", "model", "size"])
async def test_answers_20_half_a_surrogate_pair_is_a_bad_request(images, native, where):
    """It was answered with a traceback and 500, which made twelve attempts of one mistake."""
    status, _, body = await images(**{"model": SEEDREAM, where: "half \ud83d"})

    assert (status, list(body)) == (400, ["error"])
    if where == "prompt":
        assert (await native("half \ud83d"))[0] == 400
