"""Nano Banana Pro: two dialects on two ports (upstreams §2, §3)."""

from decimal import Decimal

import pytest

from pixroute.fit import Fit, Unfit, fit
from pixroute.http.call import Call, Details, Reply
from pixroute.latency import Quantiles
from pixroute.outcome import Billing, FailureKind
from pixroute.request import ImageRequest
from pixroute.secret import Secret
from pixroute_nano_banana import pixroute_providers
from pixroute_nano_banana.provider import (
    ADVICE,
    NanoBananaProHttpSettings,
    NanoBananaProHttpsSettings,
    create,
)

# Google's table of what the model makes (upstreams §2.7).
SIZES = {
    "1:1": ("1024x1024", "2048x2048", "4096x4096"),
    "2:3": ("848x1264", "1696x2528", "3392x5056"),
    "3:2": ("1264x848", "2528x1696", "5056x3392"),
    "3:4": ("896x1200", "1792x2400", "3584x4800"),
    "4:3": ("1200x896", "2400x1792", "4800x3584"),
    "4:5": ("928x1152", "1856x2304", "3712x4608"),
    "5:4": ("1152x928", "2304x1856", "4608x3712"),
    "9:16": ("768x1376", "1536x2752", "3072x5504"),
    "16:9": ("1376x768", "2752x1536", "5504x3072"),
    "21:9": ("1584x672", "3168x1344", "6336x2688"),
}
TABLE = [
    (resolution, ratio, size)
    for ratio, row in SIZES.items()
    for resolution, size in zip(("1K", "2K", "4K"), row, strict=True)
]


def provider(**settings):
    return create("banana", NanoBananaProHttpsSettings(api_key=Secret("sk-test"), **settings))


def asked(banana, request):
    fitted = fit(request, banana.capabilities())
    assert isinstance(fitted, Fit)
    return banana.encode(fitted.request)


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def test_the_images_dialect_asks_as_documented():
    """The vendor's call of a 4K square, to the letter."""
    call = asked(provider(), ImageRequest("A lighthouse", size="4K"))

    assert call == Call.post(
        "v1/images/generations",
        json={
            "model": "nano-banana-pro",
            "prompt": "A lighthouse",
            "size": "4096x4096",
            "n": 1,
            "response_format": "url",
        },
    )


def test_the_native_dialect_asks_as_documented():
    """Shape and class by their own names, the model in the path."""
    call = asked(provider(api="native"), ImageRequest("A lighthouse", size="4K 16:9"))

    assert call == Call.post(
        "v1beta/models/gemini-3-pro-image:generateContent",
        json={
            "contents": [{"role": "user", "parts": [{"text": "A lighthouse"}]}],
            "generationConfig": {
                "responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": "16:9", "imageSize": "4K"},
            },
        },
    )


@pytest.mark.parametrize(("resolution", "ratio", "size"), TABLE)
def test_every_class_and_shape_has_its_pixels(resolution, ratio, size):
    """The images dialect knows pixels only: those that the model makes."""
    assert asked(provider(), ImageRequest("A cat", size=f"{resolution} {ratio}")).json["size"] == size


@pytest.mark.parametrize(("resolution", "ratio", "size"), TABLE)
def test_exact_pixels_of_the_table_become_class_and_shape(resolution, ratio, size):
    """Who asks for the model's own pixels gets them natively too."""
    call = asked(provider(api="native"), ImageRequest("A cat", size=size))

    assert call.json["generationConfig"]["imageConfig"] == {"aspectRatio": ratio, "imageSize": resolution}


@pytest.mark.parametrize(
    ("api", "path"), [("images", "v1/images/edits"), ("native", "v1beta/models/m:generateContent")]
)
def test_references_go_the_way_of_the_dialect(api, path):
    """A form to the edits route, or inline."""
    call = asked(provider(api=api, model="m"), ImageRequest("A cat", references=[b"\x89PNG\r\n\x1a\n"]))

    assert call.path == path
    assert (call.form is None) == (api == "native")


def test_no_size_is_the_smallest_class():
    """Said, not left to a default that could change."""
    assert asked(provider(), ImageRequest("A cat")).json["size"] == "1024x1024"


def test_a_strange_shape_is_not_asked():
    """The model would silently make another."""
    assert isinstance(fit(ImageRequest("A cat", size="2K 1:8"), provider().capabilities()), Unfit)


@pytest.mark.parametrize(
    ("api", "document"),
    [
        ("images", {"created": 1, "data": [{"url": "https://a/1.png"}]}),
        ("native", {"candidates": [{"content": {"parts": [{"text": "https://a/1.png"}]}}]}),
    ],
)
def test_answers_are_read_in_the_dialect(api, document):
    """The same picture out of either."""
    banana = provider(api=api)

    assert banana._refusal(reply(document)) is None
    assert banana.decode(reply(document)) == ["https://a/1.png"]
    assert banana.details(reply(document)).model is None


def test_details_are_read_in_the_dialect():
    """Natively, the version of the model is told."""
    assert provider(api="native").details(reply({"modelVersion": "v"})) == Details(model="v")


@pytest.mark.parametrize(
    ("api", "document"),
    [
        ("images", {"error": {"code": "content_policy_violation", "message": "No."}}),
        ("native", {"candidates": [{"content": {}, "finishReason": "IMAGE_SAFETY"}]}),
    ],
)
def test_a_refusal_under_200_is_billed(api, document):
    """The aggregator charges its per-call models for it (upstreams §3.3)."""
    failure = provider(api=api)._refusal(reply(document))

    assert failure
    assert (failure.kind, failure.billing) == (FailureKind.MODERATED, Billing.BILLED)


def test_a_refusal_by_status_is_free():
    """400 and 403 are not billed."""
    error = {"error": {"code": "content_policy_violation", "message": "No.", "type": "shell_api_error"}}

    failure = provider()._refusal(reply(error, status=403))

    assert failure
    assert (failure.kind, failure.billing) == (FailureKind.MODERATED, Billing.FREE)


@pytest.mark.parametrize("kind", [FailureKind.MODEL_GONE, FailureKind.UNDERSIZED])
def test_what_the_images_dialect_cannot_do_advises_the_other(kind):
    """The operator is told what to change."""
    assert provider(api="images").advice[kind] == ADVICE
    assert kind not in provider(api="native").advice


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (
            403,
            {
                "message": "user [10001] quota [120] preConsumedQuota [45000] is not enough",
                "localized_message": "Insufficient user quota",
                "type": "shell_api_error",
                "param": "",
                "code": "insufficient_user_quota",
            },
            FailureKind.QUOTA,
        ),
        (
            502,
            {"message": "", "type": "shell_api_error", "param": "502", "code": "bad_response_status_code"},
            FailureKind.SERVER_ERROR,
        ),
        (
            500,
            {"message": "write tcp: reset", "type": "shell_api_error", "code": "write_response_body_failed"},
            FailureKind.SERVER_ERROR,
        ),
        (
            503,
            {"message": "The model is overloaded. Please try again later.", "type": "upstream_error", "code": 503},
            FailureKind.OVERLOADED,
        ),
        (
            429,
            {
                "message": "当前分组上游负载已饱和，请稍后再试 (request id: 2026)",
                "type": "shell_api_error",
                "code": None,
            },
            FailureKind.OVERLOADED,
        ),
        (401, {"message": "无效的令牌 (request id: 2026)", "type": "shell_api_error"}, FailureKind.AUTH),
    ],
)
@pytest.mark.parametrize("api", ["images", "native"])
def test_the_gateways_errors_are_known(api, status, error, kind):
    """Its envelope is the same on both routes (upstreams §3.3)."""
    failure = provider(api=api)._refusal(reply({"error": error}, status=status))

    assert failure
    assert failure.kind is kind


def test_one_price_for_every_class():
    """$0.09, and the vendor's times by class."""
    banana = provider()

    assert banana.price
    assert {banana.price.at(resolution) for resolution in ("1K", "2K", "4K")} == {Decimal("0.09")}
    assert banana.latency.at("4K", 600) == Quantiles(120, 170, 250)


def test_two_types_differ_in_the_address_alone():
    """The HTTP port is not accepted by itself: `plaintext` keeps its default."""
    http, https = (spec.settings() for spec in pixroute_providers())

    assert [spec.name for spec in pixroute_providers()] == ["nano-banana-pro-http", "nano-banana-pro-https"]
    assert (http.base_url, https.base_url) == ("http://api.apiyi.com:16888", "https://api.apiyi.com")
    assert http.plaintext == "refuse"


@pytest.mark.parametrize("settings", [NanoBananaProHttpSettings, NanoBananaProHttpsSettings])
def test_an_unknown_api_is_a_mistake_that_names_the_known(settings):
    """Found when the configuration is read, not when a picture is wanted."""
    with pytest.raises(ValueError, match=r'"images" or "native"'):
        settings(api="chat")


def test_a_model_given_stands():
    """The default model depends on the dialect; a given one does not."""
    assert NanoBananaProHttpsSettings(api="native", model="gemini-3-pro-image-preview").model.endswith("preview")
    assert NanoBananaProHttpsSettings(api="native").model == "gemini-3-pro-image"
    assert NanoBananaProHttpsSettings().model == "nano-banana-pro"
