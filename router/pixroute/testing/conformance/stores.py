"""What a driver for shared state must do; subclass the test classes and give the fixtures `told` or `kept`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from pixroute.shared.lease import Lease, LeaseHold, LeaseSettlement
from pixroute.shared.leases import Leases
from pixroute.shared.ports import Kept, Query, Told


class ToldConformance:
    """Of a `Told`: the fixture `told` gives a function that opens one more connection to the same, empty store."""

    @pytest.fixture
    def told(self) -> Callable[[], Told]:
        """Give what opens the driver under test."""
        raise NotImplementedError("give a fixture `told`")

    async def test_everybody_reads_what_one_told(self, told: Callable[[], Told]) -> None:
        """What one process tells, another reads, with its age."""
        one, other = told(), told()
        await one.exchange("one", {"key": "value", "empty": "", "wide": "\u2603'\"\\{now}:name"}, life=60)
        read = await other.exchange("other", {}, life=60)
        await one.aclose()
        await other.aclose()

        assert {(fact.owner, fact.key): fact.value for fact in read} == {
            ("one", "key"): "value",
            ("one", "empty"): "",
            ("one", "wide"): "\u2603'\"\\{now}:name",
        }
        assert all(-1 <= fact.age < 5 for fact in read)

    async def test_what_is_no_longer_told_is_gone(self, told: Callable[[], Told]) -> None:
        """Each exchange puts its facts in place of the owner's former ones, and of nobody else's."""
        one, other = told(), told()
        await one.exchange("one", {"old": "1", "kept": "1"}, life=60)
        await other.exchange("other", {"mine": "1"}, life=60)
        await one.exchange("one", {"kept": "2"}, life=60)
        read = await other.exchange("other", {"mine": "1"}, life=60)
        await one.aclose()
        await other.aclose()

        assert {(fact.owner, fact.key, fact.value) for fact in read} == {("one", "kept", "2"), ("other", "mine", "1")}

    async def test_nothing_new_leaves_what_was_told(self, told: Callable[[], Told]) -> None:
        """With None for its facts a process reads, and what it told before stands and grows older."""
        one = told()
        await one.exchange("one", {"key": "1"}, life=60)
        await asyncio.sleep(0.1)
        read = await one.exchange("one", None, life=60)
        await one.aclose()

        assert [(fact.owner, fact.key, fact.value) for fact in read] == [("one", "key", "1")]
        assert read[0].age >= 0.05

    async def test_what_is_over_is_not_read(self, told: Callable[[], Told]) -> None:
        """The store's clock ends what its owner does not renew."""
        one, other = told(), told()
        await one.exchange("one", {"key": "value"}, life=0.05)
        await asyncio.sleep(0.2)
        read = await other.exchange("other", {}, life=60)
        await one.aclose()
        await other.aclose()

        assert list(read) == []


class KeptConformance:
    """Of a `Kept`: the fixture `kept` gives a function that opens one more connection to the same, empty store."""

    @pytest.fixture
    def kept(self) -> Callable[[], Kept]:
        """Give what opens the driver under test."""
        raise NotImplementedError("give a fixture `kept`")

    async def test_what_raises_is_undone(self, kept: Callable[[], Kept]) -> None:
        """Nothing of a transaction that raised is seen by the next."""
        store = kept()

        async def raising(query: Query) -> None:
            await query("INSERT INTO pixroute_doubt VALUES (:a, :b, :c, {now}, :a)", a="a", b="b", c=1)
            raise LookupError

        async def reading(query: Query) -> int:
            return len(await query("SELECT * FROM pixroute_doubt"))

        with pytest.raises(LookupError):
            await store.transact(raising)
        seen = await store.transact(reading)
        await store.aclose()

        assert seen == 0

    async def test_a_caller_that_leaves_stops_no_transaction(self, kept: Callable[[], Kept]) -> None:
        """It is cancelled at once, and what it began is there."""
        store, began, goes_on = kept(), asyncio.Event(), asyncio.Event()

        async def writing(query: Query) -> None:
            began.set()
            await goes_on.wait()
            await query("INSERT INTO pixroute_doubt VALUES (:a, :b, :c, {now}, :a)", a="a", b="b", c=1)

        async def reading(query: Query) -> int:
            return len(await query("SELECT * FROM pixroute_doubt"))

        caller = asyncio.ensure_future(store.transact(writing))
        await began.wait()
        caller.cancel()
        await asyncio.wait([caller])
        goes_on.set()
        seen = await store.transact(reading)
        await store.aclose()

        assert caller.cancelled()
        assert seen == 1

    async def test_a_limit_is_never_passed(self, kept: Callable[[], Kept]) -> None:
        """Of two hundred attempts of four processes at five dollars, fifty of ten cents are sent."""
        stores = [kept() for _ in range(4)]
        processes = [Leases(store) for store in stores]
        hold = LeaseHold(kind="budget", name="team@day", amount=100_000, limit=5_000_000, ends=2e9)
        refused = await asyncio.gather(
            *(
                process.take(Lease(attempt=f"{number}-{turn}", holds=(hold,), seconds=60))
                for number, process in enumerate(processes)
                for turn in range(50)
            )
        )
        (status,) = (await processes[0].status([hold.name])).values()
        for process, store in zip(processes, stores, strict=True):
            await process.aclose()
            await store.aclose()

        assert refused.count(None) == hold.limit // hold.amount
        assert (status.spent, status.possibly, status.reserved) == (0, 0, hold.limit)

    async def test_what_was_settled_is_counted_once(self, kept: Callable[[], Kept]) -> None:
        """Spent, possibly spent and free; a second settlement is nothing."""
        store = kept()
        leases = Leases(store)
        hold = LeaseHold(kind="budget", name="team@day", amount=100, limit=1000, ends=2e9)
        for attempt in ("spent", "possibly", "free"):
            await leases.take(Lease(attempt=attempt, holds=(hold,), seconds=60))
        for _ in range(2):
            leases.settle(LeaseSettlement(attempt="spent", spent=90))
            leases.settle(LeaseSettlement(attempt="possibly", possibly=100))
            leases.settle(LeaseSettlement(attempt="free"))
        await leases.aclose()
        (status,) = (await leases.status([hold.name])).values()
        await store.aclose()

        assert (status.spent, status.possibly, status.reserved) == (90, 100, 0)

    async def test_the_place_of_a_dead_process_is_free_again_and_its_money_is_not(
        self, kept: Callable[[], Kept]
    ) -> None:
        """A lease that ran out leaves its place; what it had reserved may have been billed."""
        store = kept()
        dead, living = Leases(store), Leases(store)
        money = LeaseHold(kind="budget", name="team@day", amount=100, limit=1000, ends=2e9)
        place = LeaseHold(kind="slot", name="primary")
        await dead.take(Lease(attempt="dead", holds=(money, place), seconds=0.5))
        full = await living.take(Lease(attempt="early", holds=(place,), seconds=60))
        await asyncio.sleep(0.6)
        free = await living.take(Lease(attempt="late", holds=(place,), seconds=60))
        (status,) = (await living.status([money.name])).values()
        await dead.aclose()
        await living.aclose()
        await store.aclose()

        assert full is not None
        assert (full.hold, full.left, free) == (place, 0, None)
        assert (status.possibly, status.reserved) == (100, 0)
