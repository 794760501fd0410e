"""Every provider type in every dialect on both ports, against the emulator: what arrives there, what comes back."""

from io import BytesIO
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from pixroute.errors import RequestFailed
from pixroute.outcome import Billing, FailureKind
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy, RetryPolicy
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.tls import make_certificate

pytestmark = pytest.mark.slow  # sockets, TLS, and pictures that are drawn

BANANA = {
    "model": "nano-banana-pro",
    "prompt": "A lighthouse",
    "size": "1376x768",
    "n": 1,
    "response_format": "url",
}
NATIVE = {
    "contents": [{"role": "user", "parts": [{"text": "A lighthouse"}]}],
    "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9", "imageSize": "1K"}},
}
SEEDREAM = {
    "model": "seedream-4-5-251128",
    "prompt": "A lighthouse",
    "size": "2560x1440",
    "response_format": "url",
    "watermark": False,
}
OPENAI = {"model": "gpt-image-2", "prompt": "A lighthouse", "size": "1360x768", "n": 1}


def speaker(type_, path, route, sent, pixels, *, key="authorization", **settings):
    return SimpleNamespace(type=type_, path=path, route=route, sent=sent, pixels=pixels, key=key, settings=settings)


SPEAKERS = {
    "banana-http images": speaker("nano-banana-pro-http", "", "images", BANANA, (1376, 768), api="images"),
    "banana-https images": speaker("nano-banana-pro-https", "", "images", BANANA, (1376, 768), api="images"),
    "banana-http native": speaker("nano-banana-pro-http", "", "native", NATIVE, (1376, 768), api="native"),
    "banana-https native": speaker("nano-banana-pro-https", "", "native", NATIVE, (1376, 768), api="native"),
    "seedream apiyi": speaker("seedream", "/v1", "images", SEEDREAM, (2560, 1440)),
    "seedream ark": speaker("seedream", "/api/v3", "ark", SEEDREAM, (2560, 1440), via="ark"),
    "gemini": speaker("gemini", "/v1beta", "native", NATIVE, (1376, 768), key="x-goog-api-key"),
    "openai-images": speaker("openai-images", "/v1", "images", OPENAI, (1360, 768)),
}
SERIES = {"series": speaker("seedream", "/v1", "images", None, (2560, 1440), sequential=True)}
BANANAS = [name for name in SPEAKERS if name.startswith("banana")]
NATIVES = [name for name, one in SPEAKERS.items() if one.route == "native"]
ARKS = ["seedream apiyi", "seedream ark"]


@pytest.fixture(scope="module")
def certificate():
    return make_certificate("localhost", "127.0.0.1")


@pytest.fixture
async def emulator(certificate):
    async with Emulator(time_scale=0, certificate=certificate[0]) as running:
        yield running


@pytest.fixture
def ask(emulator, certificate, tmp_path: Path):
    """Give a function that asks through a router of one provider, once."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text(certificate[1])

    async def ask_once(name, port="http", **request):
        one = (SPEAKERS | SERIES)[name]
        spec = load_plugins().provider_type(one.type)
        settings = spec.settings(
            base_url=(emulator.https_url if port == "https" else emulator.http_url) + one.path,
            api_key=Secret("sk-emulated"),
            plaintext="accept",
            ca_file=str(ca_file),
            allow_private_results=True,
            **one.settings,
        )
        policy = Policy(retry=RetryPolicy(quick=False, rounds=()), max_attempts=1)
        providers = {"only": resolve(spec.create)("only", settings)}
        async with Router(providers=providers, chains={"default": ["only"]}, policy=policy) as router:
            return await router.generate("A lighthouse", **{"size": "1K 16:9", **request})

    return ask_once


@pytest.fixture
def fail(emulator, ask):
    """Give a function that asks while a fault stands, and gives the failure."""

    async def fail_once(name, fault, **request):
        emulator.set_fault("*", fault)
        with pytest.raises(RequestFailed) as caught:
            await ask(name, **request)
        failure = caught.value.record.attempts[-1].failure
        assert failure
        return failure

    return fail_once


@pytest.mark.parametrize("port", ["http", "https"])
@pytest.mark.parametrize("name", SPEAKERS)
async def test_a_picture_of_the_asked_shape_arrives(emulator, ask, name, port):
    """The documented request arrives with the key in its header, and the picture comes back, by URL or inline."""
    one = SPEAKERS[name]

    result = await ask(name, port)

    (call,) = [call for call in emulator.requests if call.method == "POST"]
    assert (call.route, call.listener) == (one.route, port)
    assert call.json == one.sent
    assert call.headers[one.key].removeprefix("Bearer ") == "sk-emulated"
    assert (result.image.width, result.image.height) == one.pixels


@pytest.mark.parametrize("name", SPEAKERS)
async def test_references_arrive(emulator, ask, name):
    """Two pictures to follow: accepted by every upstream as it documents them."""
    picture = BytesIO()
    Image.new("RGB", (64, 64), "teal").save(picture, "PNG")

    await ask(name, references=[picture.getvalue()] * 2)

    (call,) = [call for call in emulator.requests if call.method == "POST"]
    if call.route == "edits":
        assert call.fields["image[]"] == [picture.getvalue()] * 2
    else:
        assert str(call.json).count("iVBORw0KGgo") == 2


@pytest.mark.parametrize(
    ("name", "shape", "kind", "billing"),
    [
        *[(name, "own", FailureKind.MODERATED, Billing.FREE) for name in ("gemini", "openai-images", *ARKS)],
        *[(name, "own", FailureKind.MODERATED, Billing.BILLED) for name in BANANAS if name in NATIVES],
        *[(name, "own", FailureKind.MODERATED, Billing.FREE) for name in BANANAS if name not in NATIVES],
        *[(name, "prohibited", FailureKind.MODERATED, ...) for name in NATIVES],
        *[(name, shape, FailureKind.EMPTY, Billing.BILLED) for name, shape in product(NATIVES, ["no-image", "text"])],
        *[(name, "image-other", FailureKind.EMPTY, Billing.BILLED) for name in NATIVES],
        *[(name, shape, FailureKind.MODERATED, Billing.FREE) for name, shape in product(ARKS, ["input", "item"])],
        *[(name, "whole-200", FailureKind.MODERATED, Billing.FREE) for name in ARKS],
    ],
)
async def test_refusals_in_every_shape(fail, name, shape, kind, billing):
    """Under 200 or 400, as error, reason or item: the kind, and whether it costs a picture."""
    failure = await fail(name, f"refused:shape={shape}")

    assert failure.kind is kind
    assert billing in (..., failure.billing)


ERRORS = {
    "overloaded": FailureKind.OVERLOADED,
    "overloaded:variant=saturated": FailureKind.OVERLOADED,
    "rate-limited": FailureKind.RATE_LIMITED,
    "quota": FailureKind.QUOTA,
    "bad-key": FailureKind.AUTH,
    "forbidden": FailureKind.FORBIDDEN,
    "model-gone": FailureKind.MODEL_GONE,
    "model-gone:variant=unsupported": FailureKind.MODEL_GONE,
    "invalid": FailureKind.INVALID,
    "server-error": FailureKind.SERVER_ERROR,
    "server-error:variant=empty-502": FailureKind.SERVER_ERROR,
    "deadline": FailureKind.SERVER_ERROR,
    "error-in-200:of=overloaded": FailureKind.OVERLOADED,
    "error-in-200:of=quota": FailureKind.QUOTA,
    "array-error:of=overloaded": FailureKind.OVERLOADED,
    "nested-error:of=overloaded": FailureKind.OVERLOADED,
    "empty": FailureKind.EMPTY,
    "empty:shape=null": FailureKind.EMPTY,
    "empty:shape=text": FailureKind.EMPTY,
    "wrong-size:to=256x256": FailureKind.UNDERSIZED,
    "not-an-image": FailureKind.BAD_IMAGE,
}


@pytest.mark.parametrize(("fault", "kind"), ERRORS.items())
@pytest.mark.parametrize("name", SPEAKERS)
async def test_errors_in_every_voice(fail, name, fault, kind):
    """Each upstream's own words become the same kind."""
    assert (await fail(name, fault)).kind is kind


@pytest.mark.parametrize("fault", ["several-images", "markdown", "data-uri", "text-url", "wrong-mime"])
@pytest.mark.parametrize("name", NATIVES)
async def test_odd_ways_to_deliver_natively(emulator, ask, name, fault):
    """Drafts before it, a URL or Markdown in a text part, a data URI, another type than said: the picture is found."""
    emulator.set_fault("native", fault)

    result = await ask(name)

    assert (result.image.width, result.image.height) == SPEAKERS[name].pixels


@pytest.mark.parametrize("name", BANANAS)
async def test_an_unsupported_route_advises_the_native_one(fail, name):
    """Only where there is another to advise."""
    failure = await fail(name, "model-gone:variant=unsupported")

    assert ('api = "native"' in failure.advice) == (name not in NATIVES)


async def test_a_series_keeps_what_was_made(emulator, ask):
    """Of three pictures one is refused: the result has the others, and says what is missing."""
    emulator.set_fault("seedream", "refused:shape=item")

    result = await ask("series", n=3)

    assert len(result.images) == 2
    assert [missing.failure.kind for missing in result.missing] == [FailureKind.MODERATED]
