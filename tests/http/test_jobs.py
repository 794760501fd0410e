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

    @staticmethod
    def now():
        """Give the loop's time: this machine never sleeps."""
        return asyncio.get_running_loop().time()

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


@pytest.mark.parametrize("status", [404, 408, 425, 429, 500, 502])
async def test_a_passing_status_of_a_poll_does_not_lose_the_job(attempt, status):
    """A job that was paid is asked for again, though the machine that is asked does not know it yet."""
    cut = Step.json({"error": {"message": "Task not found"}}, status=status)
    async with ScriptedServer(TAKEN, cut, cut, DONE, cut, RESULT) as server:
        outcome = await slow(server).generate(REQUEST, attempt)

    assert isinstance(outcome, Success)
    assert asked(server).count("POST ") == 1


@pytest.mark.parametrize(("status", "kind"), [(400, FailureKind.SERVER_ERROR), (410, FailureKind.SERVER_ERROR)])
async def test_a_refused_poll_does_not_blame_the_request(attempt, status, kind):
    """The request was accepted; its job may be made and billed."""
    refused = Step.json({"error": {"message": "invalid prompt", "type": "invalid_request_error"}}, status=status)
    async with ScriptedServer(TAKEN, refused) as server:
        outcome = await slow(server).generate(REQUEST, attempt)

    assert (outcome.kind, outcome.billing, outcome.stage) == (kind, Billing.AMBIGUOUS, Stage.WAIT)
    assert "j1" in outcome.message
    assert attempt.facts["job"]["id"] == "j1"


def test_a_job_that_nobody_knows_is_given_up_after_a_minute(noted):
    """Asking costs nothing, but the request waits; the job is told as unknown, and perhaps billed."""
    http = ScriptedHttp(Reply(status=404, headers={}, json={"status": "Task not found"}))
    settings = SlowSettings(base_url="https://api.example", api_key=Secret("k"))

    async def watch():
        return await Slow("slow", settings).claim({"id": "j1", "poll": "jobs/j1"}, noted(http))

    outcome = run_virtual(watch())

    assert "no longer knows the job j1" in outcome.message
    assert outcome.billing is Billing.AMBIGUOUS
    assert http.times[-1] - http.times[0] == pytest.approx(60, abs=0.01)
    assert len(http.times) < 25


async def test_a_plugin_reads_an_error_answer_to_a_poll(attempt):
    """It may know better than the status does: a refused picture told with 422, say."""

    class Telling(Slow):
        def progress(self, reply):
            if reply.json.get("state") == "moderated":
                return Failure(kind=FailureKind.MODERATED, message="It was declined.")
            return super().progress(reply)

    async with ScriptedServer(TAKEN, Step.json({"state": "moderated"}, status=422)) as server:
        outcome = await Telling("slow", slow(server).settings).generate(REQUEST, attempt)

    assert outcome.kind is FailureKind.MODERATED


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "*.ai",
        "*.com",
        "*.co.uk",
        "co.uk",
        "*.com.cn",
        "*.github.io",
        "bfl.*",
        "a*.bfl.ai",
        "10.0.0.1",
        "*.bfl.ai.",
        "https://bfl.ai",
        "*.BFL.ai",
        "localhost",
        "",
        "*.*.bfl.ai",
        "*.bfl.ai:8443",
    ],
)
def test_hosts_that_let_anybody_in_are_refused(pattern):
    """The key would go to whoever has a name below a public suffix."""

    class Trusting(Slow):
        job_hosts = (pattern,)

    with pytest.raises(ValueError, match="job_hosts"):
        Trusting("slow", SlowSettings(base_url="https://api.example", api_key=Secret("k")))


@pytest.mark.parametrize(
    ("url", "goes"),
    [
        ("https://api.eu1.bfl.ai/v1/get_result?id=1", True),
        ("https://api.bfl.ai:443/x", True),
        ("http://api.bfl.ai/x", False),
        ("https://api.bfl.ai:8443/x", False),
        ("https://bfl.ai/x", False),
        ("https://evilbfl.ai/x", False),
        ("https://api.bfl.ai.evil.com/x", False),
        ("https://api.bfl.ai@evil.com/x", False),
        ("https://evil.com\\.bfl.ai/x", False),
    ],
)
def test_the_key_goes_to_hosts_that_the_plugin_names(url, goes):
    """Whole labels over https; a job elsewhere is the plugin's lack."""

    class Trusting(Slow):
        job_hosts = ("*.bfl.ai",)

    endpoint = Trusting("slow", SlowSettings(base_url="https://api.example", api_key=Secret("k"))).endpoint
    if goes:
        assert endpoint.url(url) == url
    else:
        with pytest.raises(ValueError, match="the plugin does not trust host"):
            endpoint.url(url)
