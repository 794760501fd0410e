"""The newer types against the emulator: what arrives there, byte for byte, what comes back, and what it costs."""

from base64 import b64encode
from decimal import Decimal
from io import BytesIO

import pytest
from attrs import evolve
from PIL import Image

from pixroute.errors import RequestFailed
from pixroute.fit import Unfit, fit
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.outcome import Billing, FailureKind
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy, RetryPolicy
from pixroute.request import ImageRequest, Reference
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.slow  # sockets, and pictures that are drawn

PATHS = {
    "xai": ("xai", "/v1", {}),
    "azure": ("azure-openai", "", {}),
    "azure-v1": ("azure-openai", "", {"api": "v1", "credential": "entra"}),
    "vertex": ("vertex", "/v1beta1", {"project": "one", "location": "europe-west4"}),
    "qwen": ("dashscope", "/api/v1", {}),
    "wan": ("dashscope", "/api/v1", {"model": "wan2.6-t2i"}),
    "first-qwen": ("dashscope", "/api/v1", {"model": "qwen-image"}),
    "sub2api": ("image-tasks", "/v1", {}),
    "evolink": ("image-tasks", "/evolink/v1", {"preset": "evolink"}),
    "apimart": ("image-tasks", "/apimart/v1", {"preset": "apimart", "model": "gemini-3-pro-image"}),
}
SUBMISSIONS = {"first-qwen": "dashscope-task", "sub2api": "tasks", "apimart": "apimart"}
"""Routes that take jobs: a fault is to strike these, and not the polls."""
PLAIN = {"model": "gpt-image-2", "prompt": "A lighthouse", "n": 1}


def _png(side: int = 64) -> bytes:
    written = BytesIO()
    Image.new("RGBA", (side, side), (0, 128, 128, 0)).save(written, "PNG")
    return written.getvalue()


PICTURE = _png()
URI = f"data:image/png;base64,{b64encode(PICTURE).decode()}"


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0) as running:
        yield running


@pytest.fixture
def ask(emulator):
    """Give a function that asks through a router of one provider, once."""

    async def ask_once(name, **request):
        type_, path, own = PATHS[name]
        spec = load_plugins().provider_type(type_)
        settings = spec.settings(
            base_url=emulator.http_url + path,
            api_key=Secret("sk-emulated"),
            plaintext="accept",
            allow_private_results=True,
            **own,
        )
        policy = Policy(retry=RetryPolicy(quick=False, rounds=()), max_attempts=1)
        providers = {"only": resolve(spec.create)("only", settings)}
        quick = Transport(pace=Pace(first_poll=0.01, longest_poll=0.05, fetch=2.0))
        chains = {"default": ["only"]}
        async with Router(providers=providers, chains=chains, policy=policy, transport=quick) as router:
            return await router.generate("A lighthouse", **{"size": "1K 16:9", **request})

    return ask_once


@pytest.fixture
def fail(emulator, ask):
    """Give a function that asks while a fault stands, and gives the failure and what the emulator billed."""

    async def fail_once(name, fault, **request):
        emulator.set_fault(SUBMISSIONS.get(name, "*"), fault)
        with pytest.raises(RequestFailed) as caught:
            await ask(name, **request)
        failure = caught.value.record.attempts[-1].failure
        assert failure
        await emulator.idle()
        return failure, emulator.ledger.billed

    return fail_once


def sent(emulator):
    (call,) = [call for call in emulator.requests if call.method == "POST"]
    return call


# What is sent

XAI = {"model": "grok-imagine-image", "prompt": "A lighthouse", "n": 1, "response_format": "b64_json"}
MESSAGE = {"messages": [{"role": "user", "content": [{"text": "A lighthouse"}]}]}
NATIVE = {"role": "user", "parts": [{"text": "A lighthouse"}]}
DEPLOYMENT = "/openai/deployments/gpt-image-2/images"


def native(**config):
    return {"contents": [NATIVE], "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": config}}


def qwen(size, **more):
    return {"model": "qwen-image-2.0", "input": MESSAGE, "parameters": {"size": size, "n": 1}, **more}


@pytest.mark.parametrize(
    ("name", "size", "path", "body", "pixels"),
    [
        ("xai", "1K 16:9", "/v1/images/generations", {**XAI, "resolution": "1k", "aspect_ratio": "16:9"}, (1360, 768)),
        ("xai", "2K", "/v1/images/generations", {**XAI, "resolution": "2k"}, (2048, 2048)),
        (
            "xai",
            "1K 13:6",
            "/v1/images/generations",
            {**XAI, "resolution": "1k", "aspect_ratio": "19.5:9"},
            (1504, 688),
        ),
        (
            "azure",
            "1K 16:9",
            f"{DEPLOYMENT}/generations",
            {"prompt": "A lighthouse", "size": "1360x768", "n": 1},
            (1360, 768),
        ),
        (
            "azure",
            "1000x1500",
            f"{DEPLOYMENT}/generations",
            {"prompt": "A lighthouse", "size": "1008x1488", "n": 1},
            None,
        ),
        ("azure-v1", "2K", "/openai/v1/images/generations", {**PLAIN, "size": "2048x2048"}, (2048, 2048)),
        (
            "vertex",
            "2K 16:9",
            "/v1beta1/projects/one/locations/europe-west4/publishers/google/models/gemini-3-pro-image:generateContent",
            native(aspectRatio="16:9", imageSize="2K"),
            (2752, 1536),
        ),
        ("qwen", "1K 16:9", "/api/v1/services/aigc/multimodal-generation/generation", qwen("1360*768"), (1360, 768)),
        ("qwen", "1200x900", "/api/v1/services/aigc/multimodal-generation/generation", qwen("1200*900"), (1200, 900)),
        (
            "wan",
            "1K 16:9",
            "/api/v1/services/aigc/multimodal-generation/generation",
            qwen("1712*960", model="wan2.6-t2i"),
            (1712, 960),
        ),
        (
            "first-qwen",
            "1K 16:9",
            "/api/v1/services/aigc/text2image/image-synthesis",
            {"model": "qwen-image", "input": {"prompt": "A lighthouse"}, "parameters": {"size": "1664*928", "n": 1}},
            (1664, 928),
        ),
        ("sub2api", "1K", "/v1/images/generations/async", {**PLAIN, "size": "1024x1024"}, (1024, 1024)),
        ("evolink", "1K 16:9", "/evolink/v1/images/generations", {**PLAIN, "size": "1360x768"}, (1360, 768)),
        (
            "apimart",
            "2K 16:9",
            "/apimart/v1/images/generations",
            {**PLAIN, "model": "gemini-3-pro-image", "size": "16:9", "resolution": "2K"},
            (2752, 1536),
        ),
    ],
)
async def test_each_size_is_said_as_documented(emulator, ask, name, size, path, body, pixels):
    """The whole request, by text alone; the picture that comes is as large as it was asked."""
    result = await ask(name, size=size)

    call = sent(emulator)
    assert (call.path, call.json) == (path, body)
    if pixels:
        assert (result.image.width, result.image.height) == pixels


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("xai", {"authorization": "Bearer sk-emulated"}),
        ("azure", {"api-key": "sk-emulated"}),
        ("azure-v1", {"authorization": "Bearer sk-emulated"}),
        ("vertex", {"authorization": "Bearer sk-emulated"}),
        ("qwen", {"authorization": "Bearer sk-emulated"}),
        ("first-qwen", {"authorization": "Bearer sk-emulated", "x-dashscope-async": "enable"}),
        ("sub2api", {"authorization": "Bearer sk-emulated"}),
    ],
)
async def test_the_key_goes_where_it_belongs(emulator, ask, name, headers):
    """In one header; what else a route wants stands beside it."""
    await ask(name)

    call = sent(emulator)
    assert {one: call.headers.get(one) for one in headers} == headers
    assert str(call.headers).count("sk-emulated") == 1


async def test_the_version_stands_in_the_query(emulator, ask):
    """As every Azure client says it."""
    await ask("azure")

    assert sent(emulator).query == {"api-version": "2025-04-01-preview"}


@pytest.mark.parametrize(
    ("name", "count", "path", "part"),
    [
        ("xai", 1, "/v1/images/edits", {"image": {"url": URI, "type": "image_url"}}),
        ("xai", 2, "/v1/images/edits", {"images": [{"url": URI, "type": "image_url"}] * 2}),
        ("apimart", 2, "/apimart/v1/images/generations", {"image_urls": [URI] * 2}),
        (
            "qwen",
            2,
            "/api/v1/services/aigc/multimodal-generation/generation",
            {"input": {"messages": [{"role": "user", "content": [{"image": URI}] * 2 + [{"text": "A lighthouse"}]}]}},
        ),
    ],
)
async def test_references_stand_in_json(emulator, ask, name, count, path, part):
    """Each in the place that is documented."""
    await ask(name, references=[PICTURE] * count)

    call = sent(emulator)
    assert call.path == path
    assert call.json.items() >= part.items()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("azure", f"{DEPLOYMENT}/edits"),
        ("azure-v1", "/openai/v1/images/edits"),
        ("sub2api", "/v1/images/edits/async"),
    ],
)
async def test_references_and_a_mask_stand_in_a_form(emulator, ask, name, path):
    """As OpenAI has it; the mask is a file of its own."""
    await ask(name, references=[PICTURE, PICTURE], mask=PICTURE)

    call = sent(emulator)
    assert call.path == path
    assert call.fields["image[]"] == [PICTURE, PICTURE]
    assert call.fields["mask"] == [PICTURE]


async def test_vertex_takes_references_and_a_format(emulator, ask):
    """A format may be asked for, which Google's other API does not know."""
    result = await ask("vertex", references=[PICTURE], output_format="jpeg")

    document = sent(emulator).json
    assert document["generationConfig"]["imageConfig"]["imageOutputOptions"] == {"mimeType": "image/jpeg"}
    assert document["contents"][0]["parts"][1]["inlineData"]["mimeType"] == "image/png"
    assert result.image.media_type == "image/jpeg"


# What comes back


@pytest.mark.parametrize(
    ("model", "size", "price"),
    [("grok-imagine-image", "1K", "0.02"), ("grok-imagine-image-2.0", "2K", "0.06")],
)
async def test_xai_says_what_it_cost(ask, monkeypatch, model, size, price):
    """In ticks of 1e-10 dollars, exactly."""
    monkeypatch.setitem(PATHS, "xai", ("xai", "/v1", {"model": model}))

    result = await ask("xai", size=size)

    assert result.cost.certain == Decimal(price)


KINDS = {
    "overloaded": FailureKind.OVERLOADED,
    "rate-limited": FailureKind.RATE_LIMITED,
    "quota": FailureKind.QUOTA,
    "bad-key": FailureKind.AUTH,
    "forbidden": FailureKind.FORBIDDEN,
    "model-gone": FailureKind.MODEL_GONE,
    "invalid": FailureKind.INVALID,
    "server-error": FailureKind.SERVER_ERROR,
}


@pytest.mark.parametrize("fault", KINDS)
@pytest.mark.parametrize("name", ["xai", "azure", "vertex", "qwen", "first-qwen", "sub2api"])
async def test_documented_errors_are_known(fail, name, fault):
    """Each by its kind; none of them is billed, there or here."""
    failure, billed = await fail(name, fault)

    assert (failure.kind, failure.billing, billed) == (KINDS[fault], Billing.FREE, 0)


@pytest.mark.parametrize(
    ("name", "fault", "kind"),
    [
        ("azure", "forbidden:variant=blocked", FailureKind.FORBIDDEN),
        ("qwen", "rate-limited:variant=under-200", FailureKind.RATE_LIMITED),
        ("first-qwen", "job-failed", FailureKind.SERVER_ERROR),
        ("sub2api", "job-failed", FailureKind.SERVER_ERROR),
    ],
)
async def test_what_only_one_of_them_says(fail, name, fault, kind):
    """A blocked resource is no refused prompt; an error may come under 200; a task may end in vain."""
    failure, _ = await fail(name, fault)

    assert failure.kind is kind


@pytest.mark.parametrize(
    ("name", "shape", "billing"),
    [
        ("xai", "flag", Billing.AMBIGUOUS),
        ("azure", "content-filter", Billing.FREE),
        ("azure", "content-policy", Billing.FREE),
        ("vertex", "image-safety", Billing.FREE),
        ("vertex", "blocked", Billing.FREE),
        ("qwen", "inspection", Billing.AMBIGUOUS),
        ("qwen", "under-200", Billing.AMBIGUOUS),
        ("first-qwen", "inspection", Billing.AMBIGUOUS),
        ("sub2api", "task", Billing.AMBIGUOUS),
        ("apimart", "task", Billing.FREE),
    ],
)
async def test_documented_refusals_are_known(fail, name, shape, billing):
    """In every form; what nobody says of the bill counts as possible."""
    failure, billed = await fail(name, f"refused:shape={shape}")

    assert (failure.kind, failure.billing) == (FailureKind.MODERATED, billing)
    assert billed == 0 or billing is not Billing.FREE


async def test_a_task_that_is_lost_is_told_so(emulator, ask):
    """The poll does not know it: it may have been made."""
    emulator.set_fault("tasks-poll", "job-lost")
    with pytest.raises(RequestFailed) as caught:
        await ask("sub2api", timeout=8)

    failure = caught.value.record.attempts[-1].failure
    assert failure
    assert failure.billing is Billing.AMBIGUOUS
    assert failure.kind is not FailureKind.INVALID


def test_a_mask_needs_a_provider_that_takes_it():
    """XAI takes none, so it is skipped; OpenAI's takes PNG alone."""
    plugins = load_plugins()
    xai = plugins.provider_type("xai")
    can = resolve(xai.create)("xai", xai.settings(api_key=Secret("k"))).capabilities()
    request = ImageRequest("A cat", references=[Reference(PICTURE)], mask=Reference(PICTURE, media_type="image/png"))

    assert fit(request, can) == Unfit("takes no mask")
    jpeg = evolve(request, mask=Reference(PICTURE, media_type="image/jpeg"))
    assert fit(jpeg, evolve(can, mask_formats={"png"})) == Unfit("takes masks as png, not jpeg")
