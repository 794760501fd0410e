"""A job that was called off before it began is free: in record, cost, events and ledger."""

import asyncio

import pytest

from pixroute import AllProvidersFailed, Billing, Capabilities, HttpSettings, Policy, Router
from pixroute.cli.spending import Spending
from pixroute.events import AttemptCorrected
from pixroute.http import Call, Finished, Job, JobProvider, Queued, Running
from pixroute.http.pace import Pace
from pixroute.http.transport import Transport
from pixroute.ledger import Ledger, read_ledger
from pixroute.policy import RetryPolicy
from pixroute.provider import Price
from pixroute.secret import Secret
from pixroute.testing import FakeProvider, picture
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # sockets

TAKEN = Step.json({"id": "j1"})
STATES = {"queued": Queued(), "running": Running(), "done": Finished()}
ONCE = Policy(max_attempts=1, retry=RetryPolicy(quick=False, rounds=()))


class Slow(JobProvider[HttpSettings]):
    """A provider that takes jobs."""

    price = Price(amounts={"other": "0.05"})

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


class Stand:
    """A router before an upstream that takes a job, tells `state` once, then is silent until the job is called off."""

    def __init__(self, path, state, answer, *, policy=ONCE, **fallback):
        self.path = path / "ledger"
        self.spending, self.corrections = Spending(), []
        self.server = ScriptedServer(TAKEN, Step.json({"state": state}), Step.hang(), answer)
        self._policy, self._fallback = policy, fallback

    def note(self, event):
        """Keep corrections."""
        if isinstance(event, AttemptCorrected):
            self.corrections.append(event)

    def router(self):
        """Make it."""
        settings = HttpSettings(base_url=self.server.origin, api_key=Secret("k"), plaintext="accept")
        return Router(
            providers={"slow": Slow("slow", settings), **self._fallback},
            chains={"default": ["slow", *self._fallback]},
            policy=self._policy,
            observers={"ledger": Ledger(self.path), "spending": self.spending, "note": self.note},
            transport=Transport(pace=Pace(first_poll=0.001, longest_poll=0.001)),
        )

    @property
    def entry(self):
        """Read the first attempt's lines."""
        return read_ledger(self.path).entries[0]


async def given_up(stand):
    """Let the caller cancel while the job is asked for."""
    async with stand.server, stand.router() as router:
        asking = asyncio.create_task(router.generate("a lighthouse"))
        await stand.server.received(3)
        asking.cancel()
        await asyncio.wait([asking])


async def test_a_job_called_off_in_the_queue_is_free(tmp_path):
    """The ledger is corrected though its request is over, and nothing is left to claim."""
    stand = Stand(tmp_path, "queued", Step.json({}))
    await given_up(stand)

    assert (stand.entry.billing, stand.entry.cost.possible, stand.entry.kind) == (Billing.FREE, 0, "cancelled")
    assert not read_ledger(stand.path).ambiguous
    assert [(one.billing, str(one.was.possible)) for one in stand.corrections] == [(Billing.FREE, "0.05")]
    assert stand.spending.cost.possible == 0


@pytest.mark.parametrize(
    ("state", "answer"),
    [("running", Step.json({})), ("queued", Step.json({}, status=400)), ("queued", Step.rst())],
    ids=["it had begun", "the upstream did not agree", "nobody answered"],
)
async def test_any_other_may_be_billed(tmp_path, state, answer):
    """It stays as it was told, and can be claimed."""
    stand = Stand(tmp_path, state, answer)
    await given_up(stand)

    assert (stand.entry.billing, str(stand.entry.cost.possible)) == (Billing.AMBIGUOUS, "0.05")
    assert stand.entry.job["id"] == "j1"
    assert not stand.corrections


async def test_a_record_that_is_still_open_knows_it(tmp_path):
    """A fallback is under way when the upstream agrees: record and cost of the request say that it was free."""
    fallback = FakeProvider(picture(0.2))
    stand = Stand(tmp_path, "queued", Step.json({}), policy=Policy(max_attempts=2), fake=fallback)
    async with stand.server, stand.router() as router:
        result = await router.generate("a lighthouse", attempt_timeout=0.25)

    called_off, won = result.attempts
    assert (called_off.billing, called_off.failure.billing, called_off.cost.possible) == (Billing.FREE, Billing.FREE, 0)
    assert won.won
    assert result.cost.possible == 0
    assert stand.entry.billing is Billing.FREE


async def test_nobody_waits_for_the_upstream_to_agree(tmp_path):
    """The request ends in time; what it says then is corrected by event and ledger."""
    stand = Stand(tmp_path, "queued", Step.pause(0.2) + Step.json({}))
    async with stand.server, stand.router() as router:
        began = asyncio.get_running_loop().time()
        with pytest.raises(AllProvidersFailed) as failed:
            await router.generate("a lighthouse", attempt_timeout=0.2)
        took = asyncio.get_running_loop().time() - began

    assert took < 0.2 + 0.25
    assert failed.value.record.attempts[0].billing is Billing.AMBIGUOUS
    assert stand.entry.billing is Billing.FREE
