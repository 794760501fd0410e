"""The conformance kit finds what is wrong with a provider of jobs."""

import pytest
from attrs import evolve, frozen

from pixroute import Capabilities, Failure, FailureKind, HttpSettings
from pixroute.http import Call, Finished, Job, JobProvider, JobSettings
from pixroute.testing.conformance import KEY, ORIGIN, PICTURE, ProviderConformance, Refusal, Upstream

pytestmark = pytest.mark.slow  # sockets


@frozen(kw_only=True)
class TakerSettings(JobSettings):
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


class Deaf(Taker):
    """One that keeps the first key that it was given."""

    def __init__(self, name, settings):
        super().__init__(name, evolve(settings, api_key=settings.api_key.reveal()))


class Strange(Taker):
    """One that knows no other origin, whatever its settings say."""

    def __init__(self, name, settings):
        super().__init__(name, evolve(settings, job_origins=()))


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
    "test_jobs_and_pictures_on_other_origins_arrive",
    "test_an_expired_key_is_replaced",
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
        (Deaf, "test_an_expired_key_is_replaced", "After the key changed"),
        (Strange, "test_jobs_and_pictures_on_other_origins_arrive", "was given up"),
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


def test_settings_without_other_origins_skip_them():
    """Nothing could be said of them."""

    @frozen(kw_only=True)
    class Plain(HttpSettings):
        base_url: str = "https://api.taker.example/v1"

    with pytest.raises(pytest.skip.Exception):
        kit.test_jobs_and_pictures_on_other_origins_arrive(Taker("taker", Plain(api_key=KEY)))


@pytest.mark.parametrize(
    ("origin", "plaintext", "why"),
    [
        ("queue.example.com", "refuse", "give it as https://host"),
        ("https://example.com/path", "refuse", "give it as https://host"),
        ("https://user:word@example.com", "refuse", "give it as https://host"),
        ("http://example.com", "refuse", "would travel in clear"),
        ("http://example.com", "private", "would travel in clear"),
    ],
)
def test_an_origin_that_is_none(origin, plaintext, why):
    """The key goes there as it goes to `base_url`."""
    with pytest.raises(ValueError, match=f"provider 'taker': `job_origins` has .*{why}"):
        Taker("taker", TakerSettings(api_key=KEY, job_origins=(origin,), plaintext=plaintext))


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal(body={"status": "Ready", "sample": PICTURE, "blurred": True}), "a picture"),
        (Refusal(body={"status": "Moderated"}, billed=True), "counts as"),
        (Refusal(body={"error": {"code": "moderation_blocked"}}, status=400, before=(), billed=True), "not billed"),
    ],
)
def test_a_form_of_refusal_that_is_not_understood(refusal, text):
    """It, its kind and its bill are named."""

    class Refusing(Kit):
        upstream = evolve(Kit.upstream, refusals={"strange": refusal})

    with pytest.raises(pytest.fail.Exception, match=rf"(?s)A refusal \(strange\).*{text}.*Why it matters"):
        Refusing().test_every_form_of_refusal_is_understood(made(Taker))
