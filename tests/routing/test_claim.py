"""A job whose request ended before it did is claimed later."""

import base64

import pytest

from pixroute import AllProvidersFailed, Billing, Capabilities, HttpSettings, Moderated, Policy, Router
from pixroute.http import Call, Finished, Job, JobProvider, Queued
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.outcome import Failure, FailureKind
from pixroute.policy import RetryPolicy
from pixroute.secret import Secret
from pixroute.testing import FakeProvider
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # sockets

TAKEN = Step.json({"id": "j1"})
QUEUED = Step.json({"state": "queued"})
DONE = Step.json({"state": "done", "picture": base64.b64encode(blank_png(64, 64)).decode()})
ONCE = Policy(max_attempts=1, retry=RetryPolicy(quick=False, rounds=()))
STATES = {
    "queued": Queued(),
    "done": Finished(),
    "declined": Failure(kind=FailureKind.MODERATED, message="Declined."),
}


class Slow(JobProvider[HttpSettings]):
    """A provider that takes jobs."""

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities()

    def encode(self, request):
        """Write the submission."""
        return Call.post("jobs", json={"prompt": request.prompt})

    def accepted(self, reply):
        """Read the job."""
        return Job(id=reply.json["id"], poll="jobs/j1", cancel="jobs/j1/cancel")

    def progress(self, reply):
        """Read the state."""
        return STATES[reply.json["state"]]

    def decode(self, reply):
        """Find the picture."""
        return [reply.json["picture"]]


def router(server):
    provider = Slow("slow", HttpSettings(base_url=server.origin, api_key=Secret("k"), plaintext="accept"))
    return Router(
        providers={"slow": provider, "fake": FakeProvider()},
        chains={"default": ["slow"]},
        policy=ONCE,
        transport=Transport(pace=Pace(first_poll=0.001, longest_poll=0.001)),
    )


async def test_a_job_outlives_its_request():
    """The request times out, its record keeps the job, and the claim brings the picture at no further cost."""
    async with ScriptedServer(TAKEN, QUEUED, Step.json({}), DONE) as server, router(server) as one:
        with pytest.raises(AllProvidersFailed) as failed:
            await one.generate("a lighthouse", attempt_timeout=0.1)
        job = failed.value.record.attempts[0].facts["job"]
        result = await one.claim("slow", job)

    assert job["id"] == "j1"
    assert (result.image.width, result.image.height, result.provider) == (64, 64, "slow")
    assert (result.cost.certain, result.attempts[0].billing) == (0, Billing.FREE)


async def test_a_job_that_has_not_ended_goes_on():
    """It may be claimed again, and the upstream is not told to stop."""
    async with ScriptedServer(QUEUED) as server, router(server) as one:
        with pytest.raises(AllProvidersFailed, match="claim it again") as failed:
            await one.claim("slow", Job(id="j1", poll="jobs/j1", cancel="jobs/j1/cancel"), timeout=0.05)

    assert failed.value.retryable
    assert {request.method for request in server.requests} == {"GET"}


async def test_a_job_that_was_declined():
    """It is told as the request would have been."""
    async with ScriptedServer(Step.json({"state": "declined"})) as server, router(server) as one:
        with pytest.raises(Moderated, match="Declined"):
            await one.claim("slow", {"id": "j1", "poll": "jobs/j1"})


async def test_who_takes_no_jobs():
    """A provider without jobs, or without a name, is an error of the caller."""
    async with ScriptedServer(QUEUED) as server, router(server) as one:
        with pytest.raises(ValueError, match="takes no jobs"):
            await one.claim("fake", {"id": "j1", "poll": "jobs/j1"})
        with pytest.raises(ValueError, match="no provider 'slwo'"):
            await one.claim("slwo", {})
