"""An attempt runs in its caller's task where all that it awaits is ours, else in a task of its own: both end alike."""

import asyncio
import base64
import gc
import json
import logging
from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio
import pytest

from pixroute import AllProvidersFailed, Capabilities, FailureKind, Policy, Router, ShuttingDown
from pixroute.dialects.openai_images import pictures
from pixroute.events import AttemptFinished, AttemptStarted
from pixroute.http import Call, HttpProvider, HttpSettings
from pixroute.policy import RetryPolicy
from pixroute.testing.fake import blank_png

PICTURE = json.dumps({"data": [{"b64_json": base64.b64encode(blank_png(1024, 1024)).decode()}]}).encode()
ONCE = RetryPolicy(rounds=(), quick=False)
SEEN = ContextVar("SEEN", default="nobody's")


class Carried(HttpProvider[HttpSettings]):
    """A provider that overrides nothing that is awaited."""

    def capabilities(self):
        """Make one size."""
        return Capabilities(resolutions={"1K"})

    def encode(self, request):
        """Leave something in the context."""
        SEEN.set("the plugin's")
        return Call.post("/pictures", json={"prompt": request.prompt})

    def decode(self, reply):
        """Read it as OpenAI writes it."""
        return pictures(reply)


class InItsOwnTask(Carried):
    """The same with a `generate` of its own."""

    async def generate(self, request, attempt):
        """Do nothing else."""
        return await super().generate(request, attempt)


WAYS = pytest.mark.parametrize("kind", [Carried, InItsOwnTask])


@asynccontextmanager
async def upstream(*steps):
    """Answer call by call: "picture", "silence", or a status; give the address and what it was asked."""
    asked, left = [], list(steps)

    async def serve(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            asked.append(await reader.readexactly(length))
            step = left.pop(0) if len(left) > 1 else left[0]
            if step == "silence":
                await reader.read()
                break
            status, body = (200, PICTURE) if step == "picture" else (step, b'{"error":{"message":"no"}}')
            type_ = b"content-type: application/json\r\n"
            writer.write(b"HTTP/1.1 %d X\r\n%bcontent-length: %d\r\n\r\n%b" % (status, type_, len(body), body))
        writer.close()

    async def serve_quietly(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve_quietly, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()


@asynccontextmanager
async def routed(kind, *steps, policy=None, observer=None, number=1):
    """Give a router over providers of one kind that all ask one upstream, and what that was asked."""
    async with upstream(*steps) as (url, asked):
        names = [f"p{each}" for each in range(number)]
        providers = {
            name: kind(
                name, HttpSettings(base_url=f"{url}/{name}", api_key="a-secret-key", plaintext="accept", upstream=name)
            )
            for name in names
        }
        observers = {} if observer is None else {"observer": observer}
        policy = policy or Policy(retry=ONCE)
        router = Router(providers=providers, chains={"default": names}, policy=policy, observers=observers, seed=1)
        try:
            yield router, asked
        finally:
            await router.aclose(drain=0)
            assert not [entry for entry in router.health() if entry.in_flight]


async def asked_for(asked, times=1):
    """Wait until the upstream was asked so often."""
    async with asyncio.timeout(5):
        while len(asked) < times:  # noqa: ASYNC110 - told by a server that knows no events of ours
            await asyncio.sleep(0.001)


def cancelling():
    """Count the cancellations that this task has not answered."""
    return asyncio.current_task().cancelling()


@WAYS
async def test_a_picture_comes_either_way_and_only_one_way_takes_a_task(kind):
    """While the attempt runs, its caller's task is the only one, or one of two."""
    async with routed(kind, "silence") as (router, asked):
        others = asyncio.all_tasks()
        caller = asyncio.create_task(router.generate("a lighthouse"))
        await asked_for(asked)

        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks() - others - {caller}]

        assert sum("Attempt" in name for name in names) == (kind is InItsOwnTask)
        caller.cancel()
        await asyncio.wait([caller])


@WAYS
async def test_what_a_provider_sets_in_the_context_is_not_its_callers(kind):
    """A variable that had a value has it again."""
    async with routed(kind, "picture") as (router, _):
        SEEN.set("the caller's")

        await router.generate("a lighthouse")

        assert SEEN.get() == "the caller's"


@WAYS
async def test_a_caller_who_cancels_gets_his_cancellation_and_leaves_nothing(kind):
    """The cancellation passes, whoever's task it strikes."""
    async with routed(kind, "silence") as (router, asked):
        caller = asyncio.create_task(router.generate("a lighthouse"))
        await asked_for(asked)
        caller.cancel("enough")

        await asyncio.wait([caller])

        assert caller.cancelled()


@WAYS
async def test_an_outer_timeout_sees_its_own_cancellation(kind):
    """`asyncio.timeout` raises TimeoutError, and the task goes on."""
    async with routed(kind, "silence") as (router, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await router.generate("a lighthouse")

        assert cancelling() == 0
        await asyncio.sleep(0)


@WAYS
async def test_an_attempt_that_is_cut_leaves_no_cancellation_behind(kind):
    """The attempt's own time-out is a failure; what the caller awaits next is not cancelled."""
    policy = Policy(attempt_timeout=0.2, hedge_after="off", retry=ONCE)
    async with routed(kind, "silence", "picture", policy=policy, number=2) as (router, asked):
        result = await router.generate("a lighthouse")

        assert [attempt.kind for attempt in result.record.attempts] == [FailureKind.TIMEOUT, None]
        assert len(asked) == 2
        assert cancelling() == 0
        await asyncio.sleep(0)


@WAYS
async def test_a_hedge_that_wins_cuts_the_one_it_joined(kind):
    """The winner is delivered at once; the loser is CANCELLED, and its caller is not."""
    policy = Policy(attempt_timeout=5, hedge_after=0.05, retry=ONCE)
    async with routed(kind, "silence", "picture", policy=policy, number=2) as (router, _):
        async with asyncio.timeout(2.5):
            result = await router.generate("a lighthouse")

        first, second = result.record.attempts
        assert (first.kind, second.kind, second.hedge) == (FailureKind.CANCELLED, None, True)
        assert cancelling() == 0
        await asyncio.sleep(0)


@WAYS
async def test_a_hedge_that_fails_leaves_the_first_to_go_on(kind):
    """The first is silent until its own time is over."""
    policy = Policy(attempt_timeout=1, hedge_after=0.1, retry=ONCE)
    async with routed(kind, "silence", 503, policy=policy, number=2) as (router, _):
        with pytest.raises(AllProvidersFailed) as caught:
            await router.generate("a lighthouse")

        kinds = [attempt.kind for attempt in caught.value.record.attempts]
        assert kinds == [FailureKind.TIMEOUT, FailureKind.OVERLOADED]
        assert cancelling() == 0


@WAYS
async def test_a_caller_who_cancels_while_a_hedge_runs_leaves_nothing(kind, caplog):
    """Both attempts and the task that decides beside them are gone; nothing is logged."""
    policy = Policy(attempt_timeout=9, hedge_after=0.02, retry=ONCE)
    async with routed(kind, "silence", policy=policy, number=2) as (router, asked):
        before = asyncio.all_tasks()
        caller = asyncio.create_task(router.generate("a lighthouse"))
        await asked_for(asked, 2)
        caller.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(0.02)

        assert caller.cancelled()
        left = [task for task in asyncio.all_tasks() - before if "serve" not in task.get_coro().__qualname__]
        assert left == []
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@WAYS
async def test_a_callers_cancel_in_the_turn_of_our_cut_is_the_callers(kind):
    """Cancelled by both at once, the request ends as cancelled."""

    def cancel(event):
        if isinstance(event, AttemptFinished):
            caller.cancel()

    policy = Policy(attempt_timeout=0.1, retry=ONCE)
    async with routed(kind, "silence", policy=policy, observer=cancel) as (router, _):
        caller = asyncio.create_task(router.generate("a lighthouse"))

        await asyncio.wait([caller])

        assert caller.cancelled()


@WAYS
async def test_closing_the_router_ends_the_request_and_not_its_caller(kind):
    """The caller sees ShuttingDown, with what may be billed, and no cancellation."""
    async with routed(kind, "silence") as (router, asked):

        async def ask():
            try:
                await router.generate("a lighthouse")
            except ShuttingDown as error:
                return error, cancelling()

        caller = asyncio.create_task(ask())
        await asked_for(asked)
        await router.aclose(drain=0)

        error, left = await caller

        assert [attempt.kind for attempt in error.record.attempts] == [FailureKind.CANCELLED]
        assert left == 0


@WAYS
async def test_a_task_group_that_ends_takes_the_request_with_it(kind):
    """What a sibling raises is all that comes out."""
    async with routed(kind, "silence") as (router, asked):

        async def fail():
            await asked_for(asked)
            raise KeyError

        async def both():
            async with asyncio.TaskGroup() as group:
                group.create_task(router.generate("a lighthouse"))
                group.create_task(fail())

        with pytest.raises(ExceptionGroup) as caught:
            await both()

        assert [type(error) for error in caught.value.exceptions] == [KeyError]


@WAYS
async def test_a_request_inside_a_task_group_outlives_its_cut_attempt(kind):
    """The group does not take our cut for the end of its body."""
    policy = Policy(attempt_timeout=0.1, hedge_after="off", retry=ONCE)
    async with routed(kind, "silence", "picture", policy=policy, number=2) as (router, _):
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0.2))
            result = await router.generate("a lighthouse")
            await asyncio.sleep(0)

        assert result.fell_back


@WAYS
async def test_an_anyio_scope_ends_the_request_as_its_own(kind):
    """The scope catches its cancellation, and the task goes on."""
    async with routed(kind, "silence") as (router, _):
        with anyio.move_on_after(0.1) as scope:
            await router.generate("a lighthouse")

        assert scope.cancelled_caught
        assert cancelling() == 0
        await asyncio.sleep(0)


@WAYS
async def test_our_cut_inside_an_anyio_scope_is_not_the_scopes(kind):
    """The scope was not cancelled, and says so."""
    policy = Policy(attempt_timeout=0.1, hedge_after="off", retry=ONCE)
    async with routed(kind, "silence", "picture", policy=policy, number=2) as (router, _):
        with anyio.move_on_after(5) as scope:
            result = await router.generate("a lighthouse")
            await asyncio.sleep(0)

        assert result.fell_back
        assert not scope.cancelled_caught


@WAYS
async def test_parts_run_at_once_either_way(kind):
    """Two pictures are two parts, each in a task that drives it."""
    async with routed(kind, "picture") as (router, asked):
        result = await router.generate("a lighthouse", n=2)

        assert len(result.images) == len(asked) == 2


@WAYS
async def test_a_request_leaves_nothing_to_the_garbage_collector(kind):
    """No circle is left behind: pictures would live until it runs."""
    async with routed(kind, "picture") as (router, _):
        for _ in range(5):
            await router.generate("a lighthouse")
        gc.collect()
        gc.disable()
        try:
            for _ in range(50):
                await router.generate("a lighthouse")
            found = gc.collect()
        finally:
            gc.enable()

        assert found < 50


@WAYS
async def test_a_cancellation_in_the_very_turn_in_which_it_starts_is_not_lost(kind):
    """A signal's handler may cancel between any two lines: nobody else is asked then, and the caller hears of it."""

    def cancels(event):
        if isinstance(event, AttemptStarted):
            caller.cancel()

    async with routed(kind, "picture", observer=cancels, number=2) as (router, asked):
        caller = asyncio.ensure_future(router.generate("a lighthouse"))
        await asyncio.wait([caller], timeout=5)

    assert caller.cancelled()
    assert asked == []
