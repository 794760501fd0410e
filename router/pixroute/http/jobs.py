"""Providers that take a job and are asked for it until it is done."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from attrs import asdict, define, evolve, frozen

from pixroute.http.attempt import HttpAttempt, shown
from pixroute.http.body.echoes import without_echoes
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Call, HttpSettings, Reply
from pixroute.http.endpoint import origin_of
from pixroute.http.hosts import check_hosts
from pixroute.http.provider import UNREADABLE, HttpProvider
from pixroute.http.usage import amount_of
from pixroute.http.wire.outgoing import outgoing
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Outcome, Stage, Success
from pixroute.provider import AttemptContext
from pixroute.redact import redact

S = TypeVar("S", bound=HttpSettings)

CANCEL_WITHIN = 2.0
"""Seconds an upstream has to agree that a job is cancelled."""
_GROWTH = 1.5
_PASSING_STATUS = frozenset({404, 408, 425, 429})
"""Beside 5xx: a job that is young may be unknown to the machine that is asked."""
_GONE = frozenset({404, 410})
_SERVER_ERRORS = 500
_KEPT = frozenset({FailureKind.AUTH, FailureKind.QUOTA, FailureKind.MODERATED})
"""What an error answer to a poll may mean beside what passes; it never means that the request is wrong."""
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
    """A job that was taken; paths, or URLs of the provider's own origin or of its `job_hosts`.

    Args:
        id: the upstream's name for it.
        poll: asked (GET) for its progress.
        result: asked (GET) for the pictures once it has finished; None: the last answer to `poll` holds them.
        cancel: told that it is no longer wanted; None: it cannot be cancelled.
        cancel_method: how.
        cost: what it costs in dollars, as text, where the answer to the submission says so.
    """

    id: str
    poll: str
    result: str | None = None
    cancel: str | None = None
    cancel_method: str = "POST"
    cost: str | None = None


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


@frozen(kw_only=True)
class JobSettings(HttpSettings):
    """What a provider of jobs may be configured with beside the rest.

    Args:
        job_origins: origins, such as `https://queue.example.com`, that are asked for its jobs with the key beside its
            own and those that its plugin names: of a proxy in front of it, say.
    """

    job_origins: tuple[str, ...] = ()


class JobProvider(HttpProvider[S]):
    """A provider that answers with a job.

    `encode` writes the call that submits it, `accepted` reads the job, `progress` each poll, and `decode` the pictures
    of the result. All are pure.

    Raises:
        ValueError: as `HttpProvider`, or `job_hosts` names no hosts or lets anybody in.
    """

    polls = True
    job_hosts: tuple[str, ...] = ()
    """Hosts that are asked for jobs with the key, beside its own origin and over https only: "*.bfl.ai", say."""
    waits = False
    """Whether the answer to its submission tells how far the job is, as a poll does: `progress` reads it first."""

    def __init__(self, name: str, settings: S) -> None:
        super().__init__(name, settings)
        try:
            hosts = check_hosts(self.job_hosts)
        except ValueError as error:
            raise ValueError(f"provider {name!r}: its plugin's {error}") from None
        origins = tuple(_origin(name, origin, settings) for origin in getattr(settings, "job_origins", ()))
        self.endpoint = self._place = evolve(self.endpoint, job_hosts=hosts, job_origins=origins)

    @abstractmethod
    def accepted(self, reply: Reply) -> Job:
        """Read the job out of the answer to the submission."""

    @abstractmethod
    def progress(self, reply: Reply) -> Progress:
        """Read the answer to a poll, of any status.

        Of an answer that is not 2xx only a `Failure` counts; where the status is one that passes, it counts once
        asking again has not helped. A KeyError, IndexError, TypeError or ValueError leaves it to be judged by its
        status.
        """

    async def claim(self, job: Mapping[str, Any], attempt: AttemptContext) -> Outcome:
        """Collect a job of an earlier attempt, by the `job` of its record."""

        async def collect(http_attempt: HttpAttempt) -> Outcome:
            with Sinks(http_attempt.into, wanted=self.capabilities().max_images) as sinks:
                return await self._watch(Job(**job), http_attempt, sinks)

        return await self._run_attempt(attempt, collect)

    async def _conclude(self, reply: Reply, told: Reply, http_attempt: HttpAttempt, sinks: Sinks) -> Outcome:
        try:
            job = self.accepted(reply)
        except UNREADABLE:
            return self._empty(told, "it names no job")
        http_attempt.note(job=asdict(job))
        return await self._watch(job, http_attempt, sinks, first=reply if self.waits else None)

    async def _watch(self, job: Job, http_attempt: HttpAttempt, sinks: Sinks, first: Reply | None = None) -> Outcome:
        http_attempt.reached(Stage.WAIT)
        reply = await _Poller(
            job=job,
            http_attempt=http_attempt,
            sinks=sinks,
            judge=partial(self._refusal, asked=http_attempt.asked),
            read=self._progress,
            progress=self.progress,
            pause=http_attempt.http.pace.first_poll,
        ).run(first)
        if isinstance(reply, Failure):
            return reply
        http_attempt.reached(Stage.BODY)
        reply = without_echoes(reply, sinks.references)
        told = shown(reply, http_attempt.sanitizer)
        outcome = self._refusal(told, asked=http_attempt.asked) or await self._collect(reply, told, http_attempt, sinks)
        if isinstance(outcome, Success) and outcome.cost is None and job.cost is not None:
            return evolve(outcome, cost=amount_of(job.cost))
        return outcome

    def _classified(self, reply: Reply) -> Failure | None:
        failure = super()._classified(reply)
        if failure is None and self.waits and reply.ok:
            with suppress(*UNREADABLE):
                progress = self.progress(reply)
                return progress if isinstance(progress, Failure) else None
        return failure

    def _progress(self, reply: Reply) -> Progress:
        try:
            return self.progress(reply)
        except UNREADABLE:
            return self._empty(reply, "it tells nothing of the job that can be read")


@define(kw_only=True)
class _Poller:
    """The wait for one job, by GETs: a poll that is cut is asked again, for it costs nothing.

    Args:
        judge: reads an error answer.
        read: reads a poll that is 2xx.
        progress: the plugin's own reading.
        pause: seconds before the next poll.
    """

    job: Job
    http_attempt: HttpAttempt
    sinks: Sinks
    judge: Callable[[Reply], Failure | None]
    read: Callable[[Reply], Progress]
    progress: Callable[[Reply], Progress]
    pause: float
    queued: bool = False  # until a poll says so

    async def run(self, first: Reply | None = None) -> Reply | Failure:
        """Give the answer that holds the pictures; whoever cancels the wait cancels the job.

        `first`: the answer to the submission, where it is read as a poll's.
        """
        try:
            return await self._finished(first)
        except asyncio.CancelledError:
            if self.job.cancel is not None:
                self.http_attempt.http.run_in_background(self._cancel(self.job.cancel))
            raise

    async def _finished(self, reply: Reply | Failure | None) -> Reply | Failure:
        while True:
            if reply is None:
                await asyncio.sleep(self.pause)
                reply = await self._ask(self.job.poll, told=True)
            progress = reply if isinstance(reply, Failure) else self.read(shown(reply, self.http_attempt.sanitizer))
            match progress:
                case Failure():
                    return progress
                case Finished():
                    return reply if self.job.result is None else await self._ask(self.job.result)
                case Running(fraction) if fraction is not None:
                    self.http_attempt.progress(fraction)
            self.queued, reply = isinstance(progress, Queued), None

    async def _ask(self, path: str, *, told: bool = False) -> Reply | Failure:
        """Ask until an answer comes, through what passes for as long as patience lasts; `told`: the plugin reads it."""
        clock = self.http_attempt.context.http.now  # a machine that slept has not lost patience
        self.pause = min(self.pause * _GROWTH, self.http_attempt.http.pace.longest_poll)
        delays, gives_up = self._delays(), inf
        while True:
            reply = await self._send(Call.get(path), self.sinks)
            failure, passes = self._fault(reply, told=told)
            if failure is None:
                return cast("Reply", reply)
            gives_up = min(gives_up, clock() + self.http_attempt.http.pace.fetch)
            if not passes or clock() >= gives_up:
                # The job goes on without us.
                return evolve(failure, stage=Stage.WAIT, billing=Billing.AMBIGUOUS)
            await asyncio.sleep(min(max(next(delays), failure.hint or 0), gives_up - clock()))

    def _delays(self) -> Iterator[float]:
        from backoff import expo  # noqa: PLC0415 - reached when first needed, so that importing pixroute stays cheap

        delays = expo(base=_GROWTH, factor=self.pause, max_value=self.http_attempt.http.pace.longest_poll)
        next(delays)  # backoff's generators yield None first
        return cast("Iterator[float]", delays)

    def _fault(self, reply: Reply | Failure, *, told: bool) -> tuple[Failure | None, bool]:
        """Judge an answer, and whether asking again may help."""
        if isinstance(reply, Failure):
            return reply, reply.kind in _PASSING
        if reply.ok:
            return None, False
        seen = shown(reply, self.http_attempt.sanitizer)
        said = self._said(seen) if told else None
        return said or self._judged(seen), reply.status in _PASSING_STATUS or reply.status >= _SERVER_ERRORS

    def _said(self, reply: Reply) -> Failure | None:
        """Let the plugin read an error answer; it may know better than its status."""
        try:
            said = self.progress(reply)
        except UNREADABLE:
            return None
        return said if isinstance(said, Failure) else None

    def _judged(self, reply: Reply) -> Failure:
        failure = self.judge(reply)
        if failure is not None and failure.kind in _PASSING | _KEPT and reply.status not in _GONE:
            return failure
        if reply.status in _GONE:
            return Failure(
                kind=FailureKind.SERVER_ERROR,
                message=f"The provider no longer knows the job {self.job.id} (status {reply.status}).",
                advice="It may have been made and billed: ask the provider by the job's id.",
                status=reply.status,
            )
        return Failure(
            kind=FailureKind.SERVER_ERROR,
            message=f"The provider refused to be asked for the job {self.job.id} (status {reply.status}).",
            advice="The request is not at fault; the job may be claimed later.",
            status=reply.status,
        )

    async def _send(self, call: Call, sinks: Sinks) -> Reply | Failure:
        try:
            request = outgoing(
                call, self.http_attempt.endpoint, self.http_attempt.request_id, self.http_attempt.traceparent
            )
        except ValueError as error:
            return Failure(
                kind=FailureKind.UNKNOWN,
                message=f"The job cannot be asked for: {error}.",
                advice="This is a lack of the plugin; the job may have been made and billed.",
                blame=Blame.PROVIDER,
            )
        return await self.http_attempt.context.http.exchange(
            request, endpoint=self.http_attempt.endpoint, attempt=self.http_attempt.context, sinks=sinks, follow_up=True
        )

    async def _cancel(self, path: str) -> None:
        """Tell the upstream; a job that had not begun is not billed if it agrees."""
        with suppress(TimeoutError), Sinks(None) as sinks:
            async with asyncio.timeout(CANCEL_WITHIN):
                reply = await self._send(Call(method=self.job.cancel_method, path=path), sinks)
            if isinstance(reply, Reply) and reply.ok:
                self.http_attempt.note(job_cancelled="queued" if self.queued else "running")


def _origin(name: str, text: str, settings: HttpSettings) -> str:
    """Read an origin of `job_origins`, to which the key is sent as it is to `base_url`."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/") or "@" in parts.netloc:
        raise ValueError(f"provider {name!r}: `job_origins` has {redact(text)!r}; give it as https://host")
    if parts.scheme == "http" and settings.plaintext != "accept":
        raise ValueError(
            f"provider {name!r}: `job_origins` has http://{parts.hostname}: the key would travel in clear; use "
            'https://, or say `plaintext = "accept"`'
        )
    return origin_of(parts)
