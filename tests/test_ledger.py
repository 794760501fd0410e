import json
import os
import resource
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from pixroute import Billing, ConfigError, FailureKind, Policy, RequestFailed, Router, Stage
from pixroute.cost import Cost
from pixroute.errors import AllProvidersFailed
from pixroute.events import AttemptFinished, AttemptStarted, JobAccepted
from pixroute.ledger import Ledger, read_ledger
from pixroute.outcome import Blame
from pixroute.secret import Secret
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence

ONCE = Policy(max_attempts=1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def ledger(path):
    return Ledger(path)


def started(attempt="a-1", provider="fake", price="0.09", currency="USD"):
    return AttemptStarted(
        at=0.0,
        request=attempt,
        attempt=attempt,
        provider=provider,
        model="fake-1",
        resolution="4K",
        ends_at=600.0,
        price=Cost(certain=None if price is None else Decimal(price), currency=currency),
    )


def finished(attempt="a-1", provider="fake", certain="0.09", currency="USD", seconds=12.0):
    return AttemptFinished(
        at=seconds,
        request=attempt,
        attempt=attempt,
        provider=provider,
        stage=Stage.DONE,
        billing=Billing.BILLED,
        cost=Cost(certain=Decimal(certain), currency=currency),
        seconds=seconds,
    )


def ask(path, *providers, prompt="a lighthouse", **options):
    """Send one request that is written down; give what the ledger says."""

    async def main():
        async with fake_router(*providers, policy=ONCE, observers=[Ledger(path)]) as router:
            try:
                await router.generate(prompt, **options)
            except RequestFailed:
                return

    run_virtual(main())
    return read_ledger(path)


# Writing


def test_an_attempt_is_on_disk_before_it_is_sent(path, monkeypatch):
    """When the provider is called, the line is written and the disk has confirmed it."""
    synced, seen = [], []
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(Path(file.name).stat().st_size))

    def act(_number):
        seen.extend(read_ledger(path).entries)
        assert synced == [path.stat().st_size]
        return picture()

    ask(path, FakeProvider(act))

    assert [entry.settled for entry in seen] == [None]
    assert len(synced) == 1


def test_without_sync_the_disk_is_not_waited_for(path, monkeypatch):
    """`sync=False` still writes the line, but asks for no confirmation."""
    monkeypatch.setattr(os, "fsync", lambda _file: pytest.fail("the disk was waited for"))

    Ledger(path, sync=False)(started())

    assert len(read_ledger(path).unsettled) == 1


def test_a_picture_is_written_down(path):
    """Both lines of an attempt become one entry with everything a bill can be compared with."""
    before = datetime.now(UTC)
    entry = ask(path, FakeProvider(picture(12)), size="4K", tags={"team": "studio"}).entries[0]

    assert (entry.provider, entry.model, entry.resolution) == ("fake-1", "fake-1", "4K")
    assert (entry.kind, entry.stage, entry.billing, entry.seconds) == (None, "done", Billing.BILLED, 12.0)
    assert entry.cost == Cost(certain=Decimal("0.04"))
    assert entry.tags == {"team": "studio"}
    assert entry.attempt.startswith(entry.request)
    assert before.replace(microsecond=0) <= entry.started <= entry.settled


def test_a_failure_is_written_down(path):
    """An attempt that was cut may have been billed: its price is possible, not certain."""
    entry = ask(path, FakeProvider(silence()), timeout=300).entries[0]

    assert (entry.kind, entry.billing) == ("timeout", Billing.AMBIGUOUS)
    assert entry.cost == Cost(possible=Decimal("0.04"))
    assert entry.seconds > 180


def test_no_line_holds_the_prompt(path):
    """Prompts stay out, whatever becomes of the request."""
    ask(path, FakeProvider(fail(FailureKind.INVALID, status=400)), prompt="a secret lighthouse")

    assert "secret" not in path.read_text()


def test_a_tag_that_is_no_text_is_refused_before_a_line_is_begun(path):
    """What JSON may not know is told to the caller, not found out when the money is spent."""
    with pytest.raises(ValueError, match=r"^tags\.customer must be text, not 7$"):
        ask(path, FakeProvider(), tags={"customer": Decimal(7)})

    assert path.read_text() == ""


def test_tags_come_with_the_attempt(path):
    """Nothing is kept from one event to the next."""

    async def main():
        async with fake_router(observers=[Ledger(path)]) as router:
            await router.generate("a lighthouse", tags={"team": "studio"})

    run_virtual(main())

    assert [entry.tags for entry in read_ledger(path).entries] == [{"team": "studio"}]


def test_a_ledger_that_cannot_be_written_is_told_at_once(tmp_path):
    """Not at the first request, when the money is spent."""
    with pytest.raises(FileNotFoundError):
        Ledger(tmp_path / "missing" / "ledger.jsonl")


def test_a_full_disk_is_told(path, ledger):
    """A line that does not fit raises, and the next one that does is whole."""
    ledger(started("a-1"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, before[1]))
    try:
        with pytest.raises(OSError, match="No space left"):
            ledger(started("a-2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    ledger(started("a-3"))
    report = read_ledger(path)

    assert ([entry.attempt for entry in report.entries], report.unreadable) == (["a-1", "a-3"], 1)


def test_a_line_after_a_torn_one_is_whole(path, ledger):
    """The next writer does not glue its line to what a killed one left."""
    path.write_bytes(b'{"started": "2026-')

    ledger(started())
    report = read_ledger(path)

    assert [entry.attempt for entry in report.entries] == ["a-1"]
    assert report.unreadable == 1


def test_several_writers_share_a_file(path):
    """Lines that are appended at the same moment stay whole."""
    at_once = threading.Barrier(8)

    def write(number):
        ledger = Ledger(path, sync=False)
        at_once.wait()
        for attempt in range(20):
            ledger(started(f"{number}-{attempt}"))
            ledger(finished(f"{number}-{attempt}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    report = read_ledger(path)

    assert (len(report.entries), report.unsettled, report.unreadable) == (160, (), 0)


# Reading


def test_what_never_settled_may_have_been_billed(path, ledger):
    """An attempt without an end counts at its price; one that is known to cost nothing does not."""
    ledger(started("a-1", price="0.09"))
    ledger(started("a-2", price="0"))
    ledger(started("a-3", price=None))
    report = read_ledger(path)

    assert [entry.billing for entry in report.entries] == [Billing.AMBIGUOUS, Billing.FREE, Billing.AMBIGUOUS]
    assert [entry.cost.possible for entry in report.entries] == [Decimal("0.09"), Decimal(0), None]
    assert [entry.attempt for entry in report.ambiguous] == ["a-1", "a-3"]
    assert len(report.unsettled) == 3


def test_totals_are_exact_and_by_provider_and_currency(path, ledger):
    """Money is added as decimals, never across currencies."""
    for number in range(3):
        ledger(started(f"a-{number}", price="0.1"))
        ledger(finished(f"a-{number}", certain="0.1"))
    ledger(started("b-1", provider="beta", currency="CNY", price="0.7"))
    totals = {(total.provider, total.cost.currency): total for total in read_ledger(path).totals}

    fake, beta = totals["fake", "USD"], totals["beta", "CNY"]
    assert (fake.attempts, fake.billed, fake.possibly_billed, fake.unsettled) == (3, 3, 3, 0)
    assert fake.cost == Cost(certain=Decimal("0.3"))
    assert (beta.attempts, beta.billed, beta.possibly_billed, beta.unsettled) == (1, 0, 1, 1)
    assert beta.cost == Cost(possible=Decimal("0.7"), currency="CNY")


def test_an_unknown_price_makes_its_total_unknown(path, ledger):
    """Unknown money is None, never 0."""
    ledger(started(price=None))

    assert read_ledger(path).totals[0].cost == Cost(possible=None)


def test_slow_attempts_are_listed(path, ledger):
    """By default those over 180 s."""
    for attempt, seconds in (("a-1", 180.0), ("a-2", 180.1)):
        ledger(started(attempt))
        ledger(finished(attempt, seconds=seconds))
    report = read_ledger(path)

    assert [entry.attempt for entry in report.over()] == ["a-2"]
    assert len(report.over(10)) == 2


def test_a_file_cut_anywhere_can_be_read(path, ledger, tmp_path):
    """Whatever byte was the last, every whole start is there, and nothing raises."""
    ledger(started())
    ledger(finished())
    written = path.read_bytes()
    first = written.index(b"\n")

    for cut in range(len(written)):
        torn = tmp_path / "torn.jsonl"
        torn.write_bytes(written[:cut])
        report = read_ledger(torn)
        assert len(report.entries) == (cut >= first)
        assert len(report.unsettled) == (first <= cut < len(written) - 1)


def test_an_end_without_its_start_counts(path, ledger):
    """Money is not lost with a file that was rotated in between."""
    ledger(finished())
    entry = read_ledger(path).entries[0]

    assert (entry.started, entry.billing, entry.cost.certain) == (None, Billing.BILLED, Decimal("0.09"))


def test_an_id_that_comes_again_is_another_attempt(path, ledger):
    """A router with a fixed seed gives the same ids after a restart; what was killed stays unsettled."""
    ledger(started())
    ledger(started())
    ledger(finished())
    report = read_ledger(path)

    assert [entry.settled is None for entry in report.entries] == [True, False]


def test_lines_of_others_are_counted(path):
    """A file that is no ledger says so by its count, not by a traceback."""
    path.write_text('{"prompt": "a lighthouse"}\n[1]\n\nnot json\n')
    report = read_ledger(path)

    assert (report.entries, report.unreadable) == ((), 3)


# Named by a configuration


def configuration(**observers):
    return {
        "chains": {"default": ["one"]},
        "providers": {"one": {"type": "openai-images", "api_key": Secret("k"), "base_url": "https://api.example/v1"}},
        "observers": observers,
    }


def test_a_configuration_may_name_it(path):
    """`[observers.ledger]` is found among the plugins and opens the file."""
    Router.from_mapping(configuration(ledger={"path": str(path), "sync": False}))

    assert path.exists()


def test_a_configuration_that_names_a_wrong_file_is_refused(tmp_path):
    """The mistake is told with its path, before any request."""
    with pytest.raises(ConfigError, match=r"observers\.ledger: .*cannot be written: No such file"):
        Router.from_mapping(configuration(ledger={"path": str(tmp_path / "missing" / "ledger.jsonl")}))


# Killed

CHILD = """
import asyncio, os, sys
from pixroute.ledger import Ledger
from pixroute.testing import FakeProvider, fake_router, picture, silence

def say(text):
    os.write(1, (text + "\\n").encode())

class Telling(FakeProvider):
    async def generate(self, request, attempt):
        say("sent " + attempt.request_id)
        return await super().generate(request, attempt)

async def ask(router):
    while True:
        result = await router.generate("a lighthouse")
        say("done " + result.attempts[0].id)

async def main():
    hung, quick = Telling(silence()), Telling(picture())
    async with fake_router(hung, observers=[Ledger(sys.argv[1])], seed=1) as one:
        async with fake_router(quick, observers=[Ledger(sys.argv[1])], seed=2) as other:
            await asyncio.gather(*(one.generate("a lighthouse") for _ in range(5)), *(ask(other) for _ in range(3)))

asyncio.run(main())
"""


@pytest.mark.slow  # starts an interpreter
def test_nothing_is_lost_when_the_process_is_killed(path):
    """After SIGKILL every attempt that was sent is in the ledger, and those in flight are named."""
    with subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE, text=True) as child:
        lines = [next(child.stdout) for _ in range(100)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
    told = {word: {line.split()[1] for line in lines if line.startswith(word)} for word in ("sent", "done")}
    report = read_ledger(path)

    written = {entry.attempt for entry in report.entries}
    unsettled = {entry.attempt for entry in report.unsettled}
    assert told["sent"] <= written
    assert not told["done"] & unsettled
    assert len(unsettled & told["sent"] - told["done"]) >= 5
    assert unsettled <= {entry.attempt for entry in report.ambiguous}
    assert report.unreadable <= 1


def test_the_lines_are_json(path, ledger):
    """Any tool can read the file; money is text, so that it stays exact."""
    ledger(started())
    line = json.loads(path.read_text())

    assert (line["attempt"], line["price"], line["currency"]) == ("a-1", "0.09", "USD")


def test_a_job_is_written_down_before_it_is_asked_for(path, ledger):
    """A killed process leaves what its picture can be claimed by; claiming settles it."""
    ledger(started())
    ledger(JobAccepted(at=1.0, request="a-1", attempt="a-1", provider="fake", job={"id": "j1", "poll": "jobs/j1"}))

    (entry,) = read_ledger(path).unsettled
    assert entry.job == {"id": "j1", "poll": "jobs/j1"}
    assert entry.billing is Billing.AMBIGUOUS

    ledger.claimed(entry)

    (entry,) = read_ledger(path).entries
    assert (entry.billing, entry.cost.certain, entry.cost.possible) == (Billing.BILLED, Decimal("0.09"), 0)


def test_an_attempt_that_a_required_ledger_cannot_record_does_not_start(tmp_path, caplog):
    """Nothing is asked of anybody, nothing is billed, no breaker hears of it, and the error says what to do."""
    asked = FakeProvider(picture(1)), FakeProvider(picture(1))
    folder = tmp_path / "ledgers"
    folder.mkdir()
    ledger = Ledger(folder / "ledger.jsonl", required=True)
    (folder / "ledger.jsonl").unlink()
    folder.rmdir()

    async def main():
        async with fake_router(*asked, observers=[ledger]) as router:
            with pytest.raises(AllProvidersFailed) as caught:
                await router.generate("a lighthouse")
            return caught.value, router.health()

    error, health = run_virtual(main())

    assert [call for one in asked for call in one.calls] == []
    assert {(each.failure.blame, each.billing) for each in error.record.attempts} == {(Blame.OURS, Billing.FREE)}
    assert "make the ledger writable" in str(error)
    assert all(entry.in_flight == 0 and entry.state in ("closed", "enabled") for entry in health)
    assert "nothing more is asked" in caplog.text


def test_a_required_ledger_has_its_line_before_the_place_is_taken(tmp_path):
    """One line for the start, one for the end, as without it."""
    path = tmp_path / "ledger.jsonl"
    lines_when_asked = []

    def act(_):
        lines_when_asked.append(len(path.read_text().splitlines()))
        return picture(1)

    async def main():
        async with fake_router(FakeProvider(act), observers=[Ledger(path, required=True)]) as router:
            await router.generate("a lighthouse", tags={"team": "a"})

    run_virtual(main())

    assert lines_when_asked == [1]
    assert len(path.read_text().splitlines()) == 2
    assert read_ledger(path).unsettled == ()


class Recorder:
    """A required ledger of somebody else, whose first lines fail as they are told."""

    def __init__(self, *raises):
        self._raises = list(raises)

    def __call__(self, event):
        """Listen to nothing."""

    def before(self, event):
        """Agree, unless there is something left to raise."""
        if self._raises:
            raise self._raises.pop(0)


def test_a_required_ledger_that_can_be_written_again_costs_no_request(caplog):
    """As any lack of this machine: the chain begins again after some seconds, and nobody else is blamed."""
    asked = FakeProvider(picture(1)), FakeProvider(picture(1))
    recorder = Recorder(OSError(28, "No space left on device"), OSError(28, "No space left on device"))

    async def main():
        async with fake_router(*asked, observers=[recorder]) as router:
            return await router.generate("a lighthouse")

    result = run_virtual(main())

    assert (result.provider, len(asked[0].calls), len(asked[1].calls)) == ("fake-1", 1, 0)
    assert [each.stage for each in result.record.attempts] == [Stage.QUEUED, Stage.QUEUED, Stage.DONE]
    assert 5 <= result.record.attempts[2].started <= 6


@pytest.mark.parametrize("error", [TypeError("a bug"), SystemExit(1), RuntimeError("sk-abcdefghijklmnop1234567890")])
def test_what_a_required_ledger_raises_as_a_bug_is_a_free_failure(caplog, error):
    """It is typed, told in the log without what looks like a key, and ends the request at once."""
    asked = FakeProvider(picture(1)), FakeProvider(picture(1))

    async def main():
        async with fake_router(*asked, observers=[Recorder(*[error] * 9)]) as router:
            with pytest.raises(AllProvidersFailed) as caught:
                await router.generate("a lighthouse")
            return caught.value

    failed = run_virtual(main())

    assert [call for one in asked for call in one.calls] == []
    assert {(each.failure.kind, each.billing) for each in failed.record.attempts} == {
        (FailureKind.UNKNOWN, Billing.FREE)
    }
    assert failed.record.seconds == 0
    assert "mend the ledger, or take `required` away" in str(failed)
    assert type(error).__name__ in caplog.text
    assert "abcdefghijklmnop" not in caplog.text


def test_an_interrupt_passes_a_required_ledger():
    """A person's Ctrl-C is nobody's lack."""
    asked = FakeProvider(picture(1))

    async def main():
        async with fake_router(asked, observers=[Recorder(KeyboardInterrupt())]) as router:
            await router.generate("a lighthouse")

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main())

    assert asked.calls == []
