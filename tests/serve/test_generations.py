"""POST /v1/images/generations, asked by the official client and by plain HTTP."""

import base64

import openai
import pytest

from pixroute.outcome import Billing, FailureKind
from pixroute.testing import FakeProvider, fail
from pixroute.testing.fake import blank_png

ASKED = {"prompt": "A lighthouse", "size": "64x64"}


async def test_the_official_client_gets_its_picture(serve):
    """Bytes, size, who made it and what it cost, in the body and in the headers."""
    client = (await serve()).openai()

    raw = await client.images.with_raw_response.generate(model="default", **ASKED)
    answer = raw.parse()

    assert base64.b64decode(answer.data[0].b64_json) == blank_png(64, 64)
    assert (answer.size, answer.output_format) == ("64x64", "png")
    assert raw.headers["x-pixroute-provider"] == "fake-1"
    assert raw.headers["x-pixroute-cost"] == "$0.04 certain"
    assert raw.headers["x-pixroute-fell-back"] == "false"
    assert answer._request_id == raw.headers["x-pixroute-request-id"] == answer.model_extra["pixroute"]["request_id"]


async def test_several_pictures_come_in_one_answer(serve):
    """`n` is the router's."""
    answer = await (await serve()).openai().images.generate(model="default", n=3, **ASKED)

    assert [base64.b64decode(one.b64_json) for one in answer.data] == [blank_png(64, 64)] * 3


@pytest.mark.parametrize(
    ("model", "expected"),
    [(None, "fake-1"), ("auto", "fake-1"), ("default", "fake-1"), ("fake-2", "fake-2"), ("gpt-image-1", "fake-2")],
)
async def test_a_model_names_a_chain_a_provider_or_what_the_mapping_says(serve, model, expected):
    """Without one the rules choose."""
    served = await serve(FakeProvider(), FakeProvider(), models={"gpt-image-1": "fake-2"})

    async with served.post("/v1/images/generations", {"model": model, **ASKED}) as answer:
        assert answer.headers["x-pixroute-provider"] == expected


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": 5}, "prompt"),
        ({}, "prompt"),
        ({"prompt": "a", "n": 0}, "n"),
        ({"prompt": "a", "n": 1.5}, "n"),
        ({"prompt": "a", "n": True}, "n"),
        ({"prompt": "a", "size": "large"}, "size"),
        ({"prompt": "a", "resolution": "9K"}, "resolution"),
        ({"prompt": "a", "aspect_ratio": "wide"}, "aspect_ratio"),
        ({"prompt": "a", "output_format": "svg"}, "output_format"),
        ({"prompt": "a", "stream": "perhaps"}, "stream"),
    ],
)
async def test_a_wrong_field_is_named(serve, fields, param):
    """In OpenAI's envelope, before anything is sent, and never asked again."""
    served = await serve(provider := FakeProvider())

    async with served.post("/v1/images/generations", fields) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert answer.headers["x-should-retry"] == "false"
    assert not provider.calls


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"prompt": NaN}', b"[" * 100_000, b"\xff\xfe"])
async def test_what_is_no_json_object_is_told(serve, body):
    """In one sentence."""
    served = await serve()

    async with served.http.post(
        f"{served.url}/v1/images/generations", data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        assert answer.status == 400
        assert "body" in (await answer.json())["error"]["message"]


async def test_an_unknown_model_is_not_found(serve):
    """And the answer says which there are."""
    with pytest.raises(openai.NotFoundError, match="default, fake-1"):
        await (await serve()).openai().images.generate(model="dall-e-9", **ASKED)


@pytest.mark.parametrize(
    ("size", "asked"),
    [("2K", "2K"), ("16:9", "1K 16:9"), ("auto", None), ("1024x1024", "1024x1024"), ("2K 16:9", "2K 16:9")],
)
async def test_size_is_read_as_it_is_written_anywhere(serve, size, asked):
    """Pixels, a class, a shape."""
    served = await serve(provider := FakeProvider())

    async with served.post("/v1/images/generations", {"prompt": "a", "size": size}) as answer:
        assert answer.status == 200

    assert (provider.calls[0].request.size and str(provider.calls[0].request.size)) == asked


async def test_unknown_fields_are_noted_and_not_passed(serve):
    """Unless the configuration lists them."""
    served = await serve(provider := FakeProvider(), extra=("seed",))

    async with served.post("/v1/images/generations", {**ASKED, "seed": 7, "user": "u", "num_images": 9}) as answer:
        told = (await answer.json())["pixroute"]

    assert provider.calls[0].request.extra["fake-1"] == {"seed": 7}
    assert told["notes"] == ["num_images was not passed on", "user was not passed on"]


@pytest.mark.parametrize(
    ("failure", "status", "error", "kind"),
    [
        (FailureKind.MODERATED, 400, openai.BadRequestError, "moderated"),
        (FailureKind.INVALID, 400, openai.BadRequestError, "invalid"),
        (FailureKind.QUOTA, 503, openai.InternalServerError, "quota"),
        (FailureKind.AUTH, 503, openai.InternalServerError, "auth"),
    ],
)
async def test_a_failure_has_its_status_and_our_kind(serve, failure, status, error, kind):
    """A provider's bad key is not the caller's."""
    served = await serve(FakeProvider(fail(failure, status=400)))

    with pytest.raises(error) as raised:
        await served.openai().images.generate(model="default", **ASKED)

    assert (raised.value.status_code, raised.value.body["kind"]) == (status, kind)


async def test_nothing_that_may_be_billed_is_asked_again_by_the_client(serve):
    """`x-should-retry: false` is obeyed by a client that retries a 502 by itself."""
    provider = FakeProvider(fail(FailureKind.EMPTY, billing=Billing.BILLED, status=200), price="0.09")
    served = await serve(provider)

    with pytest.raises(openai.APIStatusError) as raised:
        await served.openai(max_retries=3).images.generate(model="default", **ASKED)

    assert raised.value.body["may_be_billed"]
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(provider.calls) == 1


async def test_a_stream_ends_with_the_picture(serve):
    """Attempts are told on the way, in events of our own."""
    client = (await serve()).openai()

    events = [one async for one in await client.images.generate(model="default", stream=True, **ASKED)]

    assert [one.type for one in events] == [
        "pixroute.attempt_started",
        "pixroute.attempt_finished",
        "image_generation.completed",
    ]
    assert base64.b64decode(events[-1].b64_json) == blank_png(64, 64)


async def test_a_stream_that_fails_raises(serve):
    """`event: error` is the one form in which the client raises our error."""
    client = (await serve(FakeProvider(fail(FailureKind.MODERATED, status=400)))).openai()

    with pytest.raises(openai.APIError) as raised:
        async for _ in await client.images.generate(model="default", stream=True, **ASKED):
            pass

    assert raised.value.body["kind"] == "moderated"


async def test_a_bug_shows_nothing_of_itself(serve, monkeypatch):
    """A sentence to the caller, the rest to the log."""
    served = await serve()

    async def broken(*_, **__):
        raise ZeroDivisionError("secret words")

    monkeypatch.setattr(served.gateway.router, "generate", broken)

    async with served.post("/v1/images/generations", ASKED) as answer:
        text = await answer.text()

    assert answer.status == 500
    assert "secret" not in text
