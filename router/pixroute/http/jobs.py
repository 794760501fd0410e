"""Providers that take a job and are asked for it until it is done."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

from attrs import asdict, define, evolve, frozen

from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Call, HttpSettings, Reply
from pixroute.http.door import Door, shown
from pixroute.http.provider import UNREADABLE, HttpProvider
from pixroute.http.wire.outgoing import outgoing
from pixroute.outcome import Billing, Failure, FailureKind, Outcome, Stage
from pixroute.provider import AttemptContext

S = TypeVar("S", bound=HttpSettings)

CANCEL_WITHIN = 2.0
"""Seconds an upstream has to agree that a job is cancelled."""
_GROWTH = 1.5
_PASSING = frozenset(
    {
        FailureKind.CONNECT,
        FailureKind.TLS,
        FailureKind.DISCONNECTED,
        FailureKind.PROXY_CUT,
        FailureKind.PROTOCOL,
        FailureKind.TIMEOUT,
        FailureKind.OVERLOADED,
        FailureKind.RATE_LIMITED,
        FailureKind.SERVER_ERROR,
    }
)


@frozen(kw_only=True)
class Job:
    """A job that was taken; paths, or URLs of the provider's own origin.

    Args:
        id: the upstream's name for it.
        poll: asked (GET) for its progress.
        result: asked (GET) for the pictures once it has finished; None: the last answer to `poll` holds them.
        cancel: told that it is no longer wanted; None: it cannot be cancelled.
        cancel_method: how.
    """

    id: str
    poll: str
    result: str | None = None
    cancel: str | None = None
    cancel_method: str = "POST"


@frozen
class Queued:
    """It has not begun, and is not billed if it is cancelled now."""


@frozen
class Running:
    """It is being made; `fraction` of it where the upstream tells."""

    fraction: float | None = None


@frozen
class Finished:
    """It is done."""


Progress = Queued | Running | Finished | Failure


class JobProvider(HttpProvider[S]):
    """A provider that answers with a job.

    `encode` writes the call that submits it, `accepted` reads the job, `progress` each poll, and `decode` the pictures
    of the result. All are pure.
    """

    @abstractmethod
    def accepted(self, reply: Reply) -> Job:
        """Read the job out of the answer to the submission."""

    @abstractmethod
    def progress(self, reply: Reply) -> Progress:
        """Read the answer to a poll."""

    async def claim(self, job: Mapping[str, Any], attempt: AttemptContext) -> Outcome:
        """Collect a job of an earlier attempt, by the `job` of its record."""

        async def collect(door: Door) -> Outcome:
            with Sinks(door.into, wanted=self.capabilities().max_images) as sinks:
                return await self._watch(Job(**job), door, sinks)

        return await self._through_the_door(attempt, collect)

    async def _conclude(self, reply: Reply, told: Reply, door: Door, sinks: Sinks) -> Outcome:
        try:
            job = self.accepted(reply)
        except UNREADABLE as error:
            return self._empty(told, f"{type(error).__name__} while reading the job")
        door.note(job=asdict(job))
        return await self._watch(job, door, sinks)

    async def _watch(self, job: Job, door: Door, sinks: Sinks) -> Outcome:
        door.reached(Stage.WAIT)
        reply = await _Vigil(
            job=job,
            door=door,
            sinks=sinks,
            judge=self._refusal,
            read=self._progress,
            pause=door.http.pace.first_poll,
        ).run()
        if isinstance(reply, Failure):
            return reply
        door.reached(Stage.BODY)
        told = shown(reply, door.sanitizer)
        return self._refusal(told) or await self._collect(reply, told, door, sinks)

    def _progress(self, reply: Reply) -> Progress:
        try:
            return self.progress(reply)
        except UNREADABLE as error:
            return self._empty(reply, f"{type(error).__name__} while reading the job's progress")


@define(kw_only=True)
class _Vigil:
    """The wait for one job, by GETs: a poll that is cut is asked again, for it costs nothing.

    Args:
        judge: reads an error answer.
        read: reads a poll.
        pause: seconds before the next poll.
    """

    job: Job
    door: Door
    sinks: Sinks
    judge: Callable[[Reply], Failure | None]
    read: Callable[[Reply], Progress]
    pause: float
    queued: bool = True

    async def run(self) -> Reply | Failure:
        """Give the answer that holds the pictures; whoever cancels the wait cancels the job."""
        try:
            return await self._finished()
        except asyncio.CancelledError:
            if self.job.cancel is not None:
                self.door.http.run_errand(self._cancel(self.job.cancel))
            raise

    async def _finished(self) -> Reply | Failure:
        while True:
            await asyncio.sleep(self.pause)
            reply = await self._ask(self.job.poll)
            progress = reply if isinstance(reply, Failure) else self.read(shown(reply, self.door.sanitizer))
            match progress:
                case Failure():
                    return progress
                case Finished():
                    return reply if self.job.result is None else await self._ask(self.job.result)
                case Running(fraction) if fraction is not None:
                    self.door.progress(fraction)
            self.queued = isinstance(progress, Queued)

    async def _ask(self, path: str) -> Reply | Failure:
        """Ask until an answer comes; the attempt's end ends this too."""
        while True:
            self.pause = min(self.pause * _GROWTH, self.door.http.pace.longest_poll)
            reply = await self._send(Call.get(path), self.sinks)
            failure = (
                reply
                if isinstance(reply, Failure)
                else None
                if reply.ok
                else self.judge(shown(reply, self.door.sanitizer))
            )
            if failure is None:
                return reply
            if failure.kind not in _PASSING:
                return evolve(failure, stage=Stage.WAIT, billing=Billing.AMBIGUOUS)  # the job goes on without us
            await asyncio.sleep(max(self.pause, failure.hint or 0))

    def _fault(self, reply: Reply) -> Failure | None:
        return None if reply.ok else self.judge(shown(reply, self.door.sanitizer))

    async def _send(self, call: Call, sinks: Sinks) -> Reply | Failure:
        try:
            request = outgoing(call, self.door.endpoint, self.door.request_id)
        except ValueError as error:
            return Failure(kind=FailureKind.INVALID, message=f"The job cannot be asked for: {error}.")
        return await self.door.context.http.exchange(
            request, endpoint=self.door.endpoint, attempt=self.door.context, sinks=sinks, follow_up=True
        )

    async def _cancel(self, path: str) -> None:
        """Tell the upstream; a job that had not begun is not billed if it agrees."""
        with suppress(TimeoutError), Sinks(None) as sinks:
            async with asyncio.timeout(CANCEL_WITHIN):
                reply = await self._send(Call(method=self.job.cancel_method, path=path), sinks)
            if isinstance(reply, Reply) and reply.ok:
                self.door.note(job_cancelled="queued" if self.queued else "running")
