"""OpenAI's images endpoint and those like it (upstreams §1)."""

import pytest

from pixroute.fit import Fit, Unfit, fit
from pixroute.http.call import Call, Details, Reply
from pixroute.outcome import FailureKind
from pixroute.request import ImageRequest
from pixroute.secret import Secret
from pixroute_openai import pixroute_providers
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings

FREE_SIZES = {
    "1K": "1024x1024",
    "1K 16:9": "1360x768",
    "1K 9:16": "768x1360",
    "1K 3:2": "1248x848",
    "1K 2:3": "848x1248",
    "1K 3:1": "1760x592",
    "1K 1:3": "592x1760",
    "2K": "2048x2048",
    "2K 16:9": "2720x1536",
    "2K 3:1": "3536x1184",
    "1000x1000": "1008x1008",
    "3000x1000": "2992x1008",
    "3840x2160": "3840x2160",
    "2881x2879": "2880x2880",
}


def provider(**settings):
    return OpenAIImages("openai", OpenAIImagesSettings(api_key=Secret("sk-test"), **settings))


def asked(openai, request):
    fitted = fit(request, openai.capabilities())
    assert isinstance(fitted, Fit)
    return openai.encode(fitted.request)


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def test_it_asks_without_a_response_format():
    """GPT image models refuse the field; a format is asked where one is wanted."""
    call = asked(provider(), ImageRequest("A cat", size="1K", n=2, output_format="webp"))

    assert call == Call.post(
        "images/generations",
        json={"model": "gpt-image-2", "prompt": "A cat", "size": "1024x1024", "n": 2, "output_format": "webp"},
    )


@pytest.mark.parametrize(("wish", "size"), FREE_SIZES.items())
def test_free_sizes_are_divisible_by_16(wish, size):
    """Legal by gpt-image-2's rule: no shape beyond 3:1, nothing above 3840x2160."""
    width, height = map(int, size.split("x"))

    assert asked(provider(), ImageRequest("A cat", size=wish)).json["size"] == size
    assert width % 16 == height % 16 == 0
    assert max(width, height) <= 3 * min(width, height)
    assert width * height <= 3840 * 2160


@pytest.mark.parametrize("wish", ["4K", "4096x4096"])
def test_4k_is_not_asked(wish):
    """It is not a legal size there."""
    assert isinstance(fit(ImageRequest("A cat", size=wish), provider().capabilities()), Unfit)


@pytest.mark.parametrize(
    ("wish", "size"), [(None, "1024x1024"), ("1K", "1024x1024"), ("1K 3:2", "1536x1024"), ("1024x1536", "1024x1536")]
)
def test_older_models_have_three_sizes(wish, size):
    """The gpt-image-1 family takes no others."""
    assert asked(provider(model="gpt-image-1.5"), ImageRequest("A cat", size=wish)).json["size"] == size


@pytest.mark.parametrize("wish", ["2K", "1K 16:9"])
def test_older_models_are_not_asked_for_other_sizes(wish):
    """They would answer 400."""
    assert isinstance(fit(ImageRequest("A cat", size=wish), provider(model="gpt-image-1-mini").capabilities()), Unfit)


@pytest.mark.parametrize(
    ("wish", "size"), [("2K", "2048x2048"), ("2K 16:9", "2752x1536"), ("4K", "4096x4096"), ("1K", "2048x2048")]
)
def test_sizes_can_be_listed(wish, size):
    """An operator says what an endpoint takes; a class that is not there becomes the next."""
    listed = provider(model="other", sizes=("2048x2048", "1792x1792", "2752x1536", "4096x4096"))

    assert asked(listed, ImageRequest("A cat", size=wish)).json["size"] == size


@pytest.mark.parametrize("size", ["2K", "big"])
def test_a_listed_size_that_is_none_is_a_mistake(size):
    """The message says what may stand there."""
    with pytest.raises(ValueError, match=rf"{size}.*WIDTHxHEIGHT"):
        OpenAIImagesSettings(sizes=(size,))


def test_other_models_get_no_field_that_is_not_everywhere():
    """`output_format` and the length of a prompt are GPT image's own."""
    other = provider(model="flux-pro")

    assert "output_format" not in asked(other, ImageRequest("A cat", size="1K", output_format="png")).json
    assert other.capabilities().max_prompt is None
    assert other.capabilities().output_formats == frozenset()


def test_references_are_a_form():
    """Sixteen at most, to the edits route."""
    call = asked(provider(), ImageRequest("A cat", size="1K", references=[b"\x89PNG\r\n\x1a\n"] * 16))

    assert call.path == "images/edits"
    assert call.form
    assert [part.name for part in call.form] == ["model", "prompt", "size", "n", *["image[]"] * 16]


def test_an_answer_is_read():
    """The documented answer."""
    answer = reply({"created": 1, "data": [{"b64_json": "iVBORw0KGgo="}], "usage": {"total_tokens": 4181}})
    openai = provider()

    assert openai._refusal(answer) is None
    assert openai.decode(answer) == ["iVBORw0KGgo="]
    assert openai.details(answer) == Details(usage={"total_tokens": 4181}, revised_prompts=(None,))


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (
            400,
            {"message": "Invalid size.", "type": "invalid_request_error", "param": "size", "code": "invalid_value"},
            FailureKind.INVALID,
        ),
        (
            400,
            {
                "message": "Your request was rejected by the safety system.",
                "type": "image_generation_user_error",
                "param": None,
                "code": "moderation_blocked",
            },
            FailureKind.MODERATED,
        ),
        (401, {"message": "Incorrect API key provided.", "code": "invalid_api_key"}, FailureKind.AUTH),
        (403, {"message": "Your organization must be verified to use the model."}, FailureKind.FORBIDDEN),
        (404, {"message": "The model 'm' does not exist.", "code": "model_not_found"}, FailureKind.MODEL_GONE),
        (429, {"message": "Rate limit reached.", "code": "rate_limit_exceeded"}, FailureKind.RATE_LIMITED),
        (429, {"message": "You exceeded your current quota.", "code": "insufficient_quota"}, FailureKind.QUOTA),
        (500, {"message": "The server had an error.", "type": "server_error"}, FailureKind.SERVER_ERROR),
        (503, {"message": "The engine is currently overloaded."}, FailureKind.OVERLOADED),
        (200, {"message": "The engine is currently overloaded.", "code": 503}, FailureKind.OVERLOADED),
    ],
)
def test_openais_errors_are_known(status, error, kind):
    """The documented table (upstreams §1.5)."""
    failure = provider()._refusal(reply({"error": error}, status=status))

    assert failure
    assert failure.kind is kind


def test_the_price_is_unknown():
    """It goes by token; the type is found by its name."""
    assert provider().price is None
    assert [spec.name for spec in pixroute_providers()] == ["openai-images"]
