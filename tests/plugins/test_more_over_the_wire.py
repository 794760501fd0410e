"""Upstreams with jobs, forms and bytes, jobs and results on another origin of the emulator: calls, kinds, bills."""

from types import SimpleNamespace

import pytest

from pixroute.errors import RequestFailed
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.outcome import Billing, FailureKind
from pixroute.plugins import load_plugins, resolve
from pixroute.policy import Policy, RetryPolicy
from pixroute.request import Reference
from pixroute.routing.router import Router
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.services import BY_NAME
from pixroute.testing.fake import blank_png

pytestmark = pytest.mark.slow  # sockets, and pictures that are drawn

KEY = "sk-emulated"
PATHS = {"openrouter": "/api/v1", "fal": "", "replicate": "/v1", "bfl": "/v1", "stability": "/v2beta"}
JOBS = ("fal", "replicate", "bfl")
VARIANTS = {
    "openrouter": {},
    "fal": {},
    "fal by class": {"model": "fal-ai/nano-banana-pro"},
    "replicate": {},
    "bfl": {},
    "stability": {},
    "stability json": {"answer": "json"},
    "stability sd3": {"model": "sd3.5-large"},
}
PICTURE = Reference(data=blank_png(64, 64), media_type="image/png")
URI = "data:image/png;base64,"


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0, second=True) as running:
        yield running


@pytest.fixture
def ask(emulator):
    """Give a function that asks through a router of one provider, once."""

    async def ask_once(name, *, own=None, **request):
        type_ = name.split()[0]
        spec = load_plugins().provider_type(type_)
        job = {"job_origins": (emulator.second_url,)} if type_ in JOBS else {}
        settings = spec.settings(
            base_url=emulator.http_url + PATHS[type_],
            api_key=Secret(KEY),
            plaintext="accept",
            allow_private_results=True,
            **{**job, **VARIANTS.get(name, {}), **(own or {})},
        )
        router = Router(
            providers={"only": resolve(spec.create)("only", settings)},
            chains={"default": ["only"]},
            policy=Policy(retry=RetryPolicy(quick=False, rounds=()), max_attempts=1),
            transport=Transport(pace=Pace(first_poll=0.01, longest_poll=0.02, fetch=1.0, fetch_pause=0.01)),
        )
        async with router:
            return await router.generate("A lighthouse", **{"size": "1K", **request})

    return ask_once


@pytest.mark.parametrize("name", VARIANTS)
async def test_a_picture_arrives_and_is_billed_once(emulator, ask, name):
    result = await ask(name)
    await emulator.idle()

    assert min(result.image.width, result.image.height) >= 640
    assert (emulator.ledger.received, emulator.ledger.billed) == (1, 1)
    assert sum(call.method == "POST" for call in emulator.requests) == 1


@pytest.mark.parametrize("name", JOBS)
async def test_jobs_and_results_lie_on_the_second_origin(emulator, ask, name):
    await ask(name)

    later = [call for call in emulator.requests if call.method == "GET"]
    files = [call for call in later if call.route == "files"]
    assert {call.origin for call in files} == {emulator.second_url}
    assert all(KEY not in str(call.headers) for call in files)
    assert all(KEY in str(call.headers) for call in later if call.route != "files")


async def test_a_job_elsewhere_is_not_asked_for(emulator, ask):
    with pytest.raises(RequestFailed, match="does not trust host"):
        await ask("bfl", own={"job_origins": ()})

    assert [call.method for call in emulator.requests] == ["POST"]


def sent(emulator):
    call = emulator.requests[0]
    return SimpleNamespace(path=call.path, json=call.json, fields=dict(call.fields), headers=call.headers)


SAID = {
    "openrouter": (
        "/api/v1/images",
        {"model": "google/gemini-3-pro-image", "prompt": "A lighthouse", "resolution": "2K", "aspect_ratio": "16:9"},
        "2K 16:9",
    ),
    "fal": (
        "/fal-ai/flux/dev",
        {"prompt": "A lighthouse", "image_size": {"width": 1360, "height": 768}, "num_images": 1},
        "1K 16:9",
    ),
    "fal by class": (
        "/fal-ai/nano-banana-pro",
        {"prompt": "A lighthouse", "resolution": "4K", "aspect_ratio": "3:2", "num_images": 1},
        "4K 3:2",
    ),
    "replicate": (
        "/v1/models/black-forest-labs/flux-schnell/predictions",
        {"input": {"prompt": "A lighthouse", "aspect_ratio": "9:16"}},
        "1K 9:16",
    ),
    "bfl": ("/v1/flux-2-pro", {"prompt": "A lighthouse", "width": 1920, "height": 1072}, "1920x1072"),
}


@pytest.mark.parametrize("name", SAID)
async def test_text_is_asked_for_as_documented(emulator, ask, name):
    path, body, size = SAID[name]
    await ask(name, size=size)

    assert (sent(emulator).path, sent(emulator).json) == (path, body)


@pytest.mark.parametrize(
    ("size", "said"),
    [("1K", None), ("1K 16:9", "16:9"), ("1K 9:16", "9:16"), ("1K 21:9", "21:9"), ("1K 4:5", "4:5")],
)
async def test_stability_is_asked_by_a_form(emulator, ask, size, said):
    await ask("stability", size=size, output_format="jpeg")

    shape = {} if said is None else {"aspect_ratio": [said]}
    assert sent(emulator).path == "/v2beta/stable-image/generate/core"
    assert sent(emulator).fields == {"prompt": ["A lighthouse"], "output_format": ["jpeg"], **shape}
    assert sent(emulator).headers["accept"] == "image/*"


@pytest.mark.parametrize(
    ("size", "sides"),
    [("1K", (1024, 1024)), ("2K", (2048, 2048)), ("2K 16:9", (2720, 1536)), ("1920x1080", (2720, 1536))],
)
async def test_sides_are_multiples_of_16_at_black_forest(emulator, ask, size, sides):
    """What is not is served by the class that is large enough."""
    await ask("bfl", size=size)

    assert (sent(emulator).json["width"], sent(emulator).json["height"]) == sides


async def test_references_are_sent_as_documented(emulator, ask):
    await ask("openrouter", references=[PICTURE])

    ((entry),) = sent(emulator).json["input_references"]
    assert entry["type"] == "image_url"
    assert entry["image_url"]["url"].startswith(URI)


async def test_references_at_black_forest_are_numbered(emulator, ask):
    await ask("bfl", references=[PICTURE, PICTURE])

    images = {name for name in sent(emulator).json if name.startswith("input_image")}
    assert images == {"input_image", "input_image_2"}
    assert not sent(emulator).json["input_image"].startswith("data:")


async def test_references_at_fal(emulator, ask):
    await ask("fal", own={"model": "fal-ai/flux-2/edit"}, references=[PICTURE])

    assert sent(emulator).path == "/fal-ai/flux-2/edit"
    assert sent(emulator).json["image_urls"][0].startswith(URI)


async def test_references_at_replicate(emulator, ask):
    """By the name that the model gives them; a version goes by itself."""
    await ask(
        "replicate",
        own={"model": "acme/edit:0123abc", "references_as": "image_input", "max_references": 2},
        references=[PICTURE],
    )

    assert sent(emulator).path == "/v1/predictions"
    assert sent(emulator).json["version"] == "0123abc"
    assert sent(emulator).json["input"]["image_input"][0].startswith(URI)
    assert sent(emulator).headers["prefer"] == "wait=60"


async def test_references_at_stability(emulator, ask):
    await ask("stability sd3", references=[PICTURE])

    fields = sent(emulator).fields
    assert fields.keys() == {"prompt", "model", "mode", "image", "strength"}
    assert fields["image"] == [PICTURE.data]


KINDS = {
    "overloaded": FailureKind.OVERLOADED,
    "rate-limited": FailureKind.RATE_LIMITED,
    "quota": FailureKind.QUOTA,
    "forbidden": FailureKind.FORBIDDEN,
    "model-gone": FailureKind.MODEL_GONE,
    "invalid": FailureKind.INVALID,
    "server-error": FailureKind.SERVER_ERROR,
    "bad-key": FailureKind.AUTH,
    "empty": FailureKind.EMPTY,
    "wrong-size": FailureKind.UNDERSIZED,
    "not-an-image": FailureKind.BAD_IMAGE,
    "nginx-504": FailureKind.PROXY_CUT,
    "reset": FailureKind.DISCONNECTED,
}
OWN = {
    "fal": {
        "job-failed": FailureKind.SERVER_ERROR,
        "nsfw-flag": FailureKind.MODERATED,
        "fal-own-limit": FailureKind.TIMEOUT,
        "fal-runner-late": FailureKind.SERVER_ERROR,
    },
    "replicate": {"job-failed": FailureKind.SERVER_ERROR},
    "bfl": {"job-failed": FailureKind.SERVER_ERROR},
    "stability": {"blurred": FailureKind.MODERATED},
    "stability json": {"blurred": FailureKind.MODERATED},
}
CASES = [
    *((name, fault, kind) for name in ("openrouter", *JOBS, "stability json") for fault, kind in KINDS.items()),
    ("stability", "truncated-image", FailureKind.BAD_IMAGE),
    *((name, fault, kind) for name, faults in OWN.items() for fault, kind in faults.items()),
    *((name, f"refused:shape={shape}", FailureKind.MODERATED) for name in PATHS for shape in BY_NAME[name].refusals),
]


@pytest.mark.parametrize(("name", "fault", "kind"), CASES)
async def test_every_fault_has_its_kind_and_its_bill(emulator, ask, name, fault, kind):
    """What we hold for free was not billed, what we hold for billed was."""
    emulator.set_fault(name.split()[0], f"{fault}:after=0" if fault == "nginx-504" else fault)
    with pytest.raises(RequestFailed) as failed:
        await ask(name)
    await emulator.idle()

    attempt = failed.value.record.attempts[-1]
    assert attempt.kind is kind, attempt.failure
    billed = emulator.ledger.billed
    assert {Billing.FREE: billed == 0, Billing.BILLED: billed == 1, Billing.AMBIGUOUS: True}[attempt.billing]


@pytest.mark.parametrize("name", JOBS)
@pytest.mark.parametrize("fault", ["job-lost", "overloaded", "reset", "rate-limited"])
async def test_a_poll_that_fails_is_asked_again(emulator, ask, name, fault):
    """The job was paid for."""
    emulator.script(f"{name}-poll", fault, fault)
    if name == "replicate":  # the wait is over before it is polled
        emulator.set_fault("replicate", "queue:seconds=0.1")
    result = await ask(name)

    assert result.image.width
    assert emulator.ledger.billed == 1


async def test_what_openrouter_tells_of_itself(ask):
    """The exact cost, who made it, and its own id."""
    result = await ask("openrouter")
    attempt = result.record.attempts[0]

    assert str(result.cost.certain) == "0.03422675"
    assert attempt.facts["served_by"] == "Google AI Studio"


async def test_what_black_forest_tells_of_its_price(ask):
    """Credits of the submission: two dollar cents and a bit for each megapixel."""
    result = await ask("bfl", size="2K")

    assert str(result.cost.certain) == "0.075"


async def test_of_two_pictures_one_flagged_one_arrives(emulator, ask):
    emulator.set_fault("fal", "nsfw-flag")
    result = await ask("fal", n=2)

    assert len(result.images) == 1


@pytest.mark.parametrize("name", ["openrouter", "stability"])
async def test_a_server_error_may_have_cost(emulator, ask, name):
    """Neither says that it is free."""
    emulator.set_fault(name, "server-error")
    with pytest.raises(RequestFailed) as failed:
        await ask(name)

    assert failed.value.record.attempts[-1].billing is Billing.AMBIGUOUS


TURNS = ("overloaded", "quota", "model-gone", "bad-key", "server-error", "reset", "nginx-504:after=0", "wrong-size")


@pytest.mark.parametrize("fault", TURNS)
async def test_a_chain_of_all_in_which_each_fails_in_turn(emulator, fault):
    """Every other is asked once, in order; the last delivers; what is held for billed was billed."""
    chain, providers = (*JOBS, "stability", "openrouter"), {}
    for name in chain:
        spec = load_plugins().provider_type(name)
        job = {"job_origins": (emulator.second_url,)} if name in JOBS else {}
        where = {"base_url": emulator.http_url + PATHS[name], "plaintext": "accept", "allow_private_results": True}
        providers[name] = resolve(spec.create)(name, spec.settings(api_key=Secret(f"{KEY}-{name}"), **where, **job))
        if name != chain[-1]:
            emulator.set_fault(name, fault)
    once = RetryPolicy(quick=False, rounds=())
    policy = Policy(retry=once, max_attempts=len(chain), max_possibly_billed=len(chain))
    pace = Pace(first_poll=0.01, longest_poll=0.02, fetch=1.0, fetch_pause=0.01)
    async with Router(
        providers=providers, chains={"default": chain}, policy=policy, transport=Transport(pace=pace)
    ) as router:
        result = await router.generate("A lighthouse", size="1K")
    await emulator.idle()

    attempts = result.record.attempts
    assert [attempt.provider for attempt in attempts] == list(chain)
    assert result.provider == chain[-1]
    held = [attempt.billing for attempt in attempts]
    assert held.count(Billing.BILLED) <= emulator.ledger.billed <= len(attempts) - held.count(Billing.FREE)
