"""Gemini at Google itself (upstreams §2)."""

from decimal import Decimal

import pytest

from pixroute.fit import Fit, Unfit, fit
from pixroute.http.call import Auth, Call, Details, Reply
from pixroute.outcome import Billing, FailureKind
from pixroute.request import ImageRequest
from pixroute.secret import Secret
from pixroute_gemini import pixroute_providers
from pixroute_gemini.provider import Gemini, GeminiSettings

RATIOS = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"]


def provider(**settings):
    return Gemini("google", GeminiSettings(api_key=Secret("sk-test"), **settings))


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def asked(google, request):
    fitted = fit(request, google.capabilities())
    assert isinstance(fitted, Fit)
    return google.encode(fitted.request)


@pytest.mark.parametrize("resolution", ["1K", "2K", "4K"])
@pytest.mark.parametrize("ratio", RATIOS)
def test_class_and_shape_are_said_by_name(resolution, ratio):
    """The documented request, for every class and shape of the model."""
    assert asked(provider(), ImageRequest("A cat", size=f"{resolution} {ratio}")) == Call.post(
        "models/gemini-3-pro-image:generateContent",
        json={
            "contents": [{"role": "user", "parts": [{"text": "A cat"}]}],
            "generationConfig": {
                "responseModalities": ["IMAGE"],
                "imageConfig": {"aspectRatio": ratio, "imageSize": resolution},
            },
        },
    )


def test_the_lite_model_makes_1k_only():
    """Asked for more it would fail, so it is not asked."""
    lite = provider(model="gemini-3.1-flash-lite-image")

    assert isinstance(fit(ImageRequest("A cat", size="2K"), lite.capabilities()), Unfit)


def test_the_key_goes_into_its_own_header():
    """Never into the URL, and not as a Bearer."""
    assert Gemini.auth == Auth("x-goog-api-key", "{key}")


def test_an_answer_is_read():
    """Picture, version and tokens of the documented answer."""
    answer = reply(
        {
            "candidates": [
                {
                    "content": {
                        "role": "model",
                        "parts": [
                            {"text": "Here is the astrolabe."},
                            {"inlineData": {"mimeType": "image/jpeg", "data": "/9j/4AAQ"}, "thoughtSignature": "EsQC"},
                        ],
                    },
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {"totalTokenCount": 2432},
            "modelVersion": "gemini-3-pro-image",
        }
    )
    google = provider()

    assert google._refusal(answer) is None
    assert google.decode(answer) == ["/9j/4AAQ"]
    assert google.details(answer) == Details(model="gemini-3-pro-image", usage={"totalTokenCount": 2432})


def test_a_refusal_is_free():
    """Google bills the prompt's tokens, not a picture."""
    failure = provider()._refusal(reply({"promptFeedback": {"blockReason": "SAFETY"}}))

    assert failure
    assert (failure.kind, failure.billing) == (FailureKind.MODERATED, Billing.FREE)


QUOTA = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProjectPerModel", "quotaValue": "20"}],
}
PER_DAY = {**QUOTA, "violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaValue": "250"}]}
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "31s"}
BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
PLAN = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize(
    ("code", "status", "message", "details", "kind", "hint"),
    [
        (400, "INVALID_ARGUMENT", "Invalid value.", [], FailureKind.INVALID, None),
        (400, "INVALID_ARGUMENT", "API key not valid.", [BAD_KEY], FailureKind.AUTH, None),
        (402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", [], FailureKind.QUOTA, None),
        (403, "PERMISSION_DENIED", "Your API key was reported as leaked.", [], FailureKind.AUTH, None),
        (404, "NOT_FOUND", "models/m is not found for API version v1beta.", [], FailureKind.MODEL_GONE, None),
        (429, "RESOURCE_EXHAUSTED", PLAN, [QUOTA, RETRY], FailureKind.RATE_LIMITED, 31.0),
        (429, "RESOURCE_EXHAUSTED", PLAN, [PER_DAY], FailureKind.QUOTA, None),
        (500, "INTERNAL", "An internal error has occurred.", [], FailureKind.SERVER_ERROR, None),
        (503, "UNAVAILABLE", "The model is overloaded.", [], FailureKind.OVERLOADED, None),
        (504, "DEADLINE_EXCEEDED", "Deadline expired.", [], FailureKind.SERVER_ERROR, None),
    ],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["object", "array"])
def test_googles_errors_are_known(*, code, status, message, details, kind, hint, wrapped):
    """Its whole table, wrapped in an array or not (upstreams §2.6)."""
    document = {"error": {"code": code, "message": message, "status": status, "details": details}}

    failure = provider()._refusal(reply([document] if wrapped else document, status=code))

    assert failure
    assert (failure.kind, failure.hint) == (kind, hint)


def test_prices_rise_with_4k():
    """One price up to 2K; another model's is unknown."""
    price = provider().price

    assert price
    assert [price.at(r) for r in ("1K", "2K", "4K")] == [Decimal("0.134"), Decimal("0.134"), Decimal("0.24")]
    assert provider(model="gemini-nano-banana-2.1").price is None
    assert [spec.name for spec in pixroute_providers()] == ["gemini"]
