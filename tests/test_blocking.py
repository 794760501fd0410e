import asyncio
import inspect
import signal
import sys
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest

import pixroute
from pixroute import AllProvidersFailed, FailureKind, ShuttingDown, blocking
from pixroute.config.load import load
from pixroute.events import AttemptFinished
from pixroute.plugins import load_plugins
from pixroute.testing import FakeProvider, fail, picture, silence


def router(provider, **options):
    return blocking.Router(providers={"fake": provider}, chains={"default": ["fake"]}, **options)


class Together(FakeProvider):
    """Delivers when `number` calls are in flight at once."""

    def __init__(self, number):
        super().__init__()
        self.missing = number
        self.complete = asyncio.Event()

    async def generate(self, request, attempt):
        """Wait for the others."""
        self.missing -= 1
        if not self.missing:
            self.complete.set()
        await self.complete.wait()
        return await super().generate(request, attempt)


class Silent(FakeProvider):
    """Never answers; `asked` tells other threads when it was called."""

    def __init__(self):
        self.asked = threading.Event()
        super().__init__(self.act)

    def act(self, _number):
        """Tell, and be silent."""
        self.asked.set()
        return silence()


class Broken(FakeProvider):
    """Cannot start."""

    async def start(self):
        """Fail."""
        raise RuntimeError("no device")


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "pixroute"]


def test_has_the_names_of_the_router():
    """Whoever knows the one knows the other; only `aclose` has lost its a."""
    public = {name for name in dir(pixroute.Router) if not name.startswith("_")}
    expected = {"close" if name == "aclose" else name for name in public}
    assert expected == {name for name in dir(blocking.Router) if not name.startswith("_")}
    assert inspect.signature(pixroute.Router).parameters.keys() == inspect.signature(blocking.Router).parameters.keys()
    assert inspect.signature(pixroute.Router.generate) == inspect.signature(blocking.Router.generate)


def test_makes_a_picture():
    """A call without asyncio returns the result."""
    with router(FakeProvider()) as one:
        result = one.generate("a lighthouse", size="1K")

    assert result.provider == "fake"
    assert not threads()


CONFIGURATION = """
[chains]
default = ["one"]
[providers.one]
type = "openai-images"
base_url = "https://api.example/v1"
api_key = { env = "KEY" }
"""


@pytest.mark.parametrize("of", ["toml", "mapping", "config"])
def test_is_built_from_a_configuration(of, tmp_path, monkeypatch):
    """From a file, a mapping, or a configuration that has been read."""
    monkeypatch.setenv("KEY", "none")
    path = tmp_path / "pixroute.toml"
    path.write_text(CONFIGURATION)
    make = {
        "toml": lambda: blocking.Router.from_toml(path, seed=1),
        "mapping": lambda: blocking.Router.from_mapping(tomllib.loads(CONFIGURATION), seed=1),
        "config": lambda: blocking.Router.from_config(load(path, load_plugins()), seed=1),
    }

    with make[of]() as one:
        explanation = one.explain()

    assert [provider.name for provider in explanation.providers] == ["one"]


def test_goes_on_with_another_configuration(tmp_path, monkeypatch):
    """A file is read again, and a bad one changes nothing."""
    monkeypatch.setenv("KEY", "none")
    (path := tmp_path / "pixroute.toml").write_text(CONFIGURATION)
    with blocking.Router.from_toml(path) as one:
        path.write_text(CONFIGURATION.replace("one", "two"))
        one.reload(path)
        path.write_text("[chain]")
        with pytest.raises(pixroute.ConfigError):
            one.reload(path)
        explanation = one.explain()

    assert [provider.name for provider in explanation.providers] == ["two"]


def test_plain_methods_are_called_where_the_router_lives():
    """explain, health, disable and enable work as they do there."""
    with router(FakeProvider()) as one:
        one.disable("fake")
        disabled = one.explain().providers[0].verdict
        one.enable("fake")
        enabled = one.explain().providers[0].verdict
        health = one.health()

    assert (disabled, enabled) == ("is disabled", "may start")
    assert isinstance(health, tuple)


def test_sixteen_threads_ask_at_once():
    """A call blocks its own thread only."""
    with router(Together(16)) as one, ThreadPoolExecutor(16) as pool:
        results = list(pool.map(one.generate, ["a lighthouse"] * 16))

    assert len({result.record.request_id for result in results}) == 16


def test_errors_pass_through():
    """What the router raises is raised to the caller, with its record."""
    with router(FakeProvider(fail(FailureKind.AUTH, status=401))) as one, pytest.raises(AllProvidersFailed) as raised:
        one.generate("a lighthouse")

    assert [attempt.kind for attempt in raised.value.record.attempts] == [FailureKind.AUTH]


def test_mistakes_are_told_at_once():
    """A chain that names nobody fails when the router is made, not when it is entered."""
    with pytest.raises(ValueError, match="no provider"):
        blocking.Router(providers={}, chains={"default": ["nobody"]})


def interrupt_when(asked):
    """Press Ctrl-C when `asked` is set and the main thread waits for its result."""
    asked.wait()
    main = threading.main_thread().ident
    while "result" not in functions(sys._current_frames()[main]):
        pass
    signal.pthread_kill(main, signal.SIGINT)


def functions(frame):
    while frame is not None:
        yield frame.f_code.co_name
        frame = frame.f_back


def test_an_interrupted_call_cancels_its_request():
    """KeyboardInterrupt leaves nothing running, and the attempt is settled."""
    provider, told = Silent(), []
    one = router(provider, observers={"told": told.append})

    with one, ThreadPoolExecutor(1) as pool:
        pool.submit(interrupt_when, provider.asked)
        with pytest.raises(KeyboardInterrupt):
            one.generate("a lighthouse")

    assert [event.failure.kind for event in told if isinstance(event, AttemptFinished)] == [FailureKind.CANCELLED]
    assert provider.in_flight == 0


def test_an_interrupted_close_ends_the_draining():
    """A second Ctrl-C does not leave a request of another thread behind."""
    provider = Silent()
    one = router(provider)

    with one, ThreadPoolExecutor(2) as pool:
        request = pool.submit(one.generate, "a lighthouse")
        provider.asked.wait()
        pool.submit(interrupt_when, provider.asked)
        with pytest.raises(KeyboardInterrupt):
            one.close()
        with pytest.raises(ShuttingDown):
            request.result()

    assert not threads()


def test_outside_with_it_says_so():
    """Before, after and inside another `with`, the error tells what to do."""
    one = router(FakeProvider())

    with pytest.raises(RuntimeError, match="inside `with`"):
        one.generate("a lighthouse")
    with one, pytest.raises(RuntimeError, match="make another"):
        one.__enter__()
    with pytest.raises(RuntimeError, match="closed"):
        one.generate("a lighthouse")


def test_closing_lets_what_runs_end():
    """A request of another thread, in flight when the router closes, still gets its picture."""
    asked = threading.Event()

    def act(_number):
        asked.set()
        return picture(0.01)

    with ThreadPoolExecutor(1) as pool, router(FakeProvider(act)) as one:
        future = pool.submit(one.generate, "a lighthouse")
        asked.wait()

    assert future.result().provider == "fake"


def test_closing_without_patience_cancels_what_runs():
    """The other thread is told why, and does not wait for ever."""
    provider = Silent()
    with ThreadPoolExecutor(4) as pool, router(provider) as one:
        futures = [pool.submit(one.generate, "a lighthouse") for _ in range(4)]
        provider.asked.wait()
        one.close(drain=0)

        errors = [future.exception() for future in futures]
    assert {type(error) for error in errors} <= {ShuttingDown, RuntimeError}
    assert any(isinstance(error, ShuttingDown) for error in errors)
    assert not threads()


def test_an_observer_that_calls_back_is_told():
    """It would wait for itself; an error is better than a service that hangs."""
    told = []

    def observer(_event):
        with pytest.raises(RuntimeError, match="observer") as raised:
            one.disable("fake")
        told.append(raised.value)

    with router(FakeProvider(), observers={"curious": observer}) as one:
        one.generate("a lighthouse")

    assert told


def test_a_provider_that_cannot_start_leaves_no_thread():
    """The error passes through `with`, and the loop's thread ends."""
    with pytest.raises(RuntimeError, match="no device"), router(Broken()):
        pass

    assert not threads()
