"""The examples do what their first lines say."""

import logging
import runpy
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from pixroute.outcome import FailureKind
from pixroute.policy import Policy, RetryPolicy
from pixroute.testing import FakeProvider, fail, fake_router

EXAMPLES = Path(__file__).parents[2] / "examples"
SERVICE = runpy.run_path(str(EXAMPLES / "service.py"))


@pytest.mark.slow  # paints a picture of 2K
async def test_quickstart(folder, capsys):
    """Without a file it falls back before an emulator, and says how."""
    quickstart = runpy.run_path(str(EXAMPLES / "quickstart.py"))

    await quickstart["main"]()

    *record, last = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in record[1:]] == [
        ["banana-http", "overloaded"],
        ["banana-http", "overloaded"],
        ["seedream", "picture"],
        ["banana-https", "skipped:"],
    ]
    assert last == "lighthouse.jpg 2560 1440 $0.04 certain"
    assert (folder / "lighthouse.jpg").stat().st_size > 1000


@pytest.mark.slow  # three time-outs of 1.5 s in the one half, one in the other
async def test_before_after(capsys):
    """The loop pays three times for nothing; the router has a picture and may have paid twice."""
    before_after = runpy.run_path(str(EXAMPLES / "before_after.py"))

    await before_after["main"]()

    before, after = capsys.readouterr().out.splitlines()
    assert before == "before: no picture after three tries after 15 min, 3 billed"
    assert after.startswith("after: ")
    assert after.endswith(", 2 billed")


@pytest.fixture
async def client():
    """A service before scripted providers."""
    clients = []

    async def serve(*script):
        policy = Policy(retry=RetryPolicy(quick=False, rounds=()))
        app = SERVICE["make_app"](fake_router(first=FakeProvider(*script), policy=policy))
        clients.append(TestClient(TestServer(app)))
        await clients[-1].start_server()
        return clients[-1]

    yield serve
    for each in clients:
        await each.close()


async def test_the_service_answers_with_the_picture(client):
    """The body is the picture; who made it and what it cost stand in headers."""
    service = await client()

    answer = await service.post("/generate", json={"prompt": "A lighthouse", "size": "1K"})

    assert (answer.status, answer.content_type) == (200, "image/png")
    assert (await answer.read()).startswith(b"\x89PNG")
    assert (answer.headers["X-Provider"], answer.headers["X-Cost"]) == ("first", "$0.04 certain")


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"prompt": ""}', b'{"prompt": "x", "size": "huge"}'])
async def test_the_service_refuses_what_is_no_request(client, body):
    """A wrong body is the caller's mistake."""
    service = await client()

    answer = await service.post("/generate", data=body)

    assert answer.status == 400


@pytest.mark.parametrize(("kind", "status"), [(FailureKind.MODERATED, 422), (FailureKind.EMPTY, 502)])
async def test_the_service_tells_a_failure_by_its_status(client, kind, status):
    """A failed request has a status of its own, the cost and the request's id."""
    service = await client(fail(kind))

    answer = await service.post("/generate", json={"prompt": "A lighthouse"})

    assert answer.status == status
    assert {"error", "cost", "request"} == (await answer.json()).keys()


async def test_the_service_says_when_to_come_back(client, caplog):
    """A provider's hint becomes the service's Retry-After, and /healthz names the paused upstream."""
    caplog.set_level(logging.ERROR)
    service = await client(fail(FailureKind.OVERLOADED, status=503, hint=700))

    answer = await service.post("/generate", json={"prompt": "A lighthouse", "timeout": 600})
    health = await (await service.get("/healthz")).json()

    assert answer.status == 502
    assert 600 <= int(answer.headers["Retry-After"]) <= 702
    assert health["status"] == "degraded"
    assert len(health["sick"]) == 1
