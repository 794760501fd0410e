"""A request under way, apart from whoever waits for it: callers join it, leave it, and read how it goes."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from typing import Any
from weakref import ref

from attrs import define, field

from pixroute import events
from pixroute.cost import Cost
from pixroute.errors import PixrouteError
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.problem import GatewayProblem, Refused, problem_of

log = logging.getLogger("pixroute.serve")
MOST_TOLD = 500
"""Events of one request that are kept for those who read it."""
_current: ContextVar[Callable[[], GatewayCall | None]] = ContextVar("pixroute_call", default=lambda: None)
"""The call that the router works for; weak, for timers outlive it with their contexts, and it holds its pictures."""

NOTHING = Cost()
Outcome = GatewayAnswer | GatewayProblem
Work = Callable[[], Awaitable[Outcome]]


@define(eq=False)
class GatewayCall:
    """One run of the router, and what became known of it.

    `callers` wait for it; when none does any more, nothing more is started, and what may be billed is finished.
    `ending`: it is being ended for that, and nobody can join it any more. `repeated`: another process works
    on it, or has.
    """

    task: asyncio.Future[Outcome] = field(init=False)
    told: list[dict[str, Any]] = field(factory=list)
    callers: int = 0
    left: bool = False
    ending: bool = False
    spent: Cost = NOTHING
    repeated: bool = False
    _decided: bool = False
    _in_flight: int = 0
    _waiting: list[asyncio.Future[None]] = field(factory=list)
    _reading: list[asyncio.Future[None]] = field(factory=list)

    def start(self, work: Work, around: Callable[[Work], Awaitable[Outcome]] | None = None) -> GatewayCall:
        """Begin; what `work` raises becomes a value, and a bug is logged. `around` is given that work to do."""
        if around is not None:
            work = partial(around, partial(self._valued, work))
        self.task = asyncio.get_running_loop().create_task(self._run(work))
        self.task.add_done_callback(self._wake)
        return self

    async def _run(self, work: Work) -> Outcome:
        _current.set(ref(self))
        return await self._valued(work)

    async def _valued(self, work: Work) -> Outcome:
        try:
            return await work()
        except Refused as error:
            return error.problem
        except asyncio.CancelledError:
            if not self.left:
                raise
            return GatewayProblem(status=499, message="Its caller had left.", kind="caller_left", cost=self.spent)
        except (PixrouteError, ValueError) as error:
            return problem_of(error)
        except Exception as error:
            log.exception("a bug in the gateway", extra={"error": type(error).__name__})
            return problem_of(error)

    @classmethod
    def kept(cls, outcome: Outcome) -> GatewayCall:
        """Give one that is over."""
        call = cls()
        call.task = asyncio.get_running_loop().create_future()
        call.task.set_result(outcome)
        return call

    @property
    def outcome(self) -> Outcome | None:
        """What it came to; None while it runs."""
        if not self.task.done():
            return None
        if self.task.cancelled():
            return GatewayProblem(status=503, message="The server ended.", kind="shutting_down", cost=self.spent)
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
        loop = asyncio.get_running_loop()
        news = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, _wake_one, news)
        waiting = self._waiting if seen is None else self._reading
        waiting.append(news)
        try:
            await news
        finally:
            waiting.remove(news)
            if timer is not None:
                timer.cancel()

    def hear(self, event: events.Event) -> None:
        """Take note of an event of its own."""
        match event:
            case events.AttemptStarted():
                self._in_flight += 1
                self._tell("attempt_started", event, provider=event.provider, model=event.model)
            case events.AttemptFinished():
                self._in_flight -= 1
                self.spent += event.cost
                kind = event.failure.kind.value if event.failure else None
                self._tell("attempt_finished", event, provider=event.provider, kind=kind, seconds=event.seconds)
                self._decided |= event.failure is None  # a picture is in hand: what follows is its delivery
                if self.left:
                    self._end_if_idle()
            case events.RequestFinished():
                self._decided = True
            case events.RetryScheduled():
                self._tell("retry_scheduled", event, provider=event.provider)

    def _end_if_idle(self) -> None:
        """End a call that nobody waits for, unless something of it is in flight, or its end is known already."""
        if not self._in_flight and not self._decided:
            self.ending = True
            self.task.cancel()

    def _tell(self, what: str, event: events.Event, **more: Any) -> None:
        if len(self.told) < MOST_TOLD:
            self.told.append({"what": what, "request_id": event.request, "part": event.part, **more})
            for news in self._reading:
                _wake_one(news)

    def _wake(self, _: object) -> None:
        for news in (*self._waiting, *self._reading):
            _wake_one(news)


def _wake_one(news: asyncio.Future[None]) -> None:
    if not news.done():
        news.set_result(None)


class Watching:
    """The router's observer: hands every event to the call that it belongs to."""

    def __init__(self) -> None:
        self._calls: dict[str, GatewayCall] = {}

    def __call__(self, event: events.AnyEvent) -> None:
        """Take one event."""
        if not isinstance(event, events.Event):
            return
        if isinstance(event, events.RequestStarted) and (current := _current.get()()) is not None:
            self._calls[event.request] = current
        if (call := self._calls.get(event.request)) is not None:
            call.hear(event)
        if isinstance(event, events.RequestFinished):
            self._calls.pop(event.request, None)

    def before(self, event: events.AttemptStarted) -> None:
        """Refuse an attempt whose callers have all left."""
        call = self._calls.get(event.request)
        if call is not None and call.left:
            raise OSError(errno.ECANCELED, "its caller has left")
