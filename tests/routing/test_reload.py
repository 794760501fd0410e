from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from attrs import frozen

from pixroute import AllProvidersFailed, ConfigError, FailureKind, ProviderSettings, ProviderSpec, ShuttingDown
from pixroute.config.load import structure
from pixroute.events import AttemptFinished, RequestFinished
from pixroute.hookspecs import hookimpl
from pixroute.plugins import load_plugins
from pixroute.provider import ObserverSpec
from pixroute.routing.router import Router
from pixroute.testing import FakeProvider, fail, picture, run_virtual


@frozen(kw_only=True)
class WorkshopSettings(ProviderSettings):
    """Settings of the tests' provider type; `edition` makes one different from another."""

    edition: int = 0
    seconds: float = 100.0
    upstream: str | None = "workshop"
    starts: bool = True


class Workshop(FakeProvider):
    """Takes its time, and knows whether it was closed while it worked."""

    made: ClassVar[list[Workshop]] = []

    def __init__(self, name, settings):
        super().__init__(picture(settings.seconds), account="account", origin="https://workshop.test:443")
        self.name, self.settings = name, settings
        self.started = self.closed = 0
        Workshop.made.append(self)

    async def start(self):
        """Count, or fail."""
        if not self.settings.starts:
            raise RuntimeError("no device")
        self.started += 1

    async def aclose(self):
        """Count."""
        assert not self.in_flight, "closed while it worked"
        self.closed += 1


class Diary(list):
    """An observer that remembers; `edition` as above."""

    kept: ClassVar[list[Diary]] = []

    def __init__(self, settings):
        super().__init__()
        self.edition = settings.edition
        Diary.kept.append(self)

    def __call__(self, event):
        """Remember."""
        self.append(event)


class Plugin:
    """The types of these tests."""

    @hookimpl
    def pixroute_providers(self):
        """Offer workshops."""
        return [ProviderSpec(name="workshop", create=Workshop, settings=WorkshopSettings)]

    @hookimpl
    def pixroute_observers(self):
        """Offer diaries."""
        return [ObserverSpec(name="diary", create=Diary, settings=WorkshopSettings)]


PLUGINS = load_plugins(extra=[Plugin()])


@pytest.fixture(autouse=True)
def fresh():
    Workshop.made.clear()
    Diary.kept.clear()


def config(tmp_path, *, chain=("one",), policy=None, observers=None, **providers):
    providers = {name: {"type": "workshop", **said} for name, said in providers.items()}
    mapping = {"chains": {"default": list(chain)}, "providers": providers, "policy": policy or {}}
    return structure({**mapping, "observers": observers or {}}, PLUGINS, base=tmp_path)


@pytest.mark.slow  # 220 requests of 100 s each, though on a virtual clock
def test_under_load_no_request_is_lost_and_none_is_mixed(tmp_path):
    """200 requests in flight, ten reloads among them, two of them bad: each is served by what it began with."""
    editions = [
        config(tmp_path, one={"edition": edition}, observers={"diary": {"edition": edition}}) for edition in range(9)
    ]
    bad = config(tmp_path, one={"edition": 99, "starts": False})

    async def main():
        async with Router.from_config(editions[0], seed=0) as router:
            asked = []
            for number in range(11):
                asked += [asyncio.ensure_future(router.generate(f"{number}/{one}")) for one in range(20)]
                await asyncio.sleep(5)
                if number in (3, 7):
                    with pytest.raises(ConfigError, match=r"providers\.one: cannot start: RuntimeError: no device"):
                        await router.reload(bad)
                elif number < 10:
                    await router.reload(editions[number + 1 - (number > 3) - (number > 7)])
            return await asyncio.gather(*asked)

    results = run_virtual(main())

    served = [made for made in Workshop.made if made.settings.edition != 99]
    assert len(results) == 220
    assert [len(made.calls) for made in served] == [20, 20, 20, 40, 20, 20, 40, 20, 20]
    assert [(made.started, made.closed) for made in served] == [(1, 1)] * 9
    told = [[event for event in diary if isinstance(event, RequestFinished)] for diary in Diary.kept]
    assert [len(events) for events in told] == [20, 20, 20, 40, 20, 20, 40, 20, 20]
    for made, diary in zip(served, Diary.kept, strict=True):
        prompts = {call.request.prompt.partition("/")[0] for call in made.calls}
        assert len(prompts) == len(made.calls) / 20
        assert sum(isinstance(event, AttemptFinished) for event in diary) == len(made.calls)


def test_what_stays_the_same_is_the_same_object(tmp_path):
    """A provider or observer that is named again with the same settings is neither made nor closed again."""
    before = config(tmp_path, one={}, observers={"diary": {}})
    after = config(tmp_path, one={}, two={}, observers={"diary": {}}, chain=("two", "one"))

    async def main():
        async with Router.from_config(before) as router:
            await router.reload(after)
            return [(made.name, made.started, made.closed) for made in Workshop.made], len(Diary.kept)

    assert run_virtual(main()) == ([("one", 1, 0), ("two", 1, 0)], 1)


def test_a_provider_left_out_is_closed_when_its_last_request_has_ended(tmp_path):
    """Not before, for it works; and not only when its caller's task ends, for that may live for ever."""

    async def main():
        router = Router.from_config(config(tmp_path, one={}))
        async with router:
            stays = asyncio.Event()

            async def caller():
                await router.generate("a lighthouse")
                await stays.wait()

            task = asyncio.create_task(caller())
            await asyncio.sleep(1)
            await router.reload(config(tmp_path, two={}, chain=("two",)))
            seen = []
            for _ in range(2):
                seen.append(Workshop.made[0].closed)
                await asyncio.sleep(100)
            stays.set()
            await task
            return seen, Workshop.made[0].closed

    assert run_virtual(main()) == ([0, 1], 1)


def test_health_outlives_a_reload(tmp_path):
    """An open breaker stays open for a changed provider of the same upstream; a disabled one stays disabled."""

    async def main():
        async with Router.from_config(
            config(tmp_path, one={"seconds": 1}, policy={"breaker": {"max_failures": 1}})
        ) as router:
            Workshop.made[0]._script = (fail(FailureKind.EMPTY, 1),)
            with pytest.raises(AllProvidersFailed):
                await router.generate("a lighthouse")
            await router.reload(config(tmp_path, one={"edition": 2}))
            router.disable("one")
            await router.reload(config(tmp_path, one={"edition": 3}))
            return {(entry.scope, entry.state) for entry in router.health()}

    assert {("upstream", "open"), ("provider", "disabled")} <= run_virtual(main())


def test_a_file_forces_breakers_and_lets_go_of_them(tmp_path):
    """At load and at reload; what it no longer says is over, and what it does not change is left alone."""

    def states(router):
        return {(entry.state, entry.forced) for entry in router.health() if entry.scope == "upstream"}

    async def main():
        async with Router.from_config(config(tmp_path, one={"breaker_state": "open"})) as router:
            seen = [states(router)]
            await router.reload(config(tmp_path, one={"breaker_state": "observe"}))
            seen.append(states(router))
            router.force("one", "closed")
            await router.reload(config(tmp_path, one={"breaker_state": "observe", "edition": 2}))
            seen.append(states(router))
            await router.reload(config(tmp_path, one={}))
            seen.append(states(router))
            return seen

    assert run_virtual(main()) == [
        {("open", "open")},
        {("closed", "observe")},
        {("closed", "closed")},
        {("closed", None)},
    ]


def test_a_file_that_forces_one_upstream_both_ways_is_wrong(tmp_path):
    """Providers that share breakers cannot have two states."""
    said = config(tmp_path, one={"breaker_state": "open"}, two={"breaker_state": "closed"})

    with pytest.raises(ConfigError, match="'one' and 'two' share an upstream"):
        Router.from_config(said)


def test_the_limits_are_those_of_now(tmp_path):
    """`max_in_flight`, an attempt's time-out and the usual times hold from the reload on; slots taken still count."""
    times = {"1K": [1, 2, 3], "other": [1, 2, 3]}

    async def main():
        async with Router.from_config(config(tmp_path, one={"max_in_flight": 1})) as router:
            first = asyncio.ensure_future(router.generate("first", size="1K"))
            await asyncio.sleep(1)
            await router.reload(
                config(tmp_path, one={"max_in_flight": 2, "latency": times}, policy={"attempt_timeout": 200})
            )
            others = [asyncio.ensure_future(router.generate(f"other {one}", size="1K")) for one in range(2)]
            await asyncio.sleep(1)
            plan = router.explain().providers[0]
            in_flight = [made.in_flight for made in Workshop.made]
            await asyncio.gather(first, *others)
            return in_flight, plan.timeout, plan.expected.p99

    assert run_virtual(main()) == ([1, 1], 200, 3)


@pytest.mark.parametrize("text", ["[chains", "[chains]\ndefault = ['nobody']"])
async def test_a_bad_file_changes_nothing_and_says_why(text, tmp_path):
    """Whether it is no TOML or names what is not there."""
    (path := tmp_path / "pixroute.toml").write_text(text)
    async with Router.from_config(config(tmp_path, one={"seconds": 0})) as router:
        with pytest.raises(ConfigError, match=r"pixroute\.toml: 1 problem"):
            await router.reload(path)
        result = await router.generate("a lighthouse")

    assert result.provider == "one"


async def test_a_file_is_read(tmp_path):
    """By its path, with the plugins given; the policy's `connect_timeout` reaches the connections."""
    (path := tmp_path / "pixroute.toml").write_text(
        '[chains]\ndefault = ["two"]\n[providers.two]\ntype = "workshop"\nseconds = 0\n[policy]\nconnect_timeout = 3'
    )
    async with Router.from_config(config(tmp_path, one={}, policy={"connect_timeout": 7})) as router:
        before = router._life._shared.http.pace.connect
        await router.reload(path, plugins=PLUGINS)
        result = await router.generate("a lighthouse")

    assert (before, result.provider, router._life._shared.http.pace.connect) == (7, "two", 3)


def test_closing_waits_for_nobody_who_was_left_out(tmp_path):
    """A router that closes cancels the old requests too and closes every provider once; then it reloads no more."""

    async def main():
        router = Router.from_config(config(tmp_path, one={}))
        await router.__aenter__()
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(1)
        await router.reload(config(tmp_path, two={}, chain=("two",)))
        await router.aclose(drain=0)
        with pytest.raises(ShuttingDown):
            await router.reload(config(tmp_path, one={}))
        return task.cancelled() or task.exception(), [made.closed for made in Workshop.made]

    ended, closed = run_virtual(main())

    assert ended
    assert closed == [1, 1]
