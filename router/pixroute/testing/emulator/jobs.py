"""Jobs: work whose answer is kept until it is asked for."""

import asyncio
from typing import TYPE_CHECKING, Literal

from attrs import define, field, frozen

from pixroute.testing.emulator.exchange import EmulatedExchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pixroute.testing.emulator.order import Order
    from pixroute.testing.emulator.wire import Answer

State = Literal["queued", "running", "done", "canceled"]


@frozen(kw_only=True)
class JobExchange(EmulatedExchange):
    """An exchange that makes nothing itself: a submission, or a call about a job; `tell` gives its healthy answer."""

    tell: "Callable[[], Awaitable[Answer]]"

    async def deliver(self, order: "Order", *, factor: float = 1.0) -> "Answer":  # noqa: ARG002 - as of every exchange
        """Tell it."""
        return await self.tell()


@define(eq=False, kw_only=True)
class EmulatedJob:
    """A job; `origin` is where it is asked for, and `exchange` the call that submitted it, fault and all."""

    id: str
    origin: str
    exchange: EmulatedExchange
    state: State = "queued"
    work: "asyncio.Task[Answer]" = field(init=False)

    def begin(self) -> None:
        """Let it wait in the queue as long as its fault says, then do it."""
        fault = self.exchange.fault
        wait = self.exchange.option("seconds") if fault and fault.name == "queue" else 0.0
        self.work = asyncio.create_task(self._run(wait))

    async def _run(self, wait: float) -> "Answer":
        if wait:
            await self.exchange.studio.sleep(wait)
        self.state = "running"
        answer = await self.exchange.answer()
        if self.state == "running":
            self.state = "done"
        return answer

    def cancel(self) -> bool:
        """Call it off; what has begun is made and billed all the same. Tell whether it had not ended."""
        if self.state in {"done", "canceled"}:
            return False
        if self.state == "queued":
            self.work.cancel()
        self.state = "canceled"
        return True

    @property
    def answer(self) -> "Answer | None":
        """What came of it; None until it is done."""
        return self.work.result() if self.state == "done" else None


class Jobs:
    """All jobs, by id."""

    def __init__(self) -> None:
        self._jobs: dict[str, EmulatedJob] = {}

    def open(self, exchange: EmulatedExchange, origin: str) -> EmulatedJob:
        """Take a job; its id is the request's."""
        job = EmulatedJob(id=exchange.request_id, origin=origin, exchange=exchange)
        self._jobs[job.id] = job
        job.begin()
        return job

    def find(self, id_: str) -> EmulatedJob | None:
        """Give a job, or None."""
        return self._jobs.get(id_)

    async def aclose(self) -> None:
        """Give up all that run."""
        tasks = [job.work for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
