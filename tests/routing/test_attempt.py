"""One attempt: what its provider sees of it, and every way it may end."""

import asyncio
import logging
import threading
from contextlib import suppress

import pytest
from attrs import field, frozen

from pixroute import AllProvidersFailed, FailureKind, PixrouteError, Policy, RequestFailed, Stage
from pixroute.content import InMemory
from pixroute.outcome import Billing, Delivered, Failure, Success
from pixroute.policy import RetryPolicy
from pixroute.provider import ProviderSettings
from pixroute.secret import Secret
from pixroute.testing import Act, FakeProvider, fail, fake_router, picture, run_virtual, silence
from pixroute.testing.fake import _pictures, blank_png

K = FailureKind
ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()))


class Doing(FakeProvider):
    """A provider that does what a function says with request and attempt."""

    def __init__(self, work, **options):
        super().__init__(**options)
        self._work = work

    async def generate(self, request, attempt):
        """Do it, then deliver."""
        return await self._work(attempt) or _pictures(request)


async def failed(provider, **ask):
    """Give the only attempt of a request that fails."""
    async with fake_router(provider, policy=ONCE) as router:
        with pytest.raises(AllProvidersFailed) as caught:
            await router.generate("a lighthouse", **ask)
    return caught.value.record.attempts[0]


def test_it_is_cut_at_its_time():
    """A TIMEOUT at the stage it had reached, possibly billed."""
    attempt = run_virtual(failed(FakeProvider(silence()), attempt_timeout=50))

    assert (attempt.kind, attempt.stage, attempt.billing) == (K.TIMEOUT, Stage.WAIT, Billing.AMBIGUOUS)
    assert attempt.seconds == pytest.approx(50)
    assert attempt.failure.timed_out


def test_cut_before_anything_was_sent_it_is_free():
    """A connection that never came about."""
    attempt = run_virtual(failed(FakeProvider(Act(seconds=float("inf"), stage=Stage.CONNECT)), attempt_timeout=50))

    assert (attempt.kind, attempt.billing) == (K.TIMEOUT, Billing.FREE)


def test_a_provider_without_a_network_may_have_worked_from_its_first_moment():
    """It reports no stages: what was cut counts as sent."""

    async def hang(attempt):
        await asyncio.get_running_loop().create_future()

    local = Doing(hang)
    object.__setattr__(local.identity, "origin", None)

    attempt = run_virtual(failed(local, attempt_timeout=50))

    assert (attempt.stage, attempt.billing) == (Stage.SEND, Billing.AMBIGUOUS)


async def test_a_plugins_bug_is_a_failure_and_its_text_stays_in_the_log(caplog):
    """A foreign exception may hold prompts and keys: only its type goes into the record."""

    async def break_(attempt):
        raise RuntimeError("secret-key")

    with caplog.at_level(logging.ERROR, logger="pixroute"):
        attempt = await failed(Doing(break_))

    assert (attempt.kind, attempt.billing) == (K.UNKNOWN, Billing.FREE)
    assert attempt.failure.message == "The provider's code raised RuntimeError."
    assert "secret-key" in caplog.text


async def test_a_bug_after_sending_may_be_billed():
    """Nobody can say what the upstream does with it."""

    async def break_(attempt):
        attempt.reached(Stage.WAIT)
        raise KeyError("picture")

    assert (await failed(Doing(break_))).billing is Billing.AMBIGUOUS


async def test_facts_and_progress_go_into_the_record():
    """Whatever the wire tells."""

    async def note(attempt):
        attempt.note(remote="192.0.2.1", provider_request_id="req-1")
        attempt.progress(0.5)

    async with fake_router(Doing(note)) as router:
        (attempt,) = (await router.generate("a lighthouse")).attempts

    assert attempt.facts == {"remote": "192.0.2.1", "provider_request_id": "req-1", "progress": 0.5}
    assert attempt.provider_request_id == "req-1"


class TestThreads:
    """Blocking work; events decide, nothing sleeps."""

    async def test_a_blocking_function_runs_beside_the_loop(self):
        """With its arguments, and what it returns."""
        seen = []

        async def work(attempt):
            seen.append(await attempt.in_thread(lambda one, two: (one + two, threading.current_thread()), 1, 2))

        async with fake_router(Doing(work)) as router:
            await router.generate("a lighthouse")

        assert seen[0][0] == 3
        assert seen[0][1] is not threading.main_thread()

    async def test_what_it_raises_is_the_plugins_bug(self):
        """As if it had been raised beside it."""

        async def work(attempt):
            await attempt.in_thread(int, "no number")

        assert (await failed(Doing(work))).failure.message == "The provider's code raised ValueError."

    async def test_the_slot_stays_taken_until_the_thread_ends(self):
        """A cancelled call leaves a thread that cannot be stopped: it still holds the device."""
        begun, go, told = threading.Event(), threading.Event(), []

        async def work(attempt):
            def block():
                begun.set()
                go.wait(10)
                told.append(attempt.cancelled)
                raise OSError("too late for anybody")

            await attempt.in_thread(block)

        def slots(router):
            return next(entry.in_flight for entry in router.health() if entry.scope == "provider")

        async with fake_router(Doing(work, max_in_flight=1)) as router:
            task = asyncio.ensure_future(router.generate("a lighthouse"))
            await asyncio.to_thread(begun.wait, 10)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            during = slots(router)
            go.set()
            await asyncio.get_running_loop().shutdown_default_executor()
            after = slots(router)

        assert (during, after) == (1, 0)
        assert told == [True]


def test_a_provider_that_cancels_itself_is_a_bug_and_does_not_hang_its_caller():
    """Nobody asked it to end: the next is tried at once."""

    async def give_up(attempt):
        raise asyncio.CancelledError

    async def main():
        async with fake_router(one=Doing(give_up), two=FakeProvider(picture(1))) as router:
            return await router.generate("a lighthouse"), asyncio.get_running_loop().time()

    result, elapsed = run_virtual(main())

    assert [attempt.kind for attempt in result.attempts] == [K.UNKNOWN, None]
    assert elapsed == pytest.approx(1)


def test_a_loop_that_closes_cancels_what_is_in_flight():
    """As `asyncio.run` does when its coroutine has ended; the attempt is settled all the same."""
    finished = []

    async def main():
        router = fake_router(FakeProvider(silence()), observers=[finished.append])
        task = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.sleep(1)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for other in others:
            other.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        return task

    assert run_virtual(main()).cancelled()
    (end,) = [event for event in finished if type(event).__name__ == "AttemptFinished"]
    assert (end.failure.kind, end.billing) == (K.CANCELLED, Billing.AMBIGUOUS)


def test_a_provider_that_answers_its_cancellation_does_not_change_the_end():
    """What was given up stays given up; its late picture goes nowhere."""

    class Late(FakeProvider):
        async def generate(self, request, attempt):
            try:
                return await super().generate(request, attempt)
            except asyncio.CancelledError:
                return _pictures(request)

    async def main():
        async with fake_router(
            one=Late(silence(), latency=(10, 20, 30)), two=FakeProvider(latency=(1, 2, 3))
        ) as router:
            return await router.generate("a lighthouse")

    result = run_virtual(main())

    assert (result.provider, result.extra) == ("two", ())
    assert result.attempts[0].kind is K.CANCELLED


def test_a_credential_that_cannot_be_read_while_settling():
    """The hold is placed without it, and the request ends as it would have."""

    class Keyless(FakeProvider):
        def credential(self):
            raise OSError("no such secret")

    attempt = run_virtual(failed(Keyless(fail(K.AUTH, 1))))

    assert (attempt.kind, attempt.seconds) == (K.AUTH, pytest.approx(1))


class Stubborn(FakeProvider):
    """A provider that swallows every cancellation until it is let go."""

    def __init__(self, **options):
        super().__init__(**options)
        self.go = None

    async def generate(self, request, attempt):
        """Deliver when it is let go, whatever happens meanwhile."""
        self.go = asyncio.get_running_loop().create_future()
        while not self.go.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(self.go)
        return _pictures(request)


def test_a_provider_that_swallows_its_cancellation_delays_nobody(caplog):
    """At the end of its time the next is asked at once (I6), and it is named once."""
    stubborn = Stubborn(attempt_timeout=20)

    async def main():
        async with fake_router(one=stubborn, two=FakeProvider(picture(1), latency=(1, 2, 3))) as router:
            result = await router.generate("a lighthouse", timeout=100, hedge_after="off")
            ended = asyncio.get_running_loop().time()
            await asyncio.sleep(5)
            stubborn.go.set_result(None)
            await asyncio.sleep(1)
            return result, ended, [entry.in_flight for entry in router.health()]

    result, ended, in_flight = run_virtual(main())

    assert [attempt.kind for attempt in result.attempts] == [K.TIMEOUT, None]
    assert ended == pytest.approx(21, abs=0.01)
    assert caplog.text.count("has not ended") == 1
    assert not any(in_flight)


def test_a_request_that_fails_at_once_lets_others_run():
    """A caller who asks again and again would starve the loop."""
    turns = []

    async def others():
        while True:
            turns.append(None)
            await asyncio.sleep(0)

    async def main():
        async with fake_router(FakeProvider(enabled=False)) as router:
            task = asyncio.ensure_future(others())
            for _ in range(20):
                with pytest.raises(PixrouteError):
                    await router.generate("a lighthouse")
            task.cancel()

    run_virtual(main())

    assert len(turns) >= 20


KEY = "sk-Zx81firstSecret0123456789"


@frozen(kw_only=True)
class WithKey(ProviderSettings):
    """Settings of a provider that brings a client library of its own."""

    api_key: Secret = field(factory=lambda: Secret(KEY))


class Talkative(FakeProvider):
    """Says its key wherever it can say something."""

    def __init__(self, outcome):
        super().__init__()
        self.settings = WithKey()
        self._outcome = outcome

    async def generate(self, request, attempt):
        """Say it."""
        attempt.note(remote=KEY, seed={KEY: [KEY.encode(), ValueError(KEY)]})
        return self._outcome


@pytest.mark.parametrize(
    "outcome",
    [
        Failure(
            kind=FailureKind.AUTH, message=f"no {KEY}", code=KEY, url=KEY, advice=KEY, task=KEY, provider_request_id=KEY
        ),
        Success(
            pictures=(Delivered(content=InMemory(blank_png(1024, 1024)), revised_prompt=KEY, declared_type=KEY),),
            model=KEY,
            usage={KEY: KEY},
            provider_request_id=KEY,
        ),
        KEY,
    ],
)
async def test_the_words_of_a_provider_with_a_client_of_its_own_lose_its_key(outcome, caplog):
    """Only HttpProvider had a door: what others noted and said was kept as it came."""
    events = []
    async with fake_router(Talkative(outcome), policy=Policy(max_attempts=1), observers=[events.append]) as router:
        try:
            end = await router.generate("a lighthouse")
        except RequestFailed as error:
            end = error

    told = f"{end} {end!r} {end.record!r} {end.record.attempts[0].facts} {events} {caplog.text}"
    assert KEY not in told
    assert "***" in told


async def test_progress_is_a_number():
    """Whatever else is told is a bug of the plugin, and not kept."""

    class Wordy(FakeProvider):
        async def generate(self, request, attempt):
            attempt.progress("half")
            return await super().generate(request, attempt)

    async with fake_router(Wordy(), policy=Policy(max_attempts=1)) as router:
        with pytest.raises(RequestFailed, match="raised ValueError"):
            await router.generate("a lighthouse")
