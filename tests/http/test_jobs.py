"""Submit and poll: a job is taken, watched through every cut, collected or called off."""

import asyncio
import base64
from itertools import pairwise

import pytest
from attrs import frozen

from pixroute.http import Call, Finished, HttpSettings, Job, JobProvider, Queued, Reply, Running
from pixroute.http.pace import Pace
from pixroute.outcome import Billing, Failure, FailureKind, Stage, Success
from pixroute.provider import Capabilities
from pixroute.request import ImageRequest
from pixroute.secret import Secret
from pixroute.testing.faults import ScriptedServer, Step
from pixroute.testing.virtual import run_virtual

PICTURE = bytes(range(256)) * 64
REQUEST = ImageRequest("a lighthouse at dusk")
TAKEN = Step.json({"id": "j1"}, status=202)
QUEUED = Step.json({"state": "queued"})
RUNNING = Step.json({"state": "running", "share": 0.5})
DONE = Step.json({"state": "done"})
RESULT = Step.json({"picture": base64.b64encode(PICTURE).decode()})


@frozen(kw_only=True)
class SlowSettings(HttpSettings):
    """Settings of a provider that takes jobs."""

    model: str = "slow-1"


class Slow(JobProvider[SlowSettings]):
    """A provider that takes jobs."""

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities()

    def encode(self, request):
        """Write the submission."""
        return Call.post("jobs", json={"prompt": request.prompt})

    def accepted(self, reply):
        """Read the job."""
        name = reply.json["id"]
        return Job(id=name, poll=f"jobs/{name}", result=f"jobs/{name}/result", cancel=f"jobs/{name}/cancel")

    def progress(self, reply):
        """Read the state."""
        states = {
            "queued": Queued(),
            "running": Running(reply.json.get("share")),
            "done": Finished(),
            "failed": Failure(kind=FailureKind.SERVER_ERROR, message="It failed."),
        }
        return states[reply.json["state"]]

    def decode(self, reply):
        """Find the picture."""
        return [reply.json["picture"]]


@pytest.fixture
def attempt(attempts):
    """Give an attempt that polls a thousand times a second."""
    return attempts(pace=Pace(first_poll=0.001, longest_poll=0.001))


def slow(server):
    return Slow("slow", SlowSettings(base_url=f"{server.origin}/v1", api_key=Secret("k"), plaintext="accept"))


def asked(server):
    return [f"{request.method} {request.path.removeprefix('/v1/jobs')}" for request in server.requests]


async def test_a_job_is_watched_and_collected(attempt):
    """Submitted once, polled until done; its id is noted at once and its progress told."""
    async with ScriptedServer(TAKEN, QUEUED, RUNNING, DONE, RESULT) as server:
        outcome = await slow(server).generate(REQUEST, attempt)

    assert isinstance(outcome, Success)
    assert outcome.pictures[0].content.data() == PICTURE
    assert asked(server) == ["POST ", "GET /j1", "GET /j1", "GET /j1", "GET /j1/result"]
    assert attempt.facts["job"]["id"] == "j1"
    assert attempt.facts["progress"] == 0.5
    assert attempt.stages == [Stage.CONNECT, Stage.SEND, Stage.WAIT, Stage.BODY, Stage.WAIT, Stage.BODY]


@pytest.mark.parametrize(
    "cut",
    [
        Step.rst(),
        Step.fin(),
        Step.reply(503),
        Step.reply(502, b"<hr><center>nginx</center>"),
        Step.raw(b"?\r\n\r\n") + Step.fin(),
    ],
    ids=["reset", "closed", "503", "nginx", "garbage"],
)
async def test_a_poll_is_asked_again_through_cuts(attempt, cut):
    """A GET costs nothing; the job is submitted once."""
    async with ScriptedServer(TAKEN, cut, cut, DONE, cut, RESULT) as server:
        outcome = await slow(server).generate(REQUEST, attempt)

    assert isinstance(outcome, Success)
    assert sum(request.method == "POST" for request in server.requests) == 1


@pytest.mark.parametrize(
    ("steps", "kind", "billing"),
    [
        ([Step.reply(503)], FailureKind.OVERLOADED, Billing.FREE),
        ([Step.rst()], FailureKind.DISCONNECTED, Billing.AMBIGUOUS),
        ([Step.json({"name": "j1"})], FailureKind.EMPTY, Billing.BILLED),
        ([TAKEN, Step.json({"error": "who?"}, status=401)], FailureKind.AUTH, Billing.AMBIGUOUS),
        ([TAKEN, Step.json({"state": "failed"})], FailureKind.SERVER_ERROR, Billing.FREE),
        ([TAKEN, Step.json({"state": "?"})], FailureKind.EMPTY, Billing.BILLED),
        ([TAKEN, DONE, Step.json({})], FailureKind.EMPTY, Billing.BILLED),
    ],
    ids=["not taken", "lost", "no job", "key gone", "failed", "unreadable", "no picture"],
)
async def test_what_goes_wrong(attempt, steps, kind, billing):
    """Before it was taken as any call; after that the job may go on, and be billed."""
    async with ScriptedServer(*steps) as server:
        outcome = await slow(server).generate(REQUEST, attempt)

    assert (outcome.kind, outcome.billing) == (kind, billing)


async def test_a_job_elsewhere_is_not_asked(attempt):
    """The key goes to no other origin, whatever the answer says."""

    class Straying(Slow):
        def accepted(self, reply):
            return Job(id="j1", poll="https://elsewhere.example/j1")

    async with ScriptedServer(TAKEN) as server:
        provider = Straying("slow", slow(server).settings)
        outcome = await provider.generate(REQUEST, attempt)

    assert (outcome.billing, outcome.stage) == (Billing.AMBIGUOUS, Stage.WAIT)
    assert "elsewhere.example" in outcome.message


@pytest.mark.parametrize(("state", "told"), [(QUEUED, "queued"), (RUNNING, "running")])
async def test_what_lost_is_called_off(attempt, state, told):
    """The cancellation passes at once; the upstream is told behind it."""
    async with ScriptedServer(TAKEN, state, Step.hang(), Step.json({})) as server:
        task = asyncio.create_task(slow(server).generate(REQUEST, attempt))
        await server.received(3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await attempt.http.aclose()

    assert asked(server)[-1] == "POST /j1/cancel"
    assert attempt.facts["job_cancelled"] == told


async def test_a_late_result_is_claimed(attempt):
    """By what the record keeps of the job."""
    async with ScriptedServer(DONE, RESULT) as server:
        provider = slow(server)
        job = {"id": "j1", "poll": "jobs/j1", "result": "jobs/j1/result"}
        outcome = await provider.claim(job, attempt)

    assert outcome.pictures[0].content.data() == PICTURE


class ScriptedHttp:
    """A transport of answers, which keeps when it was asked."""

    pace = Pace()

    def __init__(self, *answers):
        self.times = []
        self._answers = list(answers)

    async def exchange(self, *_, **__):
        """Give the next answer, the last for ever."""
        self.times.append(asyncio.get_running_loop().time())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def test_polls_slow_down(noted):
    """From half a second to five, and a hint is obeyed."""
    busy = Reply(status=503, headers={"retry-after": "20"})
    http = ScriptedHttp(*[Reply(status=200, headers={}, json={"state": "queued"})] * 8, busy, busy)
    settings = SlowSettings(base_url="https://api.example", api_key=Secret("k"))

    async def watch():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(70):
                await Slow("slow", settings).claim({"id": "j1", "poll": "jobs/j1"}, noted(http))

    run_virtual(watch())

    pauses = [later - sooner for sooner, later in pairwise([0.0, *http.times])]
    assert pauses == pytest.approx([0.5, 0.75, 1.125, 1.6875, 2.53, 3.8, 5, 5, 5, 20, 20], abs=0.01)
