"""Working through the items of a batch."""

import asyncio
import json
from decimal import Decimal

import pytest

from pixroute import FailureKind, Policy, Size
from pixroute.batch.folder import Folder
from pixroute.batch.journal import Journal
from pixroute.batch.manifest import write_manifest
from pixroute.batch.run import Batch, Began, ItemEnded, Stopped, check
from pixroute.batch.status import ITEM_TAG
from pixroute.content import InMemory
from pixroute.ledger import Ledger
from pixroute.outcome import Delivered, Success
from pixroute.policy import RetryPolicy
from pixroute.provider import Capabilities
from pixroute.routing.budget import RequestBudget
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture
from pixroute.testing.fake import blank_png

ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))


class Gate(FakeProvider):
    """Delivers when it is let, and remembers how many waited at most."""

    def __init__(self, **options):
        super().__init__(**options)
        self.open = asyncio.Event()
        self.most = 0

    async def generate(self, request, attempt):
        """Deliver."""
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await self.open.wait()
        self.in_flight -= 1
        return await super().generate(request, attempt)


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def run(folder):
    """Run a batch over these providers, with what it told."""

    async def run(items, *providers, concurrency=4, most=None, policy=ONCE, on=lambda _batch, _event: None):
        told = []

        def tell(event):
            told.append(event)
            on(work, event)

        with Journal(folder.journal, emulated=True) as journal:
            async with fake_router(*providers, policy=policy, observers=[Ledger(folder.ledger, sync=False)]) as router:
                work = Batch(
                    router=router,
                    journal=journal,
                    folder=folder.path,
                    concurrency=concurrency,
                    budget=RequestBudget(None if most is None else Decimal(most)),
                    tell=tell,
                )
                await work.run(items)
        return work, told

    return run


def ended(told):
    return [event for event in told if isinstance(event, ItemEnded)]


async def test_every_item_becomes_a_file_and_is_finished(run, folder, item):
    """Under its own name and the suffix that is true; several pictures are numbered."""
    items = [item("a"), item("b", n=2)]

    _, told = await run(items, FakeProvider())

    assert {path.name for path in folder.path.glob("*.png")} == {"a.png", "b.1.png", "b.2.png"}
    assert folder.status(items, folder.history()).done == (*items,)
    assert [event.item.id for event in told if isinstance(event, Began)] == ["a", "b"]
    assert len(ended(told)) == 2


async def test_no_more_than_so_many_are_in_flight(run, item):
    """The others have not even begun."""
    gate = Gate()

    def open_when_full(_batch, event):
        if isinstance(event, Began) and event.item.id == "2":
            asyncio.get_running_loop().call_soon(gate.open.set)

    await run([item(str(number)) for number in range(9)], gate, concurrency=3, on=open_when_full)

    assert gate.most <= 3
    assert len(gate.calls) == 9


async def test_an_item_is_in_the_journal_before_it_is_sent(run, folder, item):
    """Whoever dies from here on leaves it doubtful."""
    seen = []

    def look(_number):
        seen.append(folder.history().open.keys())
        return fail(FailureKind.OVERLOADED)

    await run([item("a")], FakeProvider(look))

    assert seen == [{"a"}]
    assert folder.history().failed["a"]["error"] == "AllProvidersFailed"


async def test_a_failure_stops_no_other_item(run, folder, item):
    """It cost nothing, so the next run may ask again."""
    items = [item("a"), item("b")]

    await run(items, FakeProvider(fail(FailureKind.OVERLOADED), picture()), concurrency=1)

    stands = folder.status(items, folder.history())
    assert ([one.id for one in stands.ready], [one.id for one in stands.done]) == (["a"], ["b"])


async def test_a_failure_that_may_have_been_billed_is_doubtful(run, folder, item):
    """It is not asked again unless told so."""
    items = [item("a")]

    await run(items, FakeProvider(fail(FailureKind.DISCONNECTED)))

    stands = folder.status(items, folder.history())
    assert stands.doubtful == (*items,)
    assert stands.spent.possible == Decimal("0.04")


@pytest.mark.parametrize(("most", "made"), [("0.10", 2), ("0.12", 3), ("1", 5), ("0", 0)])
async def test_no_more_is_spent_than_the_limit(run, folder, item, most, made):
    """Also with several in flight: each reserves its worst case, and what it did not need is there for others."""
    items = [item(str(number)) for number in range(5)]

    work, _ = await run(items, FakeProvider(), FakeProvider(), most=most)

    stands = folder.status(items, folder.history())
    assert (len(stands.done), len(stands.ready), stands.doubtful) == (made, 5 - made, ())
    assert work.stopped is (Stopped.MONEY if made < 5 else None)


async def test_what_may_have_been_billed_counts_in_full(run, folder, item):
    """Cuts spend the limit as pictures do."""
    items = [item(str(number)) for number in range(5)]

    work, _ = await run(items, FakeProvider(fail(FailureKind.DISCONNECTED)), most="0.08")

    assert len(folder.status(items, folder.history()).doubtful) == 2
    assert work.stopped is Stopped.MONEY


async def test_asked_to_stop_it_lets_what_is_in_flight_end(run, folder, item):
    """And starts nothing more."""
    items = [item(str(number)) for number in range(5)]

    work, _ = await run(items, FakeProvider(), concurrency=2, on=lambda batch, _event: batch.stop())

    stands = folder.status(items, folder.history())
    assert (len(stands.done), len(stands.ready)) == (1, 4)
    assert work.stopped is Stopped.ASKED


async def test_cancelled_it_leaves_no_task_and_names_what_may_be_billed(run, folder, item):
    """The ledger has settled what was in flight as possibly billed."""
    began, items = asyncio.Event(), [item("a"), item("b")]

    async def generate(_self, _request, attempt):
        attempt.reached(4)
        began.set()
        await asyncio.Event().wait()

    silent = type("Silent", (FakeProvider,), {"generate": generate})()
    task = asyncio.create_task(run(items, silent, concurrency=1))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    stands = folder.status(items, folder.history())
    assert ([one.id for one in stands.doubtful], [one.id for one in stands.ready]) == (["a"], ["b"])
    assert len(asyncio.all_tasks()) == 1


async def test_a_journal_that_cannot_be_written_stops_the_batch(run, folder, item, monkeypatch):
    """Nothing is bought of which no note can be taken; what is in flight is kept."""
    provider = FakeProvider()

    def refuse(_file):
        raise OSError(28, "No space left")

    def full(_batch, event):
        if isinstance(event, ItemEnded):
            monkeypatch.setattr("os.fsync", refuse)

    with pytest.raises(OSError, match="No space left"):
        await run([item(str(number)) for number in range(5)], provider, concurrency=1, on=full)

    assert len(provider.calls) == 1


async def test_a_picture_that_cannot_be_written_where_it_belongs_is_not_lost(run, folder, item, tmp_path, monkeypatch):
    """It goes to the folder of temporary files, and journal and manifest know where."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(elsewhere))
    (folder.path / "a.png").mkdir()

    _, told = await run([item("a")], FakeProvider())

    assert ended(told)[0].paths == (elsewhere / "a.png",)
    assert folder.history().finished["a"]["pictures"][0]["path"].endswith("elsewhere/a.png")


async def test_a_picture_paid_for_and_not_accepted_is_kept(run, folder, item):
    """Under a name that says so; the item is doubtful, for it cost its price."""
    small = Act(outcome=Success(pictures=(Delivered(content=InMemory(blank_png(64, 64))),)))

    await run([item("a")], FakeProvider(small))

    assert [path.name for path in folder.path.glob("*.png")] == ["a.rejected.png"]
    assert folder.history().failed["a"]["pictures"][0]["role"] == "rejected"
    assert folder.status([item("a")], folder.history()).doubtful


async def test_requests_carry_the_item_as_a_tag(run, folder, item):
    """So that record, events and ledger name it."""
    _, told = await run([item("a", tags={"team": "art"})], FakeProvider())

    assert ended(told)[0].outcome.tags == {"team": "art", ITEM_TAG: "a"}


async def test_the_manifest_has_a_line_a_picture(run, folder, item):
    """Who made it, where it is, what it cost, what was adjusted and tried; in the order of the items."""
    items = [item("b", line=1), item("a", line=2, n=2)]
    upgrades = Capabilities(resolutions={"2K"})
    await run(items, FakeProvider(fail(FailureKind.OVERLOADED)), FakeProvider(capabilities=upgrades), concurrency=1)

    write_manifest(folder.manifest, items, folder.history())

    first, *others = map(json.loads, folder.manifest.read_text().splitlines())
    assert [line["path"] for line in (first, *others)] == ["b.png", "a.1.png", "a.2.png"]
    assert (first["item"], first["line"], first["provider"], first["model"]) == ("b", 1, "fake-2", "fake-1")
    assert first["cost"] == {"certain": "0.04", "possible": "0", "currency": "USD"}
    assert first["fell_back"] is True
    assert first["adjustments"] == ["size: asked 1K, delivered 2K (the provider makes no smaller pictures)"]
    assert [attempt["end"] for attempt in first["attempts"]] == ["overloaded", "picture"]
    assert "secret" not in folder.manifest.read_text() + folder.journal.read_text() + folder.ledger.read_text()


async def test_the_manifest_keeps_prompts_where_asked(run, folder, item):
    """Only then."""
    await run([item("a")], FakeProvider())

    write_manifest(folder.manifest, [item("a")], folder.history(), with_prompts=True)

    assert json.loads(folder.manifest.read_text())["prompt"] == "a secret wish"


async def test_what_can_never_work_is_told_before_anything_is_bought(item, tmp_path):
    """A chain or a reference that is not there, and a wish that no provider can fulfil."""
    small = FakeProvider(capabilities=Capabilities(resolutions={"1K"}))
    items = [
        item("fine"),
        item("chain", line=2, chain="nowhere"),
        item("reference", line=3, references=[tmp_path / "x.png"]),
        item("size", line=4, size=Size("4K")),
    ]

    async with fake_router(small) as router:
        problems = await check(router, items)

    chain, reference, size = map(str, problems)
    assert chain.startswith("line 2: there is no chain 'nowhere'")
    assert reference.startswith(f"line 3: reference picture {tmp_path / 'x.png'} cannot be read")
    assert size.startswith("line 4: nobody can serve it: fake-1: makes 1K")
    assert small.calls == []
