"""Seedream at APIYI and at Ark (upstreams §4)."""

from decimal import Decimal

import pytest

from pixroute.fit import Fit, Unfit, fit
from pixroute.http.call import Call, Details, Reply
from pixroute.latency import Quantiles
from pixroute.outcome import Billing, Failure, FailureKind
from pixroute.request import ImageRequest
from pixroute.secret import Secret
from pixroute_seedream import pixroute_providers
from pixroute_seedream.provider import Seedream, SeedreamSettings

# The presets of upstreams §4.3, and shapes and classes that have none.
SIZES = {
    ("2K", "1:1"): "2048x2048",
    ("2K", "4:3"): "2304x1728",
    ("2K", "3:4"): "1728x2304",
    ("2K", "16:9"): "2560x1440",
    ("2K", "9:16"): "1440x2560",
    ("2K", "3:2"): "2496x1664",
    ("2K", "2:3"): "1664x2496",
    ("2K", "21:9"): "3024x1296",
    ("4K", "1:1"): "4096x4096",
    ("4K", "4:3"): "4694x3520",
    ("4K", "3:4"): "3520x4694",
    ("4K", "16:9"): "5404x3040",
    ("4K", "9:16"): "3040x5404",
    ("4K", "3:2"): "4992x3328",
    ("4K", "2:3"): "3328x4992",
    ("4K", "21:9"): "6198x2656",
    ("4K", "9:21"): "2656x6198",
    ("2K", "5:4"): "2288x1824",
    ("2K", "16:1"): "8192x512",
    ("4K", "1:16"): "1024x16384",
}
PNG = b"\x89PNG\r\n\x1a\n"
PNG_URI = "data:image/png;base64,iVBORw0KGgo="


def provider(**settings):
    return Seedream("seedream", SeedreamSettings(api_key=Secret("sk-test"), **settings))


def asked(seedream, request):
    fitted = fit(request, seedream.capabilities())
    assert isinstance(fitted, Fit)
    return seedream.encode(fitted.request)


def reply(document, status=200):
    return Reply(status=status, headers={}, json=document)


def test_it_asks_in_pixels_without_a_watermark():
    """The whole request: nothing that 4.5 ignores, no series for one picture."""
    call = asked(provider(), ImageRequest("A cat", size="2K 16:9", output_format="png"))

    assert call == Call.post(
        "images/generations",
        json={
            "model": "seedream-4-5-251128",
            "prompt": "A cat",
            "size": "2560x1440",
            "response_format": "url",
            "watermark": False,
        },
    )


@pytest.mark.parametrize(("wish", "size"), SIZES.items())
def test_every_class_and_shape_has_its_pixels(wish, size):
    """A preset where there is one, else as many pixels in the asked shape."""
    resolution, ratio = wish

    assert asked(provider(), ImageRequest("A cat", size=f"{resolution} {ratio}")).json["size"] == size


@pytest.mark.parametrize(
    ("model", "wish", "size"),
    [
        ("seedream-4-5-251128", "2600x1500", "2600x1500"),  # legal as it is
        ("seedream-4-5-251128", "1500x1500", "2048x2048"),  # 2K, but too small to be asked exactly
        ("seedream-4-5-251128", "1K", "2048x2048"),  # 4.5 makes no 1K
        ("seedream-4-5-251128", None, "2048x2048"),
        ("seedream-4-0-250828", "1K 16:9", "1360x768"),
        ("seedream-4-0-250828", None, "1024x1024"),
        ("seedream-5-0-pro-260628", "2K", "2048x2048"),
        ("seedream-5-0-flash-260915", "1K 16:9", "1360x768"),
        ("seedream-5-0-260128", "1K", "2048x2048"),
        ("seedream-5-5-261028", "2K 4:3", "2304x1728"),
        ("doubao-seedream-4-0-250828", "1K", "1024x1024"),
        ("ep-20261122-abc", "4K", "4096x4096"),
    ],
)
def test_sizes_follow_the_models_limits(model, wish, size):
    """What is too small for a model becomes the next class; exact sizes within its range stay."""
    assert asked(provider(model=model), ImageRequest("A cat", size=wish)).json["size"] == size


@pytest.mark.parametrize(
    ("model", "wish"),
    [("seedream-5-0-260128", "4K"), ("seedream-5-0-pro-260628", "4K"), ("seedream-4-5-251128", "9000x9000")],
)
def test_what_a_model_cannot_make_is_not_asked(model, wish):
    """4K is never made smaller."""
    assert isinstance(fit(ImageRequest("A cat", size=wish), provider(model=model).capabilities()), Unfit)


def test_references_are_data_uris():
    """Inline, for a URL that Ark cannot fetch is a 400 that looks like our mistake."""
    call = asked(provider(), ImageRequest("A cat", size="2K", references=[PNG, PNG]))

    assert call.path == "images/generations"
    assert call.json["image"] == [PNG_URI, PNG_URI]


@pytest.mark.parametrize(
    ("via", "model", "most"),
    [
        ("apiyi", "seedream-4-5-251128", 10),
        ("ark", "seedream-4-5-251128", 14),
        ("ark", "seedream-5-0-pro-260628", 10),
        ("volcengine", "doubao-seedream-4-5-251128", 14),
    ],
)
def test_each_way_has_its_number_of_references(via, model, most):
    """The aggregator says ten, Ark fourteen; two models take no more than ten anywhere."""
    assert provider(via=via, model=model).capabilities().references == most


def test_inside_china_the_host_the_model_and_the_price_are_others():
    """The host and the model's name are known; the price is not, and unknown is never 0."""
    seedream = provider(via="volcengine")

    assert seedream.settings.base_url == "https://ark.cn-beijing.volces.com/api/v3"
    assert seedream.model == "doubao-seedream-4-5-251128"
    assert seedream.price is None
    assert asked(seedream, ImageRequest("A cat", size="2K")).json["model"] == "doubao-seedream-4-5-251128"


def test_a_series_is_one_call():
    """Where asked for in the settings, n pictures are one series; input and output share 15 places."""
    seedream = provider(sequential=True, via="ark")
    call = asked(seedream, ImageRequest("A cat", size="2K", n=4, references=[PNG] * 13))

    assert seedream.capabilities().max_images == 15
    assert call.json["sequential_image_generation"] == "auto"
    assert call.json["sequential_image_generation_options"] == {"max_images": 2}


@pytest.mark.parametrize(
    "settings", [{}, {"sequential": True, "model": "seedream-5-0-pro-260628"}], ids=["default", "5.0 pro"]
)
def test_without_a_series_every_picture_is_a_call(settings):
    """The model may make fewer of a series, `n` is ignored, and 5.0 pro refuses the very field."""
    assert provider(**settings).capabilities().max_images == 1


@pytest.mark.parametrize(
    ("model", "output_format", "sent"),
    [
        ("seedream-5-0-260128", "png", "png"),
        ("seedream-5-0-260128", "webp", None),
        ("seedream-5-0-260128", None, None),
        ("seedream-4-5-251128", "png", None),
    ],
)
def test_a_format_is_asked_where_it_can_be(model, output_format, sent):
    """4.x makes JPEG only and knows no such field."""
    call = asked(provider(model=model), ImageRequest("A cat", size="2K", output_format=output_format))

    assert call.json.get("output_format") == sent


def test_a_picture_and_a_refused_item():
    """The documented answer with a partial failure: one picture, one reason."""
    sensitive = {"code": "OutputImageSensitiveContentDetected", "message": "May contain sensitive information."}
    answer = reply(
        {
            "model": "seedream-4-5-251128",
            "created": 1795305600,
            "data": [{"url": "https://a/1.jpg", "size": "2048x2048"}, {"error": sensitive}],
            "usage": {"generated_images": 1, "output_tokens": 16384, "total_tokens": 16384},
        }
    )
    seedream = provider()

    assert seedream._refusal(answer) is None
    picture, failure = seedream.decode(answer)
    assert picture == "https://a/1.jpg"
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.billing) == (FailureKind.MODERATED, Billing.FREE)
    assert seedream.details(answer).model == "seedream-4-5-251128"
    assert seedream.details(reply({})) == Details()


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (400, "InvalidParameter", "image size must be at least 3686400 pixels.", FailureKind.INVALID),
        (400, "InvalidParameter", "Timeout while downloading url=http://a", FailureKind.SERVER_ERROR),
        (400, "InputTextSensitiveContentDetected.PolicyViolation", "No.", FailureKind.MODERATED),
        (400, "OutputImageSensitiveContentDetected", "No.", FailureKind.MODERATED),
        (200, "OutputImageSensitiveContentDetected", "No.", FailureKind.MODERATED),
        (200, "InternalServiceError", "The service failed.", FailureKind.SERVER_ERROR),
        (401, "AuthenticationError", "The API key is missing or invalid.", FailureKind.AUTH),
        (403, "AccountOverdueError", "Overdue.", FailureKind.QUOTA),
        (404, "InvalidEndpointOrModel.NotFound", "The model does not exist.", FailureKind.MODEL_GONE),
        (404, "ModelNotOpen", "Not activated.", FailureKind.MODEL_GONE),
        (429, "RateLimitExceeded.EndpointRPMExceeded", "Slow.", FailureKind.RATE_LIMITED),
        (429, "ServerOverloaded", "Busy.", FailureKind.OVERLOADED),
        (429, "SetLimitExceeded", "Paused.", FailureKind.QUOTA),
        (500, "InternalServiceError", "The service failed.", FailureKind.SERVER_ERROR),
    ],
)
def test_arks_errors_are_known(status, code, message, kind):
    """The code counts before the status (upstreams §4.5); none of them is billed."""
    document = {"error": {"code": code, "message": message, "param": "", "type": ""}}

    failure = provider()._refusal(reply(document, status=status))

    assert failure
    assert (failure.kind, failure.billing) == (kind, Billing.FREE)


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("seedream-4-0-250828", "0.03"),
        ("seedream-4-5-251128", "0.04"),
        ("doubao-seedream-4-5-251128", "0.04"),
        ("seedream-5-0-260128", "0.035"),
        ("seedream-5-0-pro-260628", "0.12"),
        ("seedream-5-0-flash-260915", "0.018"),
        ("seedream-5-5-261028", None),
        ("ep-20261122-abc", None),
    ],
)
def test_the_price_is_the_models(model, price):
    """Unknown stays unknown, never 0."""
    table = provider(model=model).price

    assert (table and table.at("2K")) == (price and Decimal(price))


def test_times_are_known_for_4_5_alone():
    """Another model has the library's guess from the time-out."""
    assert provider().latency.at("2K", 300) == Quantiles(11, 17, 25)
    assert provider().latency.at("4K", 600) == Quantiles(18, 27, 40)
    assert provider(model="seedream-4-0-250828").latency.at("2K", 300) == Quantiles(60, 120, 180)


def test_the_way_decides_the_address():
    """An address that was given stands."""
    (spec,) = pixroute_providers()

    assert spec.settings().base_url == "https://api.apiyi.com/v1"
    assert spec.settings(via="ark").base_url == "https://ark.ap-southeast.bytepluses.com/api/v3"
    assert spec.settings(via="ark", base_url="http://localhost/api/v3").base_url == "http://localhost/api/v3"


def test_an_unknown_way_is_a_mistake_that_names_the_known():
    """Found when the configuration is read."""
    with pytest.raises(ValueError, match=r'"apiyi", "ark" or "volcengine"'):
        SeedreamSettings(via="fal")
