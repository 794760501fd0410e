"""Providers that take a job and are asked for it until it is done."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

from attrs import asdict, evolve, frozen

from pixroute.http.call import Call, HttpSettings, Reply
from pixroute.http.outgoing import outgoing
from pixroute.http.pace import LARGEST
from pixroute.http.provider import UNREADABLE, HttpProvider
from pixroute.http.sinks import Sinks
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
        with Sinks(attempt.into, LARGEST) as sinks:
            return self.hushed(await _Vigil(self, Job(**job), attempt, sinks).run())

    async def conclude(self, reply: Reply, attempt: AttemptContext, sinks: Sinks) -> Outcome:
        """Wait for the job that was taken, and collect what it made."""
        try:
            job = self.accepted(reply)
        except UNREADABLE as error:
            return self.empty(reply, f"{type(error).__name__} while reading the job")
        attempt.note(job=asdict(job))
        return await _Vigil(self, job, attempt, sinks).run()


class _Vigil:
    """The wait for one job, by GETs: a poll that is cut is asked again, for it costs nothing."""

    def __init__(self, provider: JobProvider[Any], job: Job, attempt: AttemptContext, sinks: Sinks) -> None:
        self._provider = provider
        self._job = job
        self._attempt = attempt
        self._sinks = sinks
        self._pace = attempt.http.pace
        self._pause = self._pace.first_poll
        self._queued = True

    async def run(self) -> Outcome:
        """Wait until it is done; whoever cancels the wait cancels the job."""
        self._attempt.reached(Stage.WAIT)
        try:
            reply = await self._finished()
        except asyncio.CancelledError:
            if self._job.cancel is not None:
                self._attempt.http.run_errand(self._cancel(self._job.cancel))
            raise
        if isinstance(reply, Failure):
            return reply
        self._attempt.reached(Stage.BODY)
        return self._provider.refusal(reply) or await self._provider.collect(reply, self._attempt, self._sinks)

    async def _finished(self) -> Reply | Failure:
        while True:
            await asyncio.sleep(self._pause)
            reply = await self._ask(self._job.poll)
            if isinstance(reply, Failure):
                return reply
            progress = self._progress(reply)
            if isinstance(progress, Failure):
                return progress
            if isinstance(progress, Finished):
                return reply if self._job.result is None else await self._ask(self._job.result)
            self._queued = isinstance(progress, Queued)
            if isinstance(progress, Running) and progress.fraction is not None:
                self._attempt.progress(progress.fraction)

    async def _ask(self, path: str) -> Reply | Failure:
        """Ask until an answer comes; the attempt's end ends this too."""
        while True:
            self._pause = min(self._pause * _GROWTH, self._pace.longest_poll)
            reply = await self._send(Call.get(path), self._sinks)
            failure = reply if isinstance(reply, Failure) else None if reply.ok else self._provider.refusal(reply)
            if failure is None:
                return reply
            if failure.kind not in _PASSING:
                return evolve(failure, stage=Stage.WAIT, billing=Billing.AMBIGUOUS)  # the job goes on without us
            await asyncio.sleep(max(self._pause, failure.hint or 0))

    def _progress(self, reply: Reply) -> Progress:
        try:
            return self._provider.progress(reply)
        except UNREADABLE as error:
            return self._provider.empty(reply, f"{type(error).__name__} while reading the job's progress")

    async def _send(self, call: Call, sinks: Sinks) -> Reply | Failure:
        endpoint = self._provider.endpoint
        try:
            request = outgoing(call, endpoint, self._attempt.request_id)
        except ValueError as error:
            return Failure(kind=FailureKind.INVALID, message=f"The job cannot be asked for: {error}.")
        return await self._attempt.http.exchange(
            request, endpoint=endpoint, attempt=self._attempt, sinks=sinks, follow_up=True
        )

    async def _cancel(self, path: str) -> None:
        """Tell the upstream; a job that had not begun is not billed if it agrees."""
        with suppress(TimeoutError), Sinks(None, LARGEST) as sinks:
            async with asyncio.timeout(CANCEL_WITHIN):
                reply = await self._send(Call(method=self._job.cancel_method, path=path), sinks)
            if isinstance(reply, Reply) and reply.ok:
                self._attempt.note(job_cancelled="queued" if self._queued else "running")
