"""Jobs on the emulator: taken, asked for on another origin, cancelled, lost, and what each costs."""

import asyncio

import aiohttp
import pytest

from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.slow  # sockets, and pictures that are drawn

APP = "/fal-ai/flux/dev"
KEY = {"Authorization": "Key sk-test"}
WISH = {"prompt": "fox!", "image_size": {"width": 1024, "height": 768}, "num_images": 1}


@pytest.fixture
async def emulator():
    async with Emulator(time_scale=0, second=True) as running:
        yield running


@pytest.fixture
async def http():
    async with aiohttp.ClientSession(headers=KEY) as session:
        yield session


async def told(reply):
    async with reply as answer:
        return answer.status, await answer.json()


async def submitted(emulator, http, wish=WISH):
    return await told(http.post(emulator.http_url + APP, json=wish))


async def ended(http, job):
    """Poll until it is over."""
    while True:
        status, body = await told(http.get(job["status_url"]))
        if status != 202:
            return status, body
        await asyncio.sleep(0.01)


async def test_a_job_and_its_picture_lie_on_the_second_origin(emulator, http):
    _, job = await submitted(emulator, http)
    status, body = await ended(http, job)
    _, result = await told(http.get(job["response_url"]))
    url = result["images"][0]["url"]
    async with aiohttp.ClientSession() as nobody, nobody.get(url) as picture:
        data = await picture.read()

    assert {one.split("/fal-ai")[0] for name, one in job.items() if name.endswith("_url")} == {emulator.second_url}
    assert url.startswith(emulator.second_url)
    assert (status, body["status"]) == (200, "COMPLETED")
    assert data.startswith(b"\xff\xd8\xff")
    assert (emulator.ledger.received, emulator.ledger.finished, emulator.ledger.billed) == (1, 1, 1)


async def test_without_a_second_origin_all_lies_on_the_first(http):
    async with Emulator(time_scale=0) as emulator:
        _, job = await submitted(emulator, http)

    assert emulator.second_url == ""
    assert job["status_url"].startswith(f"{emulator.http_url}/fal-ai/flux/requests/")


@pytest.mark.parametrize("name", ["fal-poll", "fal-cancel"])
async def test_a_job_that_is_not_known(emulator, http, name):
    path = {"fal-poll": "status", "fal-cancel": "cancel"}[name]
    ask = http.get if name == "fal-poll" else http.put

    assert await told(ask(f"{emulator.http_url}/fal-ai/flux/requests/none/{path}")) == (
        404,
        {"detail": "Request not found"},
    )


async def test_a_poll_that_is_lost(emulator, http):
    """By "job-lost" on the route of polls; the job goes on."""
    emulator.script("fal-poll", "job-lost")
    _, job = await submitted(emulator, http)

    assert (await told(http.get(job["status_url"])))[0] == 404
    assert (await ended(http, job))[0] == 200


async def test_a_queued_job_is_cancelled_for_nothing(http):
    """It waits as "queue" says; until it begins it is free."""
    async with Emulator(time_scale=1, faults={"fal": "queue:seconds=60"}) as emulator:
        _, job = await submitted(emulator, http)
        _, waits = await told(http.get(job["status_url"]))
        agreed = await told(http.put(job["cancel_url"]))
        again = await told(http.put(job["cancel_url"]))
        await emulator.idle()

    assert waits["status"] == "IN_QUEUE"
    assert agreed == (202, {"status": "CANCELLATION_REQUESTED"})
    assert again == (400, {"status": "ALREADY_COMPLETED"})
    assert emulator.ledger.billed == 0


async def test_a_job_that_fails(emulator, http):
    """Of "job-failed" the poll tells, and nothing is billed."""
    emulator.set_fault("fal", "job-failed")
    _, job = await submitted(emulator, http)
    status, body = await ended(http, job)

    assert (status, body["error_type"]) == (200, "runner_disconnected")
    assert emulator.ledger.billed == 0


async def test_a_refused_job(emulator, http):
    """A late fault strikes the result, not the submission."""
    emulator.set_fault("fal", "refused")
    taken, job = await submitted(emulator, http)
    await ended(http, job)
    status, body = await told(http.get(job["response_url"]))

    assert taken == 200
    assert (status, body["detail"][0]["type"]) == (422, "content_policy_violation")


async def test_a_flagged_picture(emulator, http):
    """What is told by "nsfw-flag" was made, and is billed."""
    emulator.set_fault("fal", "nsfw-flag")
    _, job = await submitted(emulator, http)
    await ended(http, job)
    _, body = await told(http.get(job["response_url"]))

    assert body["has_nsfw_concepts"] == [True]
    assert emulator.ledger.billed == 1


@pytest.mark.parametrize(
    ("fault", "status", "header"),
    [("fal-own-limit", 504, "X-Fal-Request-Timeout-Type"), ("fal-runner-late", 504, "x-fal-error-type")],
)
async def test_faults_of_its_own(emulator, http, fault, status, header):
    emulator.set_fault("fal", fault)
    async with http.post(emulator.http_url + APP, json=WISH) as answer:
        assert answer.status == status
        assert header in answer.headers
        assert "x-fal-request-id" in answer.headers


@pytest.mark.parametrize("fault", ["overloaded", "quota", "bad-key"])
async def test_an_error_strikes_the_submission(emulator, http, fault):
    emulator.set_fault("fal", fault)
    status, _ = await submitted(emulator, http)

    assert status >= 400
    assert emulator.ledger.billed == 0


async def test_a_cut_submission_leaves_a_job_that_is_billed(emulator, http):
    """What was taken goes on, though nobody was told."""
    emulator.set_fault("fal", "reset")
    with pytest.raises(aiohttp.ClientError):
        await submitted(emulator, http)
    await emulator.idle()

    assert emulator.ledger.billed == 1


async def test_the_key_stands_behind_its_own_word(emulator):
    """`Bearer` is no `Key`."""
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer sk"}) as http:
        status, _ = await submitted(emulator, http)

    assert status == 401


@pytest.mark.parametrize(
    "wrong",
    [{"image_size": {"width": 1, "height": 1}}, {"num_images": 9}, {"prompt": None}, {"image_urls": ["data:,"]}],
)
async def test_what_is_refused(emulator, http, wrong):
    status, body = await submitted(emulator, http, WISH | wrong)

    assert status == 422
    assert body["detail"][0]["loc"][0] == "body"
