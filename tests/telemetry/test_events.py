"""What events carry, and who hears of what."""

import asyncio
import inspect
import json
import re
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import attrs
import pytest

import pixroute_otel
from pixroute import Failure, FailureKind, HttpSettings, Router, ShuttingDown, Stage, events, trace
from pixroute.config.load import structure
from pixroute.cost import Cost
from pixroute.events import AttemptFinished, AttemptOverdue, AttemptStarted, Ending, Progressed, RequestFinished
from pixroute.http.endpoint import Endpoint
from pixroute.outcome import Billing, Blame
from pixroute.plugins import load_plugins
from pixroute.routing.observers import Observers
from pixroute.testing import FakeProvider, fail, fake_router, picture, run_virtual, silence
from pixroute_otel.settings import OtelSettings

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"
CLASSES = [
    cls
    for _, cls in inspect.getmembers(events, attrs.has)
    if cls.__module__ == events.__name__ and cls is not events.Event
]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_page_is_complete(cls):
    """Every event has its heading, every field its line, and it says who needs it."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {cls.__name__}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)

    assert "Who needs it:" in section
    assert [one.name for one in attrs.fields(cls) if f"* `{one.name}`: " not in section] == []


def heard(scene):
    """All events of one scene."""
    told = []
    outcome = run_virtual(scene.play(told.append))
    return told, outcome


def test_every_event_of_a_request_says_chain_and_tags(scene):
    """So that nobody keeps a table by request."""
    told = []

    async def main():
        _, what = scene
        async with fake_router(policy=what.policy, observers=[told.append], **what.providers()) as router:
            tags = {"team": "red"}
            with suppress(BaseException):  # how it ends is told by others
                await what.ask(router, **what.options, tags=tags, request_id="mine")

    run_virtual(main())

    ours = [event for event in told if isinstance(event, events.Event)]
    assert {(event.request, event.chain, event.tags["team"]) for event in ours} == {("mine", "default", "red")}


def test_a_fallback_is_told_where_it_happens_and_at_the_end(scenes):
    """The first choice is sick, though nobody notices."""
    told, _ = heard(scenes["fallback"])

    fell_back = [(type(event).__name__, event.fell_back) for event in told if hasattr(event, "fell_back")]
    assert fell_back == [
        ("AttemptStarted", False),
        ("AttemptFinished", False),
        ("AttemptStarted", True),
        ("AttemptFinished", True),
        ("RequestFinished", True),
    ]


@pytest.mark.parametrize(
    ("name", "ending", "kind", "blame"),
    [
        ("picture", Ending.PICTURE, None, None),
        ("moderated", Ending.MODERATED, FailureKind.MODERATED, Blame.REQUEST),
        ("budget", Ending.BUDGET, None, None),
        ("ours", Ending.FAILED, FailureKind.UNKNOWN, Blame.OURS),
        ("cancelled", Ending.CANCELLED, FailureKind.CANCELLED, Blame.REQUEST),
        ("shut down", Ending.SHUT_DOWN, FailureKind.CANCELLED, Blame.REQUEST),
    ],
)
def test_the_end_says_how_in_one_word_and_whose_fault(scenes, name, ending, kind, blame):
    """An enumeration, not the name of a class."""
    told, _ = heard(scenes[name])

    assert (told[-1].ending, told[-1].kind, told[-1].blame) == (ending, kind, blame)


def test_the_cost_is_told_also_when_the_caller_went_away(scenes):
    """$0.04 may have been billed, and nobody else is left to say so."""
    told, raised = heard(scenes["cancelled"])

    assert isinstance(raised, asyncio.CancelledError)
    assert str(told[-1].cost) == "$0 certain + $0.04 possible"


def test_words_not_numbers(scenes):
    """Every event is JSON, with stages and kinds as words."""
    told = [event for name in ("fallback", "job", "hedge lost") for event in heard(scenes[name])[0]]
    told.append(events.BreakerChanged(at=0.0, key="u 1K", state="open", reason="streak", until=None))

    lines = [json.loads(json.dumps(events.as_json(event))) for event in told]
    finished = next(line for line in lines if line["event"] == "AttemptFinished")

    assert (finished["stage"], finished["kind"], finished["blame"]) == ("wait", "empty", "provider")
    assert finished["cost"] == {"certain": "0.04", "possible": "0", "currency": "USD"}
    assert finished["failure"]["stage"] == "wait"


def test_stages_are_words_in_order():
    """They compare by what comes first, not by their letters."""
    assert [str(stage) for stage in sorted(Stage, reverse=True)][:2] == ["done", "validate"]
    assert Stage.QUEUED < Stage.CONNECT <= Stage.CONNECT < Stage.DONE
    assert Stage.WAIT > Stage.SEND >= Stage.SEND
    assert Stage("wait") is Stage.WAIT
    with pytest.raises(TypeError):
        assert Stage.WAIT < 3


# The caller's id and trace


@pytest.mark.parametrize("wrong", ["", "a b", "a\n", "x" * 129, "ä", "\x7f", 7])
async def test_an_id_that_cannot_stand_in_a_header_is_refused(wrong):
    """Nothing is sent."""
    provider = FakeProvider()
    async with fake_router(provider) as router:
        with pytest.raises(ValueError, match="request_id"):
            await router.generate("a lighthouse", request_id=wrong)

    assert provider.calls == []


def test_the_callers_id_stands_in_record_and_attempts():
    """And may be used again when its request has ended, not before."""

    async def main():
        async with fake_router(FakeProvider(picture(5))) as router:
            first = asyncio.ensure_future(router.generate("a lighthouse", request_id="order-7"))
            await asyncio.sleep(1)
            with pytest.raises(ValueError, match="'order-7' is in flight already"):
                await router.generate("a lighthouse", request_id="order-7")
            await first
            return (await router.generate("a lighthouse", request_id="order-7")).record

    record = run_virtual(main())

    assert (record.request_id, record.attempts[0].id) == ("order-7", "order-7-0.1")


@pytest.mark.parametrize(
    "wrong", ["nonsense", PARENT.replace("00-", "ff-"), PARENT.replace("b7ad6b7169203331", "0" * 16), 5]
)
def test_what_is_no_traceparent_counts_as_none(wrong):
    """As the standard says."""
    token = trace.traceparent.set(wrong)
    try:
        assert trace.current() is None
    finally:
        trace.traceparent.reset(token)


def test_the_callers_trace_reaches_observers_and_attempts():
    """One context variable, no library."""
    told, seen = [], []

    class Looking(FakeProvider):
        async def generate(self, request, attempt):
            seen.append(attempt.traceparent)
            return await super().generate(request, attempt)

    async def main():
        trace.traceparent.set(PARENT)
        async with fake_router(Looking(), observers=[told.append]) as router:
            await router.generate("a lighthouse")
        async with fake_router(Looking()) as router:
            await router.generate("a lighthouse")

    run_virtual(main())

    assert told[0].traceparent == PARENT
    assert seen == [PARENT, PARENT]


def test_an_observer_that_cannot_say_its_header_is_passed_over(caplog):
    """One that raises, one that talks nonsense, one that traces."""

    class Tracing:
        def __init__(self, header):
            self.header = header

        def __call__(self, event):
            pass

        def traceparent(self, attempt):
            if isinstance(self.header, Exception):
                raise self.header
            return self.header

    tracing = {"broken": Tracing(RuntimeError("no")), "mad": Tracing("x\r\ny: z"), "good": Tracing(PARENT)}
    observers = Observers(tracing, lambda: 0.0)

    assert observers.traceparent("a-1") == PARENT
    assert observers.failures == {"broken": 1}


# While it runs


@pytest.mark.slow  # seconds of real time, for a thread has no part in a virtual one
def test_progress_is_told_once_a_second_at_most():
    """Whatever is told in between, from threads too; the last word is not lost."""
    told = []

    class Busy(FakeProvider):
        async def generate(self, request, attempt):
            attempt.reached(Stage.WAIT)
            for number in range(45):
                attempt.progress(number / 100)
                await asyncio.sleep(0.05)
            attempt.progress(float("nan"))
            attempt.progress(7)
            await asyncio.to_thread(attempt.progress, 0.95)
            await asyncio.sleep(1.2)
            return await super().generate(request, attempt)

    async def main():
        async with fake_router(Busy(), observers=[told.append]) as router:
            await router.generate("a lighthouse")

    asyncio.run(main())

    moved = [event for event in told if isinstance(event, Progressed)]
    gaps = [after.at - before.at for before, after in pairwise(moved)]
    began = next(event.at for event in told if isinstance(event, AttemptStarted))
    assert moved[0].at - began >= 0.99
    assert min(gaps) >= 0.99
    assert (moved[-1].fraction, moved[-1].stage) == (0.95, Stage.WAIT)
    assert 3 <= len(moved) <= 5


def test_an_attempt_of_known_times_is_told_when_it_is_overdue():
    """At 1.5 × P99, once; of unknown times nothing is said."""
    told = []

    async def main():
        known = FakeProvider(silence(), latency=(5, 8, 10))
        async with fake_router(known, FakeProvider(silence()), observers=[told.append]) as router:
            with pytest.raises(Exception, match="No picture"):
                await router.generate("a lighthouse", timeout=60)

    run_virtual(main())

    late = [(event.provider, round(event.seconds)) for event in told if isinstance(event, AttemptOverdue)]
    assert late == [("fake-1", 15)]


def test_nothing_is_told_after_the_end():
    """No timer outlives its attempt."""
    told = []

    async def main():
        async with fake_router(FakeProvider(silence(), latency=(5, 8, 10)), observers=[told.append]) as router:
            task = asyncio.ensure_future(router.generate("a lighthouse"))
            await asyncio.sleep(2)
            await router.aclose(drain=0)
            with pytest.raises(ShuttingDown):
                await task
            await asyncio.sleep(100)

    run_virtual(main())

    assert type(told[-1]) is RequestFinished


def test_an_attempt_says_what_came():
    """Size of the pictures, and what is missing of what was asked."""
    told = []

    async def main():
        failing = FakeProvider(fail(FailureKind.EMPTY))
        async with fake_router(failing, FakeProvider(), observers=[told.append]) as router:
            await router.generate("a lighthouse", size="1000x1000")

    run_virtual(main())

    ends = [event for event in told if isinstance(event, AttemptFinished)]
    assert [(end.pictures, end.pixels_short) for end in ends] == [((), 0), (((1000, 1000),), 0)]


def test_defaults_follow_the_failure():
    """An event that is made by hand says the kind and blame of its failure."""
    said = {"at": 0.0, "request": "r", "attempt": "a", "provider": "p", "stage": Stage.WAIT, "seconds": 1.0}
    failure = Failure(kind=FailureKind.AUTH, message="no")
    event = AttemptFinished(**said, billing=Billing.FREE, cost=Cost(), failure=failure)

    assert (event.kind, event.blame) == (FailureKind.AUTH, Blame.KEY)


@pytest.mark.parametrize("asked", [False, True])
def test_the_trace_goes_upstream_only_where_the_settings_say_so(asked):
    """A provider is a stranger."""
    settings = HttpSettings(base_url="https://a.test/v1", api_key="k", send_traceparent=asked)
    endpoint = Endpoint.of(settings, None)

    assert endpoint.request_headers("r-1", PARENT).get("traceparent") == (PARENT if asked else None)
    assert "traceparent" not in endpoint.request_headers("r-1", None)


def test_observers_that_have_something_to_close_are_closed_once(caplog):
    """When the router closes; what one raises keeps no other open."""

    class Closing:
        def __init__(self, error=None):
            self.error, self.closed = error, 0

        def __call__(self, event):
            pass

        def close(self):
            self.closed += 1
            if self.error is not None:
                raise self.error

    bad, good = Closing(RuntimeError("no")), Closing()

    async def main():
        async with fake_router(observers=[bad, good, lambda event: None]) as router:
            await router.generate("a lighthouse")
        await router.aclose()

    run_virtual(main())

    assert (bad.closed, good.closed) == (1, 1)
    assert "observer observer-1 raised when it was closed" in caplog.text


async def test_a_reload_closes_the_observers_it_leaves_out(unused_tcp_port):
    """The same port is shared by old and new until then."""
    said = {
        "chains": {"default": ["openai"]},
        "providers": {"openai": {"type": "openai-images", "api_key": "k", "base_url": "https://x.test/v1"}},
    }
    watched = said | {"observers": {"prometheus": {"port": unused_tcp_port}}}
    async with Router.from_mapping(watched) as router:
        await router.reload(structure(said, load_plugins(), base=Path()))
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
                except OSError:
                    break
                writer.close()
                await asyncio.sleep(0.01)


def test_an_extra_that_is_missing_is_named(monkeypatch):
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "pixroute_otel.observer", None)

    with pytest.raises(ValueError, match=r"pip install 'pixroute\[otel\]'"):
        pixroute_otel.create(OtelSettings())
