"""Nobody pays twice at the door: keys, callers that leave, and clients that ask again by themselves."""

import asyncio
import json

import openai
import pytest

from pixroute.outcome import Billing, FailureKind
from pixroute.testing import FakeProvider, fail, picture

PATH = "/v1/images/generations"
ASKED = {"prompt": "A lighthouse", "size": "64x64"}
KEY = {"Idempotency-Key": "one"}
AGAIN = {"x-stainless-retry-count": "1"}


@pytest.fixture(params=["memory", "file"])
def kept(request, tmp_path):
    """Where it is kept what was begun."""
    return {} if request.param == "memory" else {"repeats_file": tmp_path / "repeats.sqlite"}


async def leave(asking):
    """Close the connection of a request under way."""
    asking.cancel()
    await asyncio.wait([asking])


async def settle():
    """Let the server see what happened."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_the_same_request_joins_the_one_under_way(serve, gated, kept):
    """Both get the picture, one was bought."""
    served = await serve(provider := gated(), **kept)
    client = served.openai()
    asking = [
        asyncio.create_task(client.images.generate(model="default", extra_headers=KEY, **ASKED)) for _ in range(5)
    ]
    await provider.begun.wait()
    await settle()
    provider.let.set()

    answers = await asyncio.gather(*asking)

    assert len(provider.calls) == 1
    assert len({answer.model_extra["pixroute"]["request_id"] for answer in answers}) == 1


async def test_the_answer_is_given_again(serve, kept):
    """And says so."""
    served = await serve(provider := FakeProvider(), **kept)

    async with served.post(PATH, ASKED, headers=KEY) as first, served.post(PATH, ASKED, headers=KEY) as second:
        one, two = await first.json(), await second.json()

    assert ("Idempotent-Replayed" in first.headers, second.headers["Idempotent-Replayed"]) == (False, "true")
    assert one["data"] == two["data"]
    assert one["pixroute"] == two["pixroute"]
    assert len(provider.calls) == 1


async def test_another_body_under_a_key_is_refused(serve, kept):
    """Nothing is bought for it."""
    served = await serve(provider := FakeProvider(), **kept)

    async with served.post(PATH, ASKED, headers=KEY):
        pass
    async with served.post(PATH, {**ASKED, "n": 2}, headers=KEY) as other:
        assert other.status == 422
        assert other.headers["x-should-retry"] == "false"

    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (fail(FailureKind.MODERATED, status=400), 400),
        (fail(FailureKind.EMPTY, billing=Billing.BILLED, status=200), 502),
        (fail(FailureKind.INVALID, status=400), 200),
    ],
)
async def test_a_free_failure_releases_the_key(serve, kept, failure, status):
    """A refusal, and what may be billed, is told again."""
    served = await serve(FakeProvider(failure, picture()), **kept)

    async with served.post(PATH, ASKED, headers=KEY) as first, served.post(PATH, ASKED, headers=KEY) as second:
        assert first.status >= 400
        assert second.status == status


@pytest.mark.parametrize("key", ["", "x" * 256, "k\u00e9y"])
async def test_a_key_is_checked(serve, key):
    """Before anything is sent."""
    served = await serve(provider := FakeProvider())

    async with served.post(PATH, ASKED, headers={"Idempotency-Key": key}) as answer:
        assert answer.status == 400

    assert not provider.calls


async def test_what_is_kept_is_bounded(serve):
    """The oldest goes first."""
    served = await serve(provider := FakeProvider(), repeats=2)
    for key in ("a", "b", "c", "c", "a"):
        async with served.post(PATH, ASKED, headers={"Idempotency-Key": key}):
            pass

    assert len(provider.calls) == 4


async def test_a_caller_that_leaves_before_anything_is_sent_costs_nothing(serve, gated):
    """What waits for a slot is ended at once."""
    served = await serve(provider := gated(max_in_flight=1))
    first = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await provider.begun.wait()
    second = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await settle()

    await leave(second)
    await settle()
    waiting = len(served.gateway.calls)
    provider.let.set()
    await first

    assert waiting == 1
    assert len(provider.calls) == 1


async def test_a_caller_that_leaves_starts_nothing_more(serve, gated):
    """The attempt in flight may be billed and is finished; no fallback follows its failure."""
    first, second = gated(fail(FailureKind.OVERLOADED, status=503)), FakeProvider()
    served = await serve(first, second)
    asking = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await first.begun.wait()

    await leave(asking)
    await settle()
    assert len(served.gateway.calls) == 1
    first.let.set()
    await settle()

    assert (len(first.calls), len(second.calls)) == (1, 0)
    assert not served.gateway.calls


@pytest.mark.parametrize("finished", [False, True])
async def test_a_client_that_asks_again_adopts_its_orphan(serve, gated, finished):
    """OpenAI's client timed out, left, and comes back: the picture that was being made is its picture."""
    served = await serve(provider := gated())
    asking = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await provider.begun.wait()
    await leave(asking)
    await settle()
    if finished:
        provider.let.set()
        await settle()

    again = asyncio.create_task(served.openai().images.generate(model="default", extra_headers=AGAIN, **ASKED))
    await settle()
    provider.let.set()

    assert (await again).data[0].b64_json
    assert len(provider.calls) == 1


async def test_the_official_client_retries_its_time_out_for_nothing(serve, gated):
    """With `max_retries=2` and a time-out shorter than the picture, one is bought."""
    served = await serve(provider := gated(), heartbeat="off")
    asyncio.get_running_loop().call_later(1.0, provider.let.set)

    answer = await served.openai(timeout=0.4, max_retries=5).images.generate(model="default", **ASKED)

    assert answer.data[0].b64_json
    assert len(provider.calls) == 1


async def test_an_orphan_is_nobody_else_s(serve, gated):
    """Neither another body's, nor a fresh request's; and it is taken once."""
    served = await serve(provider := gated())
    asking = asyncio.create_task(served.post(PATH, {"model": "default", **ASKED}).__aenter__())
    await provider.begun.wait()
    await leave(asking)
    await settle()
    provider.let.set()
    await settle()

    for fields, headers in ((ASKED, {}), ({**ASKED, "n": 2}, AGAIN), (ASKED, AGAIN), (ASKED, AGAIN)):
        async with served.post(PATH, {"model": "default", **fields}, headers=headers) as answer:
            assert answer.status == 200

    assert len(provider.calls) == 5  # 1 orphan, 1 fresh, 2 for n=2, and the second time it is asked for


async def test_a_key_outlives_its_caller(serve, gated, kept):
    """Who left comes back with the key and has its answer."""
    served = await serve(provider := gated(), **kept)
    body = {"model": "default", **ASKED}
    asking = asyncio.create_task(served.post(PATH, body, headers=KEY).__aenter__())
    await provider.begun.wait()
    await leave(asking)
    await settle()
    provider.let.set()
    await settle()

    async with served.post(PATH, body, headers=KEY) as answer:
        assert json.loads(await answer.read())["data"]

    assert len(provider.calls) == 1


async def test_two_processes_share_a_file(serve, gated, tmp_path):
    """What runs in one is waited for in the other."""
    file = {"repeats_file": tmp_path / "repeats.sqlite"}
    one, two = await serve(first := gated(), **file), await serve(second := FakeProvider(), **file)
    asking = [asyncio.create_task(one.openai().images.generate(model="default", extra_headers=KEY, **ASKED))]
    await first.begun.wait()
    asking.append(asyncio.create_task(two.openai().images.generate(model="default", extra_headers=KEY, **ASKED)))
    await settle()
    first.let.set()

    answers = await asyncio.gather(*asking)

    assert answers[0].data[0].b64_json == answers[1].data[0].b64_json
    assert not second.calls
    with pytest.raises(openai.UnprocessableEntityError):
        await two.openai().images.generate(model="default", extra_headers=KEY, n=2, **ASKED)


async def test_nobody_joins_a_request_that_is_being_ended(serve, gated, tmp_path):
    """Its callers left before anything was sent; who comes at that moment gets a picture all the same."""
    served = await serve(provider := gated(max_in_flight=1), repeats_file=tmp_path / "repeats.sqlite")
    first = asyncio.create_task(served.openai().images.generate(model="default", **ASKED))
    await provider.begun.wait()
    second = asyncio.create_task(served.openai().images.generate(model="default", extra_headers=KEY, **ASKED))
    await settle()
    call = next(entry.call for entry in served.gateway.repeats._entries.values())

    call.leave()
    third = asyncio.create_task(served.openai().images.generate(model="default", extra_headers=KEY, **ASKED))
    await settle()
    provider.let.set()

    assert (await first).data[0].b64_json
    assert (await third).data[0].b64_json
    second.cancel()
