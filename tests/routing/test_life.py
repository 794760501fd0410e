"""The life of a router (semantics §7): opened once, closed once, read from anywhere."""

import asyncio
import logging
import multiprocessing
import threading

import pytest

from pixroute import FailureKind, PixrouteError, Router, ShuttingDown
from pixroute.cost import Cost
from pixroute.errors import PluginError
from pixroute.shared.budgets import Budget
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence


class Lifelong(FakeProvider):
    """A provider that notes its life, and may fail at either end."""

    def __init__(self, *script, start=None, close=None, **options):
        super().__init__(*script, **options)
        self.life, self._start, self._close = [], start, close

    async def start(self):
        """Get ready, or fail."""
        await asyncio.sleep(1)
        self.life.append("start")
        if self._start is not None:
            raise self._start

    async def aclose(self):
        """Let go, or fail; `inf` never ends."""
        self.life.append("close")
        if self._close == float("inf"):
            await asyncio.get_running_loop().create_future()
        if self._close is not None:
            raise self._close


LIVED = ["start", "close"]


def test_without_a_context_providers_start_once_before_the_first_attempt():
    """However many come first at once."""

    async def main():
        one = Lifelong()
        router = fake_router(one)
        await asyncio.gather(*(router.generate(f"picture {each}") for each in range(5)))
        await router.generate("another")
        await router.aclose()
        return one.life

    assert run_virtual(main()) == LIVED


def test_a_first_caller_who_leaves_does_not_stop_the_opening():
    """The next finds it opened, and nothing is started twice."""

    async def main():
        one = Lifelong()
        router = fake_router(one)
        first = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(0.5)
        first.cancel()
        await router.generate("a lighthouse")
        await router.aclose()
        return one.life

    assert run_virtual(main()) == LIVED


def test_without_a_context_one_that_cannot_start_is_a_typed_error_for_everybody():
    """What had started is closed, what had not is not, and the router stays closed."""

    async def main():
        one, two = Lifelong(), Lifelong(start=OSError("no such device"))
        router = fake_router(one=one, two=two)
        ends = await asyncio.gather(*(router.generate("a lighthouse") for _ in range(3)), return_exceptions=True)
        with pytest.raises(ShuttingDown):
            await router.generate("a lighthouse")
        return ends, one.life, two.life

    ends, one, two = run_virtual(main())

    assert {type(end) for end in ends} <= {PluginError, ShuttingDown}
    assert str(ends[0]) == "provider 'two' cannot start: OSError"
    assert (one, two) == (LIVED, ["start"])


@pytest.mark.parametrize("fault", [RuntimeError("broke"), SystemExit(1), asyncio.CancelledError(), float("inf")])
def test_what_closing_one_provider_raises_keeps_no_other_open(fault, caplog):
    """Nor does it reach whoever closes the router; it is named in the log."""

    async def main():
        one, two = Lifelong(close=fault), Lifelong()
        async with fake_router(one=one, two=two) as router:
            http = router._life._shared.http
        return one.life, two.life, http

    with caplog.at_level(logging.WARNING, logger="pixroute"):
        one, two, _ = run_virtual(main())

    assert (one, two) == (LIVED, LIVED)
    assert "provider one" in caplog.text


def test_closing_twice_or_at_once_closes_once():
    """The second call waits for the first, and may shorten its drain."""

    async def main():
        one = Lifelong(picture(25))
        router = fake_router(one)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(5)
        first = asyncio.ensure_future(router.aclose(drain=30))
        await asyncio.sleep(1)
        await router.aclose(drain=2)
        closed = asyncio.get_running_loop().time()
        await first
        await router.aclose()
        with pytest.raises(ShuttingDown):
            await task
        return one.life, closed

    life, closed = run_virtual(main())

    assert life == LIVED
    assert closed == pytest.approx(8, abs=0.01)


def test_a_cancelled_close_drains_no_longer_and_closes_all_the_same():
    """Its caller is in a hurry; the requests are told."""

    async def main():
        one = Lifelong(silence())
        router = fake_router(one)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(5)
        closing = asyncio.ensure_future(router.aclose(drain=1000))
        await asyncio.sleep(1)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        with pytest.raises(ShuttingDown) as raised:
            await task
        return one.life, len(raised.value.record.attempts), asyncio.get_running_loop().time()

    life, attempts, ended = run_virtual(main())

    assert (life, attempts) == (LIVED, 1)
    assert ended == pytest.approx(6, abs=0.01)


def test_closing_ends_requests_and_not_the_tasks_of_their_callers():
    """A task group in which somebody catches our error goes on."""

    async def main():
        router, told = fake_router(FakeProvider(silence(), max_in_flight=1)), []

        async def service():
            try:
                await router.generate("a lighthouse")
            except PixrouteError as error:
                told.append((type(error), error.record and len(error.record.attempts), error.cost))
            await asyncio.sleep(1)
            told.append(asyncio.current_task().cancelling())

        async with asyncio.TaskGroup() as group:
            group.create_task(service())
            group.create_task(service())
            await asyncio.sleep(5)
            await router.aclose(drain=0)
        return told

    told = run_virtual(main())

    assert {(kind, attempts) for kind, attempts, _ in told[:2]} == {(ShuttingDown, None), (ShuttingDown, 1)}
    assert told[2:] == [0, 0]


def test_closing_while_it_opens_starts_nothing_more():
    """Who waited for the opening is told; what had started is closed."""

    async def main():
        one, two = Lifelong(), Lifelong()
        router = fake_router(one=one, two=two)
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(1.5)
        await router.aclose()
        with pytest.raises(ShuttingDown):
            await task
        return one.life, two.life

    assert run_virtual(main()) == (LIVED, [])


def test_another_loop_may_not_close_it():
    """Nor ask: a router belongs to one."""
    router = fake_router(FakeProvider())

    async def used():
        await router.generate("a lighthouse")

    loop = asyncio.new_event_loop()
    loop.run_until_complete(used())
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(router.aclose())
    loop.run_until_complete(router.aclose())
    loop.close()


def test_state_that_differs_between_processes_is_drawn_at_opening():
    """A router made before a fork gives other ids in every child."""
    router = Router(providers={"one": FakeProvider()}, chains={"default": ["one"]})
    fork = multiprocessing.get_context("fork")
    ids = fork.SimpleQueue()

    def child():
        async def ask():
            async with router:
                return (await router.generate("a lighthouse")).record.request_id

        ids.put(asyncio.run(ask()))

    children = [fork.Process(target=child) for _ in range(3)]
    for each in children:
        each.start()
    told = {ids.get() for _ in children}
    for each in children:
        each.join()

    assert len(told) == 3


def test_it_is_read_and_switched_before_it_is_opened():
    """A start-up script has no loop."""
    router = fake_router(one=FakeProvider(), two=FakeProvider())

    router.disable("one")

    assert [plan.verdict for plan in router.explain().providers] == ["is disabled", "may start"]
    assert router.health() == ()
    result = run_virtual(router.generate("a lighthouse"))
    assert result.provider == "two"


def test_it_is_forced_before_it_is_opened():
    """What is said then is shown, and holds from the opening on."""
    router = fake_router(one=FakeProvider(), two=FakeProvider())

    router.force("one", "open", seconds=60)

    assert {entry.state for entry in router.health()} == {"open"}
    assert [plan.forced for plan in router.explain().providers] == ["open", None]
    assert run_virtual(router.generate("a lighthouse")).provider == "two"


def test_reading_moves_nothing():
    """A breaker whose time has come is shown half-open, and becomes so when a request comes."""
    changes = []

    async def main():
        provider = FakeProvider(*[fail(FailureKind.EMPTY)] * 5, picture())
        async with fake_router(provider, observers=[changes.append]) as router:
            for each in range(5):
                with pytest.raises(PixrouteError):
                    await router.generate(f"picture {each}")
            await asyncio.sleep(100)
            told = len(changes)
            states = [entry.state for entry in router.health() if entry.scope == "upstream"]
            router.explain()
            return states, len(changes) - told

    assert run_virtual(main()) == (["half-open"], 0)


async def test_it_is_read_from_any_thread_and_switched_on_the_loop_alone():
    """The error names the way."""
    told = []

    def look(router):
        told.append(router.health())
        told.append(router.explain().first)
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            router.disable("fake-1")
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            router.force("fake-1", "open")
        with pytest.raises(RuntimeError, match="call_soon_threadsafe"):
            router.reset("fake-1")

    async with fake_router(FakeProvider()) as router:
        await router.generate("a lighthouse")
        thread = threading.Thread(target=look, args=(router,))
        thread.start()
        await asyncio.to_thread(thread.join)

    assert told[1] == "start fake-1"
    assert len(told[0]) == 3


class Watching:
    """An observer that is an object."""

    async def __call__(self, event):
        """Never be awaited."""


async def watch(event):
    """Never be awaited."""


@pytest.mark.parametrize("observer", [watch, Watching(), "a name"])
def test_an_observer_that_nobody_would_await_is_refused_when_it_is_made(observer):
    """Every event would be a coroutine that is dropped."""
    with pytest.raises(ValueError, match="observer"):
        fake_router(FakeProvider(), observers=[observer])


@pytest.mark.parametrize("fault", [ValueError("broke"), SystemExit(1), asyncio.CancelledError(), GeneratorExit()])
def test_an_observer_stops_nothing(fault):
    """Rich answers a closed pipe with SystemExit."""

    def observer(event):
        raise fault

    async def main():
        async with fake_router(FakeProvider(picture(1)), observers=[observer]) as router:
            return await router.generate("a lighthouse")

    assert run_virtual(main()).images


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_passes_an_observer():
    """It is a person's."""

    def observer(event):
        raise KeyboardInterrupt

    async def main():
        await fake_router(FakeProvider(), observers=[observer]).generate("a lighthouse")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(main())


class Odd(FakeProvider):
    """A provider one of whose words raises, as many times as said."""

    def __init__(self, word, times=10**9):
        super().__init__()
        self._word, self._times = word, times

    def __getattribute__(self, name):
        """Raise where it was said so."""
        times = object.__getattribute__(self, "__dict__").get("_times", 0)
        if times and name == object.__getattribute__(self, "_word"):
            self._times -= 1
            raise KeyError(name)
        return object.__getattribute__(self, name)


WORDS = ["capabilities", "identity", "settings", "price", "latency", "model", "credential"]


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("word", WORDS)
def test_what_a_plugin_raises_before_anything_is_sent_bars_it_alone(word, n, caplog):
    """A healthy fallback serves, for nothing more, and the log tells once."""

    async def main():
        async with fake_router(odd=Odd(word), well=FakeProvider()) as router:
            explained = router.explain()
            return [await router.generate("a lighthouse", n=n) for _ in range(3)], explained

    results, explained = run_virtual(main())

    assert {image.provider for result in results for image in result.images} <= {"well", "odd"}
    assert [len(result.images) for result in results] == [n, n, n]
    assert explained.providers[1].verdict == "may start"
    assert caplog.text.count("provider odd raised before anything was sent") <= 1


def test_a_plugin_that_is_well_again_is_asked_again():
    """What it tells of itself is read anew for every request while it cannot be read."""

    async def main():
        async with fake_router(odd=Odd("identity", times=2), well=FakeProvider()) as router:
            return [(await router.generate("a lighthouse")).provider for _ in range(3)]

    assert run_virtual(main()) == ["well", "odd", "odd"]


def test_closing_ends_a_claim_and_not_its_callers_task(caplog):
    """The job goes on upstream and may be claimed again; a provider that will not stop is named."""

    async def never():
        while True:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                await asyncio.sleep(5)
                raise

    async def main():
        router = fake_router(FakeProvider())
        await router.generate("a lighthouse")
        task = asyncio.ensure_future(router._life.claim(never(), "claim-1"))
        await asyncio.sleep(1)
        await router.aclose(drain=0)
        with pytest.raises(ShuttingDown, match="claim it again") as raised:
            await task
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(10)
        return raised.value.cost, task.cancelled(), ended

    cost, cancelled, ended = run_virtual(main())

    assert (cost, cancelled) == (Cost(), False)
    assert ended <= 3.1
    assert caplog.text.count("claim-1 has not ended") == 1


class Gated(Router):
    """A router that tells whether a gate stands before its attempts."""

    @property
    def gate(self):
        """What keeps its budgets, if anything does."""
        return self._life._shared.gate


async def test_a_gate_stands_only_where_there_are_budgets():
    """A reload that brings the first budget puts it there; what follows changes it, and it goes with the router."""
    budgets = {"team": Budget(limit=1, per="day")}
    async with Gated(providers={"one": FakeProvider()}, chains={"default": ["one"]}) as router:
        without = router.gate
        router._life.rebudget({})
        still = router.gate
        router._life.rebudget(budgets)
        first = router.gate
        router._life.rebudget({})
        second = router.gate

    assert (without, still) == (None, None)
    assert first is second
    assert (first.budgets, dict(budgets)) == ({}, budgets)


async def test_budgets_may_change_before_it_is_opened():
    """Then there is nothing to put a gate before."""
    router = Gated(providers={"one": FakeProvider()}, chains={"default": ["one"]})
    router._life.rebudget({"team": Budget(limit=1, per="day")})
    async with router:
        assert router.gate.budgets.keys() == {"team"}
