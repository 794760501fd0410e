"""API keys: who is let in, to what, how often, and how soon a revoked one is dead."""

import asyncio
import logging
import stat

import openai
import pytest

from pixroute.config.load import load
from pixroute.config.serve import ServeSettings
from pixroute.errors import ConfigError
from pixroute.plugins import load_plugins
from pixroute.serve.access import caller_address
from pixroute.serve.keys import ApiKey, FileKeyRing, changing, mint, read_keys, revoke
from pixroute.serve.limits import Limits
from pixroute.serve.listen import check_place, key_ring
from pixroute.serve.names import widened
from pixroute.serve.problem import Refused
from pixroute.testing import FakeProvider

PATH = "/v1/images/generations"
PAID = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
api_key = { env = "KEY" }
[budgets.shop]
limit = 0.05
per = "day"
[serve]
key_budgets = ["shop"]
"""
ASKED = {"model": "default", "prompt": "A lighthouse", "size": "64x64"}


@pytest.fixture
def file(tmp_path):
    """A file of keys."""
    return tmp_path / "keys.json"


def add(file, name="somebody", **fields):
    """Add a key; give its text."""
    text, key = mint(name, by="me", now=1.0, **fields)
    with changing(file) as keys:
        keys[key.prefix] = key
    return text


async def test_a_key_opens(serve, file):
    """As the clients of each dialect send it."""
    text = add(file)
    served = await serve(keys=file)

    assert (await served.openai(api_key=text).images.generate(**ASKED)).data[0].b64_json
    for header in ("x-goog-api-key", "x-api-key", "api-key"):
        async with served.post(PATH, ASKED, headers={header: text}) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.upper(),
        lambda text: text[:13] + "x" * 43,
        lambda text: "pxr_" + "a" * 8 + text[12:],
        lambda text: "\u00e9",
        lambda text: "x" * 5000,
    ],
)
async def test_what_is_no_key_opens_nothing(serve, file, wrong):
    """401, which no client repeats, on every route but health."""
    text = wrong(add(file))
    served = await serve(provider := FakeProvider(), keys=file)
    headers = {"Authorization": f"Bearer {text}"}

    async with (
        served.post(PATH, ASKED, headers=headers) as one,
        served.get("/v1/models", headers=headers) as two,
        served.get("/healthz", headers=headers) as three,
    ):
        assert (one.status, two.status, three.status) == (401, 401, 200)
        assert one.headers["x-should-retry"] == "false"

    assert not provider.calls


async def test_the_official_client_raises_what_is_meant(serve, file):
    """AuthenticationError."""
    add(file)
    with pytest.raises(openai.AuthenticationError):
        await (await serve(keys=file)).openai(api_key="pxr_no").images.generate(**ASKED)


async def test_a_key_in_the_url_is_none(serve, file):
    """It would be logged on the way."""
    text = add(file)
    async with (await serve(keys=file)).post(f"{PATH}?key={text}", ASKED) as answer:
        assert answer.status == 401


async def test_a_revoked_key_is_dead_within_two_seconds(serve, file):
    """And one that is added is alive."""
    text = add(file)
    served = await serve(keys=file)
    now = served.gateway.keys.clock()
    served.gateway.keys.clock = lambda: now + 1.0
    with changing(file) as keys:
        revoke(keys, text[4:12], by="me", now=2.0)
    other = add(file)

    for key, status in ((text, 401), (other, 200)):
        async with served.post(PATH, ASKED, headers={"x-api-key": key}) as answer:
            assert answer.status == status


def test_a_file_that_breaks_changes_nothing(file):
    """The last keys that could be read stay; what is wrong is known."""
    text, clock = add(file), iter(range(100))
    ring = FileKeyRing(file, clock=lambda: float(next(clock)))
    file.write_text("{")

    assert ring.find(text).name == "somebody"
    assert ring.wrong


def test_a_file_that_is_gone_opens_nothing(file):
    """All its keys were taken away."""
    text, clock = add(file), iter(range(100))
    ring = FileKeyRing(file, clock=lambda: float(next(clock)))
    file.unlink()

    assert ring.find(text) is None


def test_the_file_holds_no_key_and_is_its_owner_s(file):
    """256 bits, of which only a digest is kept; the acts stay."""
    text = add(file)
    with changing(file) as keys:
        revoke(keys, text[4:12], by="you", now=2.0)

    assert len(text) == len("pxr_") + 8 + 1 + 43
    assert text[13:] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (key,) = read_keys(file).values()
    assert (key.added, key.revoked) == ((1.0, "me"), (2.0, "you"))
    with pytest.raises(ValueError, match="no key"), changing(file) as keys:
        revoke(keys, text[4:12], by="you", now=3.0)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"keys": 5}', '{"keys": [{"prefix": "x"}]}', '{"keys": [{"prefix": 5, "sha256": "", "name": ""}]}'],
)
async def test_what_is_no_file_of_keys_is_told(file, text):
    """When the server starts."""
    file.write_text(text)

    with pytest.raises(ConfigError, match=r"serve\.keys: cannot be used"):
        await key_ring(ServeSettings(keys=file))


async def test_a_key_is_paid_by_its_budgets(serve, file):
    """Others are not, and one whose budget is nobody's is refused."""
    (toml := file.with_name("pixroute.toml")).write_text(PAID)
    config = widened(load(toml, load_plugins(), env={"KEY": "any"}))
    paid, free, wrong = [add(file, budgets=names) for names in (["shop"], [], ["lab"])]
    served = await serve(provider := FakeProvider(), keys=file, budgets=config.budgets, key_budgets=("shop",))

    async def ask(key):
        async with served.post(PATH, ASKED, headers={"x-api-key": key}) as answer:
            told = await answer.json()
            return answer.status, told.get("error", {}).get("kind")

    assert [await ask(key) for key in (paid, paid, free, free, wrong)] == [
        (200, None),
        (402, "budget_exceeded"),
        (200, None),
        (200, None),
        (403, "no_budget"),
    ]
    assert provider.calls[0].request.tags == {"key": paid[4:12], "budget.shop": "yes"}


def test_with_keys_it_may_listen_for_others(file):
    """That is what they are for."""
    check_place(ServeSettings(host="0.0.0.0", keys=file))


async def test_roles_are_kept(serve, file):
    """Who may only read figures makes no picture."""
    text = add(file, role="metrics")
    async with (await serve(keys=file)).post(PATH, ASKED, headers={"x-api-key": text}) as answer:
        assert answer.status == 403


async def test_a_key_sees_its_chains_only(serve, file):
    """Others are as if they were not there."""
    text = add(file, chains=("fake-2",))
    served = await serve(FakeProvider(), FakeProvider(), keys=file, models={"a": "fake-1", "b": "fake-2"})
    client = served.openai(api_key=text)

    raw = await client.images.with_raw_response.generate(**{**ASKED, "model": "auto"})
    names = [one.id async for one in client.models.list()]

    assert raw.headers["x-pixroute-provider"] == "fake-2"
    assert names == ["fake-2", "b"]
    for model in ("default", "a"):
        with pytest.raises(openai.NotFoundError):
            await client.images.generate(**{**ASKED, "model": model})
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve(model)


async def test_a_key_may_pass_fields_of_its_own(serve, file):
    """Beside those of the server; never those about number, size, model, money, URLs or safety."""
    text = add(file, extra=("seed",))
    served = await serve(provider := FakeProvider(), keys=file)

    async with served.post(PATH, {**ASKED, "seed": 7}, headers={"x-api-key": text}):
        pass

    assert provider.calls[0].request.extra["fake-1"] == {"seed": 7}
    for name in ("n", "image_url", "Safety-Tolerance", "callback_url", "model", "max_cost"):
        with pytest.raises(ValueError, match="is about number"):
            ApiKey(prefix="a" * 8, sha256="0" * 64, name="x", extra=(name,))


async def test_more_than_so_many_in_a_minute_are_refused(serve, file):
    """429 with Retry-After, and another key is not touched."""
    text, other = add(file, per_minute=2), add(file)
    served = await serve(provider := FakeProvider(), keys=file)
    told = []
    for key in (text, text, text, other):
        async with served.post(PATH, ASKED, headers={"x-api-key": key}) as answer:
            told.append((answer.status, "Retry-After" in answer.headers))

    assert told == [(200, False), (200, False), (429, True), (200, False)]
    assert len(provider.calls) == 3


async def test_requests_are_saved_up_as_time_goes():
    """Two a minute are one every 30 s, two at most at once."""
    now = 0.0
    limits = Limits(clock=lambda: now)
    key = ApiKey(prefix="a" * 8, sha256="0" * 64, name="x", per_minute=2)
    admitted = []
    for now in (0, 0, 0, 29, 31, 1000, 1000, 1000):  # noqa: B007 - the clock reads it
        try:
            await limits.admit(key)
            admitted.append(True)
        except Refused:
            admitted.append(False)

    assert admitted == [True, True, False, False, True, True, True, False]


async def test_so_many_pictures_at_once(serve, file, gated):
    """Their number counts, not that of requests; a place is given back at the end."""
    text = add(file, at_once=2)
    served = await serve(provider := gated(), keys=file)
    headers = {"x-api-key": text}
    first = asyncio.create_task(served.openai(api_key=text).images.generate(**ASKED))
    await provider.begun.wait()

    async with served.post(PATH, {**ASKED, "n": 2}, headers=headers) as refused:
        assert refused.status == 429
    provider.let.set()
    await first
    async with served.post(PATH, {**ASKED, "n": 2}, headers=headers) as answer:
        assert answer.status == 200


async def test_an_idempotency_key_is_its_caller_s(serve, file):
    """Another caller's is another request."""
    served = await serve(provider := FakeProvider(), keys=file)
    for key in (add(file), add(file)):
        served.gateway.keys._looked = 0
        served.gateway.keys.clock = lambda: 1e9
        async with served.post(PATH, ASKED, headers={"x-api-key": key, "Idempotency-Key": "one"}) as answer:
            assert answer.status == 200

    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("1.1.1.1", "6.6.6.6", "1.1.1.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "7.7.7.7, 6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "7.7.7.7, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        (None, "6.6.6.6", "-"),
    ],
)
def test_a_proxy_is_believed_if_it_is_listed(peer, forwarded, expected):
    """And its own peers as far as they are."""
    assert caller_address(peer, forwarded, ["10.0.0.0/8"]) == expected


async def test_the_access_log_tells_whose_and_no_query(serve, file, caplog):
    """Nor the key."""
    text = add(file)
    caplog.set_level(logging.INFO, logger="pixroute.access")
    served = await serve(keys=file, access_log=True)

    async with served.post(f"{PATH}?secret=1", ASKED, headers={"x-api-key": text}):
        pass

    (line,) = [one.getMessage() for one in caplog.records if one.name == "pixroute.access"]
    assert f"127.0.0.1 {text[4:12]} POST {PATH} 200 " in line
    assert "secret" not in line
    assert text[13:] not in line
