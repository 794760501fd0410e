"""Places of the fleet at a provider: one limit for all processes, in order within each, and none is starved.

A router has leases of its own, as a process has: several in one process stand for several processes.
"""

import asyncio
from collections import Counter

import pytest

from pixroute import AllProvidersFailed, ConfigError, Router
from pixroute.config.shared import SharedSettings
from pixroute.events import AttemptFinished, AttemptStarted
from pixroute.outcome import FailureKind
from pixroute.shared import Leases, open_stores
from pixroute.shared.lease import Lease, LeaseHold
from pixroute.testing import FakeProvider, picture
from pixroute.testing.invariants import Invariants

QUICK = (0.2, 1.0, 3.0)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request, tmp_path):
    """Name an empty store of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "state.db")
    return request.getfixturevalue("cluster").database()


class Fleet:
    """Routers that share a provider's places, and the most attempts that were in flight at once."""

    def __init__(self, store, *, limit, count, seconds=0.05, second=False, on_store_down="refuse", **options):
        self.live = self.most = 0
        self.order = {}
        self.routers, self.firsts = [], []
        self.events = [[] for _ in range(count)]
        for number in range(count):
            first = self.provider(number, seconds, max_in_flight=limit, shared=True, **options)
            providers = {"one": first} | ({"two": FakeProvider(latency=QUICK)} if second else {})
            self.firsts.append(first)
            self.routers.append(
                Router(
                    providers=providers,
                    chains={"default": list(providers)},
                    shared=SharedSettings(store=_place(store), on_store_down=on_store_down),
                    observers={"events": self.events[number].append},
                )
            )

    def provider(self, number, seconds, **options):
        """Give a provider that notes who is in flight and in which order they came."""
        fleet = self

        class Counting(FakeProvider):
            async def generate(self, request, attempt):
                fleet.live += 1
                fleet.most = max(fleet.most, fleet.live)
                fleet.order.setdefault(number, []).append(request.prompt)
                try:
                    return await super().generate(request, attempt)
                finally:
                    fleet.live -= 1

        return Counting(picture(seconds), latency=QUICK, upstream="one", **options)


def _place(store):
    from pathlib import Path  # noqa: PLC0415

    from pixroute.secret import Secret  # noqa: PLC0415

    return Secret(lambda: store) if "://" in store else Path(store)


async def test_a_limit_is_the_fleets(store):
    """Of thirty-two requests of four processes no more than three are in flight at once, and all are served."""
    fleet = Fleet(store, limit=3, count=4)
    checks = [Invariants(providers={"one": first}) for first in fleet.firsts]
    try:
        results = await asyncio.gather(
            *(router.generate(f"{n}", timeout=60) for n in range(8) for router in fleet.routers)
        )
    finally:
        await asyncio.gather(*(router.aclose() for router in fleet.routers))
    for check, events in zip(checks, fleet.events, strict=True):
        for event in events:
            check(event)
        check.check_end()

    assert fleet.most == 3
    assert all(result.provider == "one" for result in results)
    if not any(getattr(event, "port", "") == "kept" for events in fleet.events for event in events):  # a busy machine
        assert all(len(result.record.attempts) == 1 for result in results), "waiting is no attempt"


async def test_order_holds_in_a_process(store):
    """Who came first is served first."""
    fleet = Fleet(store, limit=1, count=2, seconds=0.02)
    tasks = []
    try:
        for n in range(6):
            tasks += [asyncio.ensure_future(router.generate(f"{n}", timeout=60)) for router in fleet.routers]
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
    finally:
        await asyncio.gather(*(router.aclose() for router in fleet.routers))

    assert fleet.most == 1
    assert fleet.order == {0: [f"{n}" for n in range(6)], 1: [f"{n}" for n in range(6)]}


async def test_who_waits_elsewhere_hears_within_a_second(store):
    """A place that another process gives back is taken within a second, though that process has more to do."""
    fleet = Fleet(store, limit=1, count=2, seconds=0.3)
    one, other = fleet.routers
    loop = asyncio.get_running_loop()
    try:
        busy = [asyncio.ensure_future(one.generate(f"{n}", timeout=60)) for n in range(12)]
        await asyncio.sleep(0.15)
        began = loop.time()
        result = await other.generate("elsewhere", timeout=60)
        waited = loop.time() - began
        for task in busy:
            task.cancel()
        await asyncio.wait(busy)
    finally:
        await asyncio.gather(one.aclose(), other.aclose())

    assert result.provider == "one"
    assert waited < 0.3 + 1.0 + 0.3 + 2.0, "the one in flight, a second, its own time; two that a busy machine takes"


async def test_a_full_provider_may_be_passed_over(store):
    """With `when_full = "spill"` the next provider is asked at once; nothing was attempted at the full one."""
    fleet = Fleet(store, limit=1, count=2, seconds=0.5, second=True, when_full="spill")
    one, other = fleet.routers
    try:
        busy = asyncio.ensure_future(one.generate("busy", timeout=60))
        await asyncio.sleep(0.2)
        result = await other.generate("elsewhere", timeout=60)
        await busy
    finally:
        await asyncio.gather(one.aclose(), other.aclose())

    assert result.provider == "two"
    assert [record.provider for record in result.record.attempts] == ["two"]
    assert {type(event).__name__: event.provider for event in fleet.events[1] if isinstance(event, AttemptStarted)} == {
        "AttemptStarted": "two"
    }


async def test_waiting_is_none_of_the_attempts_time(store):
    """An attempt's time begins when it is sent: one that waited longer than its time-out is served."""
    fleet = Fleet(store, limit=1, count=2, seconds=0.6, attempt_timeout=1.0)
    one, other = fleet.routers
    try:
        busy = [asyncio.ensure_future(one.generate(f"{n}", timeout=60)) for n in range(2)]
        await asyncio.sleep(0.1)
        result = await other.generate("elsewhere", timeout=60)
        await asyncio.gather(*busy)
    finally:
        await asyncio.gather(one.aclose(), other.aclose())

    assert result.provider == "one"
    (finished,) = [event for event in fleet.events[1] if isinstance(event, AttemptFinished)]
    assert 0.5 < finished.seconds < 1.0


async def test_who_leaves_while_it_waits_holds_nothing(store):
    """Cancelled at any moment: the place is free for the others at once."""
    fleet = Fleet(store, limit=1, count=1, seconds=0.05)
    (router,) = fleet.routers
    try:
        for turns in range(0, 40, 3):
            task = asyncio.ensure_future(router.generate("leaves", timeout=60))
            for _ in range(turns):
                await asyncio.sleep(0.001)
            task.cancel()
            await asyncio.wait([task])
        result = await router.generate("stays", timeout=5)
        left = router.health()
    finally:
        await router.aclose()

    assert result.provider == "one"
    assert not any(entry.in_flight for entry in left)


async def test_the_place_of_a_dead_process_comes_back(store):
    """When its lease is over, and not before: the upstream is still at work."""
    stores = open_stores(store)
    dead = Leases(stores.kept)
    await dead.take(Lease(attempt="dead", holds=(LeaseHold(kind="slot", name="one", limit=1),), seconds=1.5))
    fleet = Fleet(store, limit=1, count=1)
    (router,) = fleet.routers
    began = asyncio.get_running_loop().time()
    try:
        await router.generate("next", timeout=60)
    finally:
        await router.aclose()
        await stores.aclose()
    waited = asyncio.get_running_loop().time() - began

    assert 1.2 < waited < 1.5 + 1.0


@pytest.mark.slow  # eight seconds of turns
async def test_no_process_is_starved(store):
    """Three processes with endless work share one place: each gets its turn."""
    fleet = Fleet(store, limit=1, count=3, seconds=0.02)

    async def work(router):
        while True:
            await router.generate("again", timeout=60)

    try:
        tasks = [asyncio.ensure_future(work(router)) for router in fleet.routers for _ in range(3)]
        await asyncio.sleep(2)  # until all stand in line
        fleet.order.clear()
        await asyncio.sleep(6)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    finally:
        await asyncio.gather(*(router.aclose() for router in fleet.routers))
    served = Counter({number: len(order) for number, order in fleet.order.items()})

    assert fleet.most == 1
    assert min(served[number] for number in range(3)) >= max(served.values()) / 2, served


@pytest.mark.parametrize("word", ["refuse", "share"])
async def test_a_store_that_was_never_seen_gives_no_place(tmp_path, word):
    """Nobody knows what others hold: the next provider is asked, and the record says why."""
    (tmp_path / "folder").mkdir()
    fleet = Fleet(str(tmp_path / "folder"), limit=4, count=1, second=True, on_store_down=word)
    (router,) = fleet.routers
    try:
        result = await router.generate("a lighthouse", timeout=60)
    finally:
        await router.aclose()

    skipped, served = result.record.attempts
    assert (skipped.failure.kind, served.provider) == (FailureKind.SKIPPED, "two")
    assert "the store that keeps them is away" in str(skipped.failure)


async def test_alone_each_has_its_share(tmp_path):
    """Of four places two processes have two each while the store is away, again and again; then all is as before."""
    store = tmp_path / "state.db"
    fleet = Fleet(str(store), limit=4, count=2, on_store_down="share", seconds=0.05, when_full="spill")
    one, other = fleet.routers
    try:
        for router in (one, other, one, other):
            await router.generate("each sees both, and nothing taken")
            await asyncio.sleep(0.1)
        store.rename(tmp_path / "gone.db")
        store.mkdir()
        for _ in range(2):
            fleet.most = 0
            ended = await asyncio.gather(
                *(router.generate(f"{n}", timeout=3) for n in range(5) for router in fleet.routers),
                return_exceptions=True,
            )
            assert fleet.most <= 4
            assert sum(not isinstance(end, AllProvidersFailed) for end in ended) == 4, ended
        away = [entry.state for router in fleet.routers for entry in router.health() if entry.key == "kept"]
        store.rmdir()
        (tmp_path / "gone.db").rename(store)
        await asyncio.sleep(1.5)
        await asyncio.gather(*(router.generate("back", timeout=60) for router in fleet.routers))
        back = [entry.state for router in fleet.routers for entry in router.health() if entry.key == "kept"]
    finally:
        await asyncio.gather(*(router.aclose() for router in fleet.routers))
    told = [[event.state for event in events if getattr(event, "port", "") == "kept"] for events in fleet.events]

    assert (away, back) == (["away"] * 2, ["reachable"] * 2)
    assert told == [["away", "back"]] * 2


def test_a_fleets_limit_needs_a_limit_and_a_store():
    """Both are told by their path."""
    one = {"type": "seedream", "api_key": "k" * 20, "shared": True}
    with pytest.raises(ConfigError, match=r"providers\.one\.shared: is said of `max_in_flight`"):
        Router.from_mapping({"chains": {"default": ["one"]}, "providers": {"one": one}})
    with pytest.raises(ConfigError, match=r"providers\.one\.shared: needs a store that processes share: say \[shar"):
        Router.from_mapping({"chains": {"default": ["one"]}, "providers": {"one": one | {"max_in_flight": 4}}})
