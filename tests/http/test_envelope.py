"""What error answers say, and what kind they are."""

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pixroute.http.call import Reply
from pixroute.http.judging.answered import request_id_in
from pixroute.http.judging.envelope import ADVICE, ErrorBody, carries_error, failure_from, read_error
from pixroute.outcome import REACTIONS, Billing, FailureKind, Stage

K = FailureKind
GOOGLE = "type.googleapis.com/google.rpc."
OPENAI_QUOTA = "You exceeded your current quota, please check your plan and billing details."
GOOGLE_QUOTA = (
    f"{OPENAI_QUOTA}\n* Quota exceeded for metric: x, limit: 20, model: gemini-3-pro-image\nPlease retry in 31.4s."
)


def openai(message, code=None, type_="invalid_request_error", param=None, **more):
    """OpenAI's envelope."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code, **more}}


def google(code, status, message, *details):
    """Google's envelope."""
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def gateway(message, **more):
    """The aggregator's envelope."""
    return {"error": {"message": message, "type": "shell_api_error", **more}}


def ark(code, message="The request failed. Request id: 0217abc"):
    """Ark's envelope."""
    return {"error": {"code": code, "message": message, "param": "", "type": ""}}


def quota(quota_id, value):
    """Google's details about a quota."""
    violation = {"quotaId": quota_id, "quotaValue": value}
    return (
        {"@type": f"{GOOGLE}QuotaFailure", "violations": [violation]},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": "31s"},
    )


BAD_KEY = {"@type": f"{GOOGLE}ErrorInfo", "reason": "API_KEY_INVALID", "domain": "googleapis.com"}
PER_MINUTE = quota("GenerateRequestsPerMinutePerProjectPerModel", "20")
PER_DAY = quota("GenerateRequestsPerDayPerProjectPerModel", "20")
NO_TIER = quota("GenerateRequestsPerMinutePerProjectPerModel", "0")

DOCUMENTED = [
    # OpenAI, upstreams §1.5
    (400, openai("Invalid size '4096x4096'.", "invalid_value", param="size"), K.INVALID, None),
    (400, openai("no", "moderation_blocked", "image_generation_user_error"), K.MODERATED, None),
    (400, openai("Your request was rejected by the safety system.", None, "x"), K.MODERATED, None),
    (400, openai("no", "content_policy_violation"), K.MODERATED, None),
    (400, openai("Unknown parameter: 'response_format'.", "unknown_parameter"), K.INVALID, None),
    (401, openai("Incorrect API key provided: sk-abc.", "invalid_api_key"), K.AUTH, None),
    (403, openai("Country, region, or territory not supported", "x"), K.FORBIDDEN, None),
    (403, openai("Your organization must be verified to use the model."), K.FORBIDDEN, None),
    (404, openai("The model 'x' does not exist", "model_not_found"), K.MODEL_GONE, None),
    (409, openai("Conflict"), K.SERVER_ERROR, None),
    (413, openai("Too large"), K.INVALID, None),
    (422, openai("Unprocessable"), K.INVALID, None),
    (429, openai("Rate limit reached. Please try again in 20s.", "rate_limit_exceeded"), K.RATE_LIMITED, 20.0),
    (429, openai(OPENAI_QUOTA, "insufficient_quota", "insufficient_quota"), K.QUOTA, None),
    (500, openai("The server had an error", None, "server_error"), K.SERVER_ERROR, None),
    (503, openai("The engine is currently overloaded", None, "server_error"), K.OVERLOADED, None),
    (503, openai("Slow down", None, "server_error"), K.OVERLOADED, None),
    (529, openai("Busy"), K.OVERLOADED, None),
    # Google, upstreams §2.6
    (400, google(400, "INVALID_ARGUMENT", "Invalid value at 'generation_config.image_config'"), K.INVALID, None),
    (400, google(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", BAD_KEY), K.AUTH, None),
    (400, google(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), K.FORBIDDEN, None),
    (402, google(402, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), K.QUOTA, None),
    (403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), K.AUTH, None),
    (404, google(404, "NOT_FOUND", "models/x is not found for API version v1beta"), K.MODEL_GONE, None),
    (429, google(429, "RESOURCE_EXHAUSTED", GOOGLE_QUOTA, *PER_MINUTE), K.RATE_LIMITED, 31.0),
    (429, google(429, "RESOURCE_EXHAUSTED", GOOGLE_QUOTA), K.RATE_LIMITED, 31.4),
    (429, google(429, "RESOURCE_EXHAUSTED", GOOGLE_QUOTA, *PER_DAY), K.QUOTA, None),
    (429, google(429, "RESOURCE_EXHAUSTED", OPENAI_QUOTA, *NO_TIER), K.QUOTA, None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Quota exceeded, limit: 0, model: x"), K.QUOTA, None),
    (429, google(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), K.RATE_LIMITED, None),
    (499, google(499, "CANCELLED", "The operation was cancelled."), K.SERVER_ERROR, None),
    (500, google(500, "INTERNAL", "Internal error encountered."), K.SERVER_ERROR, None),
    (503, google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."), K.OVERLOADED, None),
    (503, google(503, "UNAVAILABLE", "This model is currently experiencing high demand."), K.OVERLOADED, None),
    (503, google(503, "UNAVAILABLE", "The service is currently unavailable."), K.OVERLOADED, None),
    (503, google(503, "UNAVAILABLE", "Deadline expired before operation could complete."), K.OVERLOADED, None),
    (504, google(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete."), K.SERVER_ERROR, None),
    # the aggregator, upstreams §3.3
    (
        403,
        gateway(
            "user [10001] quota [120] preConsumedQuota [45000] is not enough",
            localized_message="Insufficient user quota",
            param="",
            code="insufficient_user_quota",
        ),
        K.QUOTA,
        None,
    ),
    (403, gateway("user [10001] quota [120] preConsumedQuota [45000] is not enough"), K.QUOTA, None),
    (403, gateway("该令牌无权访问模型 nano-banana-pro"), K.FORBIDDEN, None),
    (403, gateway("Your request was rejected by the safety system."), K.MODERATED, None),
    (403, gateway("refused"), K.FORBIDDEN, None),
    (502, gateway("", param="502", code="bad_response_status_code"), K.SERVER_ERROR, 30.0),
    (500, gateway("bad response status code 503", param="503", code="bad_response_status_code"), K.OVERLOADED, None),
    (500, gateway("bad response status code 429", param="429", code="bad_response_status_code"), K.RATE_LIMITED, None),
    (500, gateway("bad response status code 401", param="401", code="bad_response_status_code"), K.SERVER_ERROR, None),
    (
        500,
        {"status_code": 500, **gateway("write tcp: connection reset by peer", code="write_response_body_failed")},
        K.SERVER_ERROR,
        None,
    ),
    (
        500,
        {"error": {"message": "The model is overloaded.", "type": "upstream_error", "code": 503}},
        K.OVERLOADED,
        None,
    ),
    (429, gateway("当前分组上游负载已饱和，请稍后再试 (request id: 2026)", param="", code=None), K.OVERLOADED, None),
    (401, gateway("无效的令牌 (request id: 2026)"), K.AUTH, None),
    (400, gateway("model x is not supported on this route"), K.MODEL_GONE, None),
    (504, gateway("Upstream model timed out"), K.SERVER_ERROR, None),
    # Ark, upstreams §4.5
    (400, ark("InvalidParameter", "image size must be at least 3686400 pixels. Request id: 02"), K.INVALID, None),
    (400, ark("InvalidParameter", "Timeout while downloading url=http://a.example"), K.SERVER_ERROR, None),
    (400, ark("MissingParameter"), K.INVALID, None),
    (400, ark("InvalidImageURL.EmptyURL"), K.INVALID, None),
    (400, ark("InvalidEndpoint.ClosedEndpoint"), K.MODEL_GONE, None),
    (400, ark("InputTextSensitiveContentDetected.PolicyViolation"), K.MODERATED, None),
    (400, ark("InputImageSensitiveContentDetected.PrivacyInformation"), K.MODERATED, None),
    (400, ark("OutputImageSensitiveContentDetected"), K.MODERATED, None),
    (400, ark("SensitiveContentDetected.SevereViolation"), K.MODERATED, None),
    (400, ark("InputTextRiskDetection"), K.MODERATED, None),
    (401, ark("AuthenticationError"), K.AUTH, None),
    (403, ark("AccountOverdueError"), K.QUOTA, None),
    (403, ark("AccessDenied"), K.FORBIDDEN, None),
    (403, ark("OperationDenied.ServiceNotOpen"), K.FORBIDDEN, None),
    (404, ark("InvalidEndpointOrModel.NotFound"), K.MODEL_GONE, None),
    (404, ark("ModelNotOpen"), K.MODEL_GONE, None),
    (429, ark("RateLimitExceeded.EndpointRPMExceeded"), K.RATE_LIMITED, None),
    (429, ark("ModelAccountIpmRateLimitExceeded"), K.RATE_LIMITED, None),
    (429, ark("RequestBurstTooFast"), K.RATE_LIMITED, None),
    (429, ark("InflightBatchsizeExceeded"), K.RATE_LIMITED, None),
    (429, ark("ServerOverloaded"), K.OVERLOADED, None),
    (429, ark("QuotaExceeded"), K.QUOTA, None),
    (429, ark("SetLimitExceeded"), K.QUOTA, None),
    (500, ark("InternalServiceError"), K.SERVER_ERROR, None),
    # shapes that nobody documents
    (400, {"error": "no such thing"}, K.INVALID, None),
    (401, {"detail": "Not authenticated"}, K.AUTH, None),
    (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, K.INVALID, None),
    (429, {"message": "Too many requests"}, K.RATE_LIMITED, None),
    (418, {}, K.INVALID, None),
    (599, [], K.SERVER_ERROR, None),
]


def answer(status, body=None, text="", **headers):
    """Give an answer; underscores in header names stand for hyphens."""
    return Reply(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, json=body, text=text)


def judged(status, body=None, text="", **headers):
    """Give the failure of an answer."""
    return failure_from(answer(status, body, text, **headers), stage=Stage.DONE)


@pytest.mark.parametrize(("status", "body", "kind", "hint"), DOCUMENTED)
def test_documented_errors(status, body, kind, hint):
    """Every documented body has its kind, its hint, and costs nothing, unless a gateway gave up on what had begun."""
    failure = judged(status, body)
    gave_up = any(words in str(body) for words in ("timed out", "connection reset"))

    assert (failure.kind, failure.hint) == (kind, hint)
    assert failure.billing is (Billing.AMBIGUOUS if gave_up else Billing.FREE)
    assert failure.answered
    assert failure.advice == ADVICE[kind]


@pytest.mark.parametrize("wrap", [lambda b: [b], lambda b: {"error": {"message": json.dumps(b), "param": "400"}}])
@pytest.mark.parametrize(("status", "body", "kind", "hint"), [row for row in DOCUMENTED if "error" in row[1]])
def test_wrapped_errors_are_the_same(status, body, kind, hint, wrap):
    """An array around it, or a relay's message that holds the whole JSON, changes nothing."""
    failure = judged(status, wrap(body))

    assert (failure.kind, failure.hint) == (kind, hint)


@pytest.mark.parametrize(("status", "body", "kind", "hint"), [row for row in DOCUMENTED if "error" in row[1]])
def test_the_error_object_alone_is_the_same(status, body, kind, hint):
    """A body that is the error object itself is read alike."""
    failure = judged(status, body["error"] if isinstance(body["error"], dict) else body)

    assert (failure.kind, failure.hint) == (kind, hint)


def test_everything_is_collected():
    """Status, codes, words, id and delay of Google's 429."""
    error = read_error(answer(429, [google(429, "RESOURCE_EXHAUSTED", "Wait. Request id: a-1.", *PER_DAY)]))

    assert error == ErrorBody(
        status=429,
        codes=("RESOURCE_EXHAUSTED", "quota_per_day"),
        text="Wait. Request id: a-1.",
        request_id="a-1",
        retry_delay="31s",
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": {"code": 503}}, 503),
        ({"error": {"code": "503"}}, 503),
        ({"status_code": 503, "error": {"message": "x"}}, 503),
        ({"error": {"message": '{"error":{"code":503}}', "code": 400}}, 503),
        ({"error": {"param": "503", "code": "bad_response_status_code"}}, 503),
        ({"error": {"param": "503", "code": "invalid_value"}}, 500),
        ({"error": {"code": 200}}, 500),
        ({"error": {"code": True}}, 500),
        ({"error": {"code": 1301}}, 500),
        ({"error": {"code": 503.0}}, 500),
    ],
)
def test_the_body_knows_the_status_better(body, status):
    """Gateways map statuses; a status in the body counts, from the innermost envelope outwards."""
    assert read_error(answer(500, body)).status == status


@pytest.mark.parametrize(
    ("reply", "request_id"),
    [
        (answer(500, gateway("无效的令牌 (request id: 2026112210)")), "2026112210"),
        (answer(500, ark("x", "No. Request id: 0217-ab")), "0217-ab"),
        (answer(500, {"error": {"message": "x"}, "request_id": "r1"}), "r1"),
        (answer(500, gateway("x"), x_request_id="h1", request_id="h2"), "h1"),
        (answer(500, gateway("x"), request_id="h2"), "h2"),
        (answer(500, gateway("x (request id: t1)"), x_request_id="h1"), "t1"),
        (answer(500, gateway("x")), None),
    ],
)
def test_request_ids(reply, request_id):
    """The provider's id is in its words or in a header."""
    assert read_error(reply).request_id == request_id
    assert failure_from(reply, stage=Stage.DONE).provider_request_id == request_id


def test_request_id_of_a_success():
    """The header is read for answers of any kind."""
    assert request_id_in({"x-request-id": "r1"}) == "r1"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"error": {"code": 503}}, True),
        ({"error": "overloaded"}, True),
        ([{"error": {"code": 503}}], True),
        ({"error": None, "data": []}, False),
        ({"error": {}}, False),
        ({"code": 0, "message": "ok", "data": []}, False),
        ([], False),
        (None, False),
    ],
)
def test_carries_error(document, expected):
    """Only `error` makes a 200 an error: relays write code and message beside pictures too."""
    assert carries_error(document) is expected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": {"code": 503, "message": "overloaded"}}, K.OVERLOADED),
        ({"error": {"code": "OutputImageSensitiveContentDetected", "message": "no"}}, K.MODERATED),
        ({"error": {"message": "something broke"}}, K.SERVER_ERROR),
    ],
)
def test_an_error_under_200(body, kind):
    """It is judged as under its own status; without one it is the provider's trouble, not our request's."""
    assert judged(200, body).kind is kind


def test_the_message_says_who_what_and_when():
    """One sentence with the provider's words, one with advice."""
    reply = answer(503, google(503, "UNAVAILABLE", "The model is overloaded. Please try again later."))

    failure = failure_from(reply, stage=Stage.DONE, who="banana-https", elapsed=2.5)

    assert failure.message == (
        "banana-https answered 503 after 2.5 s: The model is overloaded. Please try again later."
    )
    assert (failure.status, failure.code) == (503, "UNAVAILABLE")


def test_the_gateway_is_told_from_the_model_behind_it():
    """The envelope's type says who speaks, and the body's status is shown where it differs."""
    own = judged(429, gateway("saturated"))
    relayed = judged(500, {"error": {"message": "busy", "type": "upstream_error", "code": 503}})

    assert own.message == "The gateway answered 429: saturated."
    assert relayed.message == "The gateway, for the model behind it, answered 500 (in its body 503): busy."


def test_an_answer_without_words():
    """Codes stand in for words, and nothing for nothing."""
    assert judged(500, gateway("", code="oops")).message == "The gateway answered 500: oops."
    assert judged(500).message == "The provider answered 500 without a word."


def test_a_senseless_hint_is_kept_as_it_was_said():
    """What is ignored is told."""
    failure = failure_from(answer(429, {}, retry_after="-5"), stage=Stage.DONE)

    assert failure.hint is None
    assert "retry-after '-5'" in failure.ignored_hint


def test_keys_are_not_shown():
    """A provider that repeats the key does not bring it into our messages."""
    failure = judged(401, openai("Incorrect API key provided: sk-proj-abc123. Use Bearer abcdef, not key=s3cret."))

    assert failure.message == (
        "The provider answered 401: Incorrect API key provided: ***. Use Bearer ***, not key=***."
    )


def test_long_words_are_cut():
    """240 characters suffice."""
    failure = judged(500, openai("x" * 5000))

    assert len(failure.message) < 290
    assert failure.message.endswith("x….")


@pytest.mark.parametrize(
    ("status", "text", "kind", "quoted"),
    [
        (404, "<html><head><title>404 Not Found</title></head><body>x</body></html>", K.MODEL_GONE, "no such path"),
        (401, "Please log in", K.AUTH, "Please log in"),
        (500, "boom", K.SERVER_ERROR, "boom"),
        (503, "busy", K.OVERLOADED, "busy"),
        (502, "", K.SERVER_ERROR, "without a word"),
    ],
)
def test_bodies_that_are_not_json(status, text, kind, quoted):
    """A page's title or its text is what it says."""
    failure = judged(status, text=text)

    assert failure.kind is kind
    assert quoted in failure.message


def test_a_proxy_page_is_a_cut():
    """The provider did not answer, so the picture may be billed, and the proxy's owner has to act."""
    page = "<html><head><title>504 Gateway Time-out</title></head>\r\n<hr><center>nginx</center>"

    failure = failure_from(answer(504, text=page), stage=Stage.DONE, elapsed=60.04)

    assert (failure.kind, failure.billing) == (K.PROXY_CUT, Billing.AMBIGUOUS)
    assert failure.message == (
        "nginx, on the way to the provider, answered 504 after 60 s: "
        "it waited no longer, though the picture may still be made and billed."
    )
    assert failure.advice == (
        "Raise `proxy_read_timeout` there (60 s by default); more time on our side changes nothing."
    )


def test_a_proxy_that_refuses_has_not_cut():
    """The 413 of nginx is about our request, and says which setting."""
    failure = judged(413, text="<h1>413 Request Entity Too Large</h1><hr><center>nginx/1.22.1</center>")

    assert (failure.kind, failure.billing) == (K.INVALID, Billing.FREE)
    assert "client_max_body_size" in failure.advice


def test_an_item_is_judged_alone():
    """One refused item of a 200 takes the place of the document."""
    whole = answer(200, {"data": [{"url": "https://a.example"}, ark("OutputImageSensitiveContentDetected")]})

    assert failure_from(evolve(whole, json=whole.json["data"][1]), stage=Stage.BODY).kind is K.MODERATED


NAMES = ["error", "errors", "message", "localized_message", "detail", "code", "status", "status_code", "param", "type"]
NAMES += ["request_id", "details", "reason", "retryDelay", "violations", "quotaId", "quotaValue"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@pytest.mark.slow  # a hundred documents of up to twenty leaves
@given(st.integers(100, 999), JSON | JSON.map(json.dumps), st.text())
def test_any_json_is_judged(status, body, text):
    """No document raises; the failure is one that the table knows, with a message and advice for a person."""
    failure = failure_from(Reply(status=status, headers={}, json=body, text=text), stage=Stage.DONE)

    assert failure.kind in REACTIONS
    assert failure.message.endswith(".")
    assert failure.message.isprintable()
    assert failure.advice.endswith(".")
    assert carries_error(body) in {True, False}


def test_bottomless_json_is_judged():
    """What nests deeper than any relay does is not looked into."""
    russian_doll = {"code": "insufficient_quota"}
    for _ in range(50):
        russian_doll = {"error": russian_doll}

    assert judged(500, {"error": {"message": "[" * 100_000}}).kind is K.SERVER_ERROR
    assert judged(500, russian_doll).kind is K.SERVER_ERROR
