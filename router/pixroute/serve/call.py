"""A request under way, apart from whoever waits for it: callers join it, leave it, and read how it goes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from attrs import define, field

from pixroute import events
from pixroute.errors import PixrouteError
from pixroute.outcome import Billing
from pixroute.result import ImageResult
from pixroute.serve.problem import Problem, problem_of

MOST_TOLD = 500
"""Events of one request that are kept for those who read it."""
_current: ContextVar[Call | None] = ContextVar("pixroute_call", default=None)

Outcome = ImageResult | Problem


@define(eq=False)
class Call:
    """One run of the router, and what became known of it.

    `callers` wait for it; when none does any more, nothing more is started, and what may be billed is finished.
    """

    task: asyncio.Task[Outcome] = field(init=False)
    told: list[dict[str, Any]] = field(factory=list)
    callers: int = 0
    left: bool = False
    _in_flight: set[str] = field(factory=set)
    _may_be_billed: bool = False
    _waiting: set[asyncio.Future[None]] = field(factory=set)

    def start(self, work: Callable[[], Awaitable[ImageResult]], log: Callable[[BaseException], None]) -> Call:
        """Begin; what `work` raises becomes a value, and a bug is logged."""

        async def run() -> Outcome:
            _current.set(self)
            try:
                return await work()
            except (PixrouteError, ValueError) as error:
                return problem_of(error)
            except Exception as error:  # noqa: BLE001 - whatever breaks is told to the caller as a bug
                log(error)
                return problem_of(error)

        self.task = asyncio.get_running_loop().create_task(run())
        self.task.add_done_callback(lambda _: self._wake())
        return self

    @property
    def outcome(self) -> Outcome | None:
        """What it came to; None while it runs."""
        if not self.task.done():
            return None
        if self.task.cancelled():
            return Problem(status=499, message="Its caller left before anything was sent.", kind="cancelled")
        return self.task.result()

    def join(self) -> None:
        """Count one who waits."""
        self.callers += 1
        self.left = False

    def leave(self) -> None:
        """Count one less; after the last nothing more is started, and what nobody has paid for ends."""
        self.callers -= 1
        if not self.callers and not self.task.done():
            self.left = True
            self._end_if_idle()

    async def wait(self, seconds: float | None, seen: int | None = None) -> None:
        """Wait for the end, for `seconds` at most; with `seen` also for more than that many events."""
        if self.task.done() or (seen is not None and len(self.told) > seen):
            return
        if seen is None:
            await asyncio.wait([self.task], timeout=seconds)
            return
        news = asyncio.get_running_loop().create_future()
        self._waiting.add(news)
        try:
            await asyncio.wait([news], timeout=seconds)
        finally:
            self._waiting.discard(news)

    def hear(self, event: events.Event) -> None:
        """Take note of an event of its own."""
        match event:
            case events.AttemptStarted():
                self._in_flight.add(event.attempt)
                self._tell("attempt_started", event, provider=event.provider, model=event.model)
            case events.AttemptFinished():
                self._in_flight.discard(event.attempt)
                self._may_be_billed |= event.billing is not Billing.FREE
                kind = event.failure.kind.value if event.failure else None
                self._tell("attempt_finished", event, provider=event.provider, kind=kind, seconds=event.seconds)
                if self.left and event.failure:
                    self._end_if_idle()
            case events.RetryScheduled():
                self._tell("retry_scheduled", event, provider=event.provider)

    def _end_if_idle(self) -> None:
        """End a call that nobody waits for, unless something of it is in flight."""
        if not self._in_flight:
            self.task.cancel()

    def _tell(self, what: str, event: events.Event, **more: Any) -> None:
        if len(self.told) < MOST_TOLD:
            self.told.append({"what": what, "request_id": event.request, "part": event.part, **more})
            self._wake()

    def _wake(self) -> None:
        for news in self._waiting:
            if not news.done():
                news.set_result(None)


class Watching:
    """The router's observer: hands every event to the call that it belongs to."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def __call__(self, event: events.AnyEvent) -> None:
        """Take one event."""
        if not isinstance(event, events.Event):
            return
        if isinstance(event, events.RequestStarted) and (current := _current.get()) is not None:
            self._calls[event.request] = current
        if isinstance(event, events.RequestFinished):
            self._calls.pop(event.request, None)
        elif (call := self._calls.get(event.request)) is not None:
            call.hear(event)

    def before(self, event: events.AttemptStarted) -> None:
        """Refuse an attempt whose callers have all left: nobody is to pay for it."""
        call = self._calls.get(event.request)
        if call is not None and call.left:
            raise OSError(errno.ECANCELED, "its caller has left")
