"""The conformance kit finds what is wrong with a provider of jobs."""

import pytest
from attrs import evolve, frozen

from pixroute import Capabilities, Failure, FailureKind, HttpSettings
from pixroute.http import Call, Finished, Job, JobProvider
from pixroute.testing.conformance import KEY, ORIGIN, PICTURE, ProviderConformance, Upstream

pytestmark = pytest.mark.slow  # sockets


@frozen(kw_only=True)
class TakerSettings(HttpSettings):
    """Settings of a provider that takes jobs."""

    base_url: str = "https://api.taker.example/v1"
    model: str = "taker-1"


class Taker(JobProvider[TakerSettings]):
    """A provider of jobs that keeps its contract."""

    job_hosts = ("*.taker.example",)

    def capabilities(self):
        """Tell what it can do."""
        return Capabilities()

    def encode(self, request):
        """Write the submission."""
        return Call.post("jobs", json={"prompt": request.prompt})

    def accepted(self, reply):
        """Read the job."""
        return Job(id=reply.json["id"], poll=reply.json["polling_url"])

    def progress(self, reply):
        """Read the state."""
        return {"Ready": Finished()}[reply.json["status"]]

    def decode(self, reply):
        """Find the picture."""
        return [reply.json["sample"]]


class Final(Taker):
    """One that takes a job that is not found for a wrong request."""

    def progress(self, reply):
        """Read the state."""
        if reply.json.get("status") == "Task not found":
            return Failure(kind=FailureKind.INVALID, message="No such task.")
        return super().progress(reply)


class Homely(Taker):
    """One that forgot the hosts of its jobs."""

    job_hosts = ()


class Kit(ProviderConformance):
    """The kit as the author of `Taker` uses it."""

    upstream = Upstream(
        before=({"id": "j1", "polling_url": f"{ORIGIN}/v1/jobs/j1"},),
        healthy={"status": "Ready", "sample": PICTURE},
        lost={"status": "Task not found"},
        job_origins=("https://api.eu.taker.example",),
    )


kit = Kit()
JOBS = [
    "test_a_young_job_may_be_unknown",
    "test_a_lost_job_is_no_fault_of_the_request",
    "test_the_key_goes_to_no_second_origin",
    "test_documented_hosts_are_asked",
]


def made(kind):
    return kind("taker", TakerSettings(api_key=KEY))


@pytest.mark.parametrize("test", JOBS)
def test_one_that_keeps_its_contract_passes(test):
    """Each check is green for it."""
    getattr(kit, test)(made(Taker))


@pytest.mark.parametrize(
    ("kind", "test", "text"),
    [
        (Final, "test_a_lost_job_is_no_fault_of_the_request", "counts as invalid"),
        (Homely, "test_documented_hosts_are_asked", "job_hosts"),
    ],
)
def test_what_is_wrong_is_found(kind, test, text):
    """And why it matters is said."""
    with pytest.raises(pytest.fail.Exception, match=f"(?s){text}.*Why it matters"):
        getattr(kit, test)(made(kind))


def test_jobs_without_urls_of_their_own_skip_the_second_origin():
    """There is nothing that could lead astray."""

    class Named(Kit):
        upstream = evolve(Kit.upstream, before=({"id": "j1", "polling_url": "jobs/j1"},))

    with pytest.raises(pytest.skip.Exception):
        Named().test_the_key_goes_to_no_second_origin(made(Taker))
