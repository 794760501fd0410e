"""What the newer types read and write, without a wire: words, states and tables of single models."""

import pytest

from pixroute import Billing, Failure, FailureKind, ImageRequest
from pixroute.http import Finished, Queued, Reply, Running
from pixroute_bfl.provider import Bfl, BflSettings
from pixroute_fal.provider import Fal, FalSettings
from pixroute_openrouter.provider import OpenRouter, OpenRouterSettings
from pixroute_replicate.provider import Replicate, ReplicateSettings
from pixroute_stability.provider import Stability, StabilitySettings

KEY = "k" * 20
MAKERS = {
    "bfl": (Bfl, BflSettings),
    "fal": (Fal, FalSettings),
    "openrouter": (OpenRouter, OpenRouterSettings),
    "replicate": (Replicate, ReplicateSettings),
    "stability": (Stability, StabilitySettings),
}


def made(name, **settings):
    create, kind = MAKERS[name]
    return create(name, kind(api_key=KEY, **settings))


def reply(document, status=200, **headers):
    return Reply(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}, json=document
    )


@pytest.mark.parametrize(
    ("name", "asked", "field", "said"),
    [
        ("bfl", "jpeg", "output_format", "jpeg"),
        ("fal", "png", "output_format", "png"),
        ("replicate", "jpeg", "output_format", "jpg"),
        ("replicate", "webp", "output_format", "webp"),
    ],
)
def test_a_format_is_said_in_the_upstreams_word(name, asked, field, said):
    sent = made(name).encode(ImageRequest("fox", size="1K", output_format=asked)).json

    assert sent.get("input", sent)[field] == said


def test_several_pictures_at_replicate():
    assert made("replicate").encode(ImageRequest("fox", n=3)).json == {"input": {"prompt": "fox", "num_outputs": 3}}


@pytest.mark.parametrize(
    ("status", "progress"),
    [("starting", Running()), ("processing", Running()), ("succeeded", Finished())],
)
def test_states_of_a_prediction(status, progress):
    """An output that is null while it runs is no failure."""
    assert made("replicate").progress(reply({"status": status, "output": None})) == progress


@pytest.mark.parametrize(
    ("document", "kind", "words"),
    [
        ({"status": "failed", "error": "CUDA out of memory"}, FailureKind.SERVER_ERROR, "CUDA out of memory"),
        ({"status": "canceled", "error": None}, None, "cancelled"),
        ({"status": "aborted"}, None, "aborted"),
        ({"status": "mislaid"}, FailureKind.PROTOCOL, "mislaid"),
    ],
)
def test_ends_of_a_prediction(document, kind, words):
    """`aborted` is final as `canceled` is; of none is known that it is free."""
    failure = made("replicate").progress(reply({"output": None, **document}))

    assert isinstance(failure, Failure)
    assert words in failure.message
    assert failure.billing is Billing.AMBIGUOUS
    assert kind is None or failure.kind is kind


def test_an_output_may_be_one_url():
    assert made("replicate").decode(reply({"output": "https://a.example/1.png"})) == ["https://a.example/1.png"]


@pytest.mark.parametrize("field", ["status", "state"])
def test_states_at_black_forest(field):
    """Some answers call it `state`."""
    bfl = made("bfl")

    assert bfl.progress(reply({field: "Pending"})) == Queued()
    assert bfl.progress(reply({field: "Ready"})) == Finished()
    assert bfl.progress(reply({field: "Failed", "details": "No GPU"})).billing is Billing.AMBIGUOUS
    with pytest.raises(ValueError, match="Task not found"):
        bfl.progress(reply({field: "Task not found"}))


@pytest.mark.parametrize(
    ("name", "model", "at_1k", "at_2k"),
    [
        ("bfl", "flux-2-max", "0.07", "0.16"),
        ("bfl", "flux-2-klein-4b", "0.014", None),
        ("fal", "fal-ai/flux/dev", "0.025", None),
        ("fal", "fal-ai/nano-banana-pro/edit", "0.15", "0.15"),
        ("stability", "ultra", "0.08", None),
        ("bfl", "flux-3", None, None),
        ("fal", "fal-ai/other", None, None),
        ("stability", "sd4", None, None),
    ],
)
def test_prices_that_are_known(name, model, at_1k, at_2k):
    """What is not known is None, never 0; what is says where it comes from."""
    price = made(name, model=model).price

    assert [price and price.at(size) and str(price.at(size)) for size in ("1K", "2K")] == [at_1k, at_2k]
    assert price is None or "November 2026" in price.source


@pytest.mark.parametrize(
    ("model", "classes", "references"),
    [
        ("google/gemini-3-pro-image", {"1K", "2K", "4K"}, 14),
        ("google/gemini-3.1-flash-lite-image", {"1K"}, 14),
        ("black-forest-labs/flux-2", {"1K", "2K", "4K"}, 1),
    ],
)
def test_models_at_openrouter(model, classes, references):
    can = made("openrouter", model=model).capabilities()

    assert (can.resolutions, can.references) == (classes, references)


def test_an_answer_of_openrouter_without_a_cost():
    """It is unknown then."""
    details = made("openrouter").details(reply({"usage": {"cost": None}}, x_provider_name="Somebody"))

    assert (details.cost, details.served_by) == (None, "Somebody")


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (504, {"x_fal_request_timeout_type": "user"}, FailureKind.TIMEOUT),
        (504, {"x_fal_request_id": "r"}, FailureKind.SERVER_ERROR),
        (504, {}, None),
        (500, {"x_fal_request_id": "r"}, None),
    ],
)
def test_three_kinds_of_504(status, headers, kind):
    """Of somebody on the way, and anything else, the library knows."""
    failure = made("fal").classify(reply({"detail": "Request timed out"}, status, **headers))

    assert (failure and failure.kind) == kind


def test_one_picture_in_place_of_a_list_at_fal():
    assert made("fal").decode(reply({"image": {"url": "https://a.example/1.png"}})) == ["https://a.example/1.png"]
