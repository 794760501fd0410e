"""fal's queue: the life of a job."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from pixroute import AllProvidersFailed, FailureKind, Moderated, Policy, Router
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.policy import RetryPolicy
from pixroute.testing.conformance import KEY, ORIGIN, PICTURE_URL
from pixroute.testing.conformance.upstream import filled
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.faults.listener import Peer
from pixroute_fal.provider import Fal, FalSettings

pytestmark = pytest.mark.slow  # sockets

T = TypeVar("T")

JOB = f"{ORIGIN}/fal-ai/flux/requests/r1"
TAKEN = {
    "status": "IN_QUEUE",
    "request_id": "r1",
    "status_url": f"{JOB}/status",
    "response_url": JOB,
    "cancel_url": f"{JOB}/cancel",
    "queue_position": 0,
}
DONE = {"status": "COMPLETED", "request_id": "r1", "metrics": {"inference_time": 3.7}}
RESULT = {"images": [{"url": PICTURE_URL, "width": 1024, "height": 1024, "content_type": "image/png"}], "seed": 42}
DECLINED = {"detail": [{"loc": ["body", "prompt"], "msg": "Flagged.", "type": "content_policy_violation"}]}

QUEUED = Step.json({"status": "IN_QUEUE", "queue_position": 1}, status=202)
RUNNING = Step.json({"status": "IN_PROGRESS"}, status=202)
LOST = Step.json({**DONE, "error": "Runner disconnected", "error_type": "runner_disconnected"})
PICTURE = Step.reply(200, blank_png(1024, 1024))
CALLED_OFF = Step.json({"status": "CANCELLATION_REQUESTED"}, status=202)
TOO_LATE = Step.json({"status": "ALREADY_COMPLETED"}, status=400)


def at_home(body: object) -> Step:
    """Answer with a body in which the server's own address is filled in."""

    async def run(peer: Peer) -> None:
        host, port = peer.writer.get_extra_info("sockname")
        origin = f"http://{host}:{port}"
        await Step.json(filled(body, {ORIGIN: origin, PICTURE_URL: f"{origin}/1.png"})).run(peer)

    return Step(run)


def talk(*steps: Step, about: Callable[[Router, ScriptedServer], Awaitable[T]]) -> tuple[T, list[str]]:
    """Give what came of it, and what fal was asked."""

    async def scenario() -> tuple[T, list[str]]:
        async with ScriptedServer(*steps) as server:
            settings = FalSettings(base_url=server.origin, api_key=KEY, plaintext="accept", allow_private_results=True)
            router = Router(
                providers={"fal": Fal("fal", settings)},
                chains={"default": ["fal"]},
                policy=Policy(max_attempts=1, retry=RetryPolicy(quick=False, rounds=())),
                transport=Transport(pace=Pace(first_poll=0.001, longest_poll=0.001)),
            )
            async with router:
                result = await about(router, server)
        return result, [f"{request.method} {request.path.removeprefix('/fal-ai/flux')}" for request in server.requests]

    return asyncio.run(scenario())


def test_a_job_is_submitted_polled_and_collected() -> None:
    async def generate(router: Router, _: ScriptedServer) -> int:
        return (await router.generate("A lighthouse", size="1K")).image.width

    width, asked = talk(at_home(TAKEN), QUEUED, RUNNING, Step.json(DONE), at_home(RESULT), PICTURE, about=generate)

    assert width == 1024
    poll = "GET /requests/r1/status"
    assert asked == ["POST /dev", poll, poll, poll, "GET /requests/r1", "GET /1.png"]


def test_a_job_that_ends_in_an_error() -> None:
    async def generate(router: Router, _: ScriptedServer) -> FailureKind | None:
        with pytest.raises(AllProvidersFailed, match="Runner disconnected") as failed:
            await router.generate("A lighthouse")
        return failed.value.record.attempts[0].kind

    kind, _ = talk(at_home(TAKEN), LOST, about=generate)

    assert kind is FailureKind.SERVER_ERROR


def test_a_prompt_that_is_declined() -> None:
    async def generate(router: Router, _: ScriptedServer) -> str:
        with pytest.raises(Moderated) as failed:
            await router.generate("A lighthouse")
        return str(failed.value)

    text, _ = talk(at_home(TAKEN), Step.json(DONE), Step.json(DECLINED, status=422), about=generate)

    assert "Flagged." in text


@pytest.mark.parametrize("answer", [CALLED_OFF, TOO_LATE], ids=["called off", "too late"])
def test_a_job_that_nobody_wants_any_more(answer: Step) -> None:
    async def give_up(router: Router, server: ScriptedServer) -> None:
        asking = asyncio.create_task(router.generate("A lighthouse"))
        await server.received(2)
        asking.cancel()
        await asyncio.wait([asking])

    _, asked = talk(at_home(TAKEN), Step.hang(), answer, about=give_up)

    assert asked[-1] == "PUT /requests/r1/cancel"


def test_a_late_result_is_claimed() -> None:
    async def claim(router: Router, server: ScriptedServer) -> int:
        job = filled(TAKEN, {ORIGIN: server.origin})
        kept = {"id": "r1", "poll": job["status_url"], "result": job["response_url"]}
        return (await router.claim("fal", kept)).image.width

    width, asked = talk(Step.json(DONE), at_home(RESULT), PICTURE, about=claim)

    assert width == 1024
    assert not any(line.startswith("POST") for line in asked)
