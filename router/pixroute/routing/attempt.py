"""One attempt, a straight line: (admitted) → clock → provider → validate → settle.

Slot and admission are taken by `run` in the same breath as the decision, so that nothing can come between them. From
then on the attempt owns them: on every way out its token is settled exactly once and its slot is freed. There is one
way to end it, `end`, whether its provider answered, its time was over or nobody needs it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from pixroute.cost import Cost
from pixroute.http.wire.clock import Limit
from pixroute.outcome import Billing, Failure, FailureKind, Outcome, Stage, Success
from pixroute.provider import RAISED_BY_PLUGINS
from pixroute.result import Adjustment, Image
from pixroute.routing.here import Here
from pixroute.routing.judge import our_bug, plugins_bug, time_out
from pixroute.routing.part import FIRST
from pixroute.routing.settle import billing_of, cost_of, learn, settle
from pixroute.routing.validate import at_most, validate
from pixroute.routing.view import SLACK

if TYPE_CHECKING:
    from pixroute.health.admission import Admission
    from pixroute.routing.chain import PreparedProvider
    from pixroute.routing.gate import Passage
    from pixroute.routing.listener import AttemptListener
    from pixroute.routing.part import AttemptPlace, RequestPart
    from pixroute.routing.shared import Shared

T = TypeVar("T")

log = logging.getLogger("pixroute.routing")

_UNKNOWN = Cost(possible=None)


class Attempt:
    """One call of one provider, and what its provider sees of it (`AttemptContext`).

    Args:
        request_id: its own, sent upstream.
        prepared: the provider, prepared.
        part: what is asked, and for whom.
        shared: what all requests share.
        listener: told what comes of it.
        started: the loop's time at which it was decided.
        ends_at: the loop's time at which it is cut.
        deadline: the request's.
        place: where in its request it stands.
    """

    ended: float | None = None
    outcome: Outcome | None = None
    images: tuple[Image, ...] = ()
    rejected: tuple[Image, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    billing = Billing.FREE
    cost = Cost()
    retry_at: float | None = None
    join_at = join_free_at = inf  # when another may join it, at the hedge budget's cost and without
    won = False
    bug: BaseException | None = None
    paused = 0.0
    moves = 0
    trace: Callable[[], str | None] | None = None  # gives the `traceparent` of its span
    on_move: Callable[[], None] | None = None
    task: asyncio.Task[None] | None = None
    passage: Passage | None = None
    """Its way through the gate, if it needs anything of what processes share."""
    withdrawn = False
    """Whether it never was: the planner decides anew."""
    _admission: Admission | None = None
    _expired = False
    _stated: tuple[Decimal, str] | None = None  # what its answer says that it cost, of whatever use its pictures are
    _works = False  # whether its provider does
    _here: Here | None = None  # its caller's task, where it runs in that
    _threads = 0

    def __init__(
        self,
        *,
        request_id: str,
        prepared: PreparedProvider,
        part: RequestPart,
        shared: Shared,
        listener: AttemptListener,
        started: float,
        ends_at: float,
        deadline: float,
        place: AttemptPlace = FIRST,
    ) -> None:
        self.request_id = request_id
        self.prepared = prepared
        self.chain = part.whole.chain.name
        self.asked = part.whole.asked
        self.part = part.request
        self.into = part.whole.into
        self.http = shared.http
        self.started = started
        self.ends_at = ends_at
        self.deadline = deadline
        self.place = place
        self.facts: dict[str, Any] = {}
        # A provider without a network reports no stages: from its first moment on, work may have been done.
        self.stage = Stage.CONNECT if prepared.keys.origin else Stage.SEND
        self._loop = asyncio.get_running_loop()
        self._owner = part.whole.owner
        self._listener = listener
        self._reap = shared.reap
        self._time = shared.heartbeat.look

    # What the provider sees

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was cut or given up."""
        return self.ended is not None

    @property
    def traceparent(self) -> str | None:
        """The W3C header of its span, or its caller's; asked for only where it is sent."""
        return None if self.trace is None else self.trace()

    def reached(self, stage: Stage) -> None:
        """Note the stage."""
        self.moves += 1
        self.stage = stage
        if self.on_move is not None:
            self.on_move()

    def note(self, **facts: Any) -> None:
        """Add facts to the record."""
        self.moves += 1
        self.facts.update(self.prepared.kept(facts))
        if "first_byte" in facts and self.is_answered and self._admission is not None:
            self._admission.excuse()
        if "job" in facts:
            self._listener.job(self)
        if facts.get("job_cancelled") == "queued":
            self._correct()

    def progress(self, fraction: float) -> None:
        """Note how far it is, also from a thread; what is no share of anything is left out."""
        share = float(fraction)
        if 0 <= share <= 1 and share != self.facts.get("progress"):
            self.facts["progress"] = share
            if (on_move := self.on_move) is not None:
                with suppress(RuntimeError):  # the loop is closed: nobody is there to hear of it
                    self._loop.call_soon_threadsafe(on_move)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a thread; the slot stays taken until the thread ends."""
        self._threads += 1
        future = self._loop.run_in_executor(None, function, *args)
        future.add_done_callback(self._thread_ended)
        return await asyncio.shield(future)

    def _thread_ended(self, future: asyncio.Future[Any]) -> None:
        self._threads -= 1
        if not future.cancelled():
            future.exception()  # seen: it may come long after the attempt was given up
        self._free_slot()

    # What `run` does with it

    def own(self, admission: Admission) -> None:
        """Take over the admission; from now on ending gives it back."""
        self._admission = admission

    def start(self) -> None:
        """Begin; the outcome comes by `on_end`."""
        self._works = True
        self.task = self._loop.create_task(self._run())
        self.task.add_done_callback(self._task_ended)

    async def run_here(self) -> None:
        """Begin and end it in the caller's own task, in which nothing of a plugin's may be awaited.

        Raises:
            asyncio.CancelledError: the caller was cancelled.
        """
        self._works, self._here = True, Here()
        try:
            with self._here:
                await self._run()
        finally:
            self._works = False
            self._free_slot()

    def leave_out(self, seconds: float, *, ends_at: float, deadline: float) -> None:
        """Take a pause of the machine off its age; what that leaves of its time ends at `ends_at`."""
        self.paused += seconds
        self.ends_at, self.deadline = ends_at, deadline

    def give_up(self, why: str = "The request no longer needed it.") -> None:
        """End it as CANCELLED, unless it has ended."""
        if self.ended is not None:
            return
        url = self.facts.get("url")  # of a picture that was being fetched
        self.end(Failure(kind=FailureKind.CANCELLED, message=why, stage=self.stage, url=url))

    def end(self, outcome: Outcome) -> None:
        """Settle, tell `run`, cancel the task and leave it to the reaper; what ended already stays as it is."""
        if self.ended is not None:
            return
        self.outcome, self.ended = outcome, self._loop.time()
        self.billing, self.cost = Billing.AMBIGUOUS, _UNKNOWN  # until it is settled
        try:
            self._settle(outcome)
        except BaseException as error:
            if self._admission is not None:
                self._admission.give_back()
            if not isinstance(error, Exception):
                raise
            log.exception(
                "a bug in pixroute: attempt %s could not be settled; its places are given back",
                self.request_id,
                extra={"attempt": self.request_id, "provider": self.prepared.name},
            )
        finally:
            self._listener.ended(self)
            self._let_go()

    def _correct(self) -> None:
        """Take back that it may be billed: its job was called off before it began."""
        if self.ended is None or self.failure is None or self.billing is not Billing.AMBIGUOUS:
            return
        was, self.billing, self.cost = self.cost, Billing.FREE, Cost(currency=self.cost.currency)
        self.outcome = evolve(self.failure, billing=Billing.FREE)
        self._listener.corrected(self, was)

    def _let_go(self) -> None:
        if self._works and self._here is not None:
            self._here.cut()
        elif self._works and self.task is not None:
            self.task.cancel()
            self._reap(self.task, self.request_id)
        else:
            self._free_slot()

    async def _run(self) -> None:
        cutter = Limit(due=self._due, time=self._time, moved=lambda: self.moves, strike=self._expire)
        try:
            outcome: Outcome | None = None if self.passage is None else await self.passage.wait()
            if outcome is None:
                cutter.moved_to(self.ends_at)
                outcome = await self.prepared.provider.generate(self.prepared.asking(self.part), self)
        except asyncio.CancelledError as error:
            if self.ended is not None or self._is_cancelled:
                self._works = False
                self.give_up()
                raise
            outcome = plugins_bug(error, self.prepared, self.stage)  # nobody cancelled it
        except RAISED_BY_PLUGINS as error:  # the one place where a plugin's bug becomes a value
            outcome = plugins_bug(error, self.prepared, self.stage)
        finally:
            self._works = False
            cutter.cancel()
        if self.ended is None:
            self.end(self._judged(self.prepared.cleaned(outcome)))
        elif isinstance(outcome, Success):
            for picture in outcome.pictures:  # it came to nobody
                picture.content.discard()

    @property
    def _is_cancelled(self) -> bool:
        """Whether anybody cancelled it, or its caller."""
        if self._here is not None:
            return self._here.is_cancelled
        return self.task is not None and self.task.cancelling() > 0

    @property
    def is_answered(self) -> bool:
        """Whether the network is bringing the answer; a provider without one has no limits of a body."""
        return self.stage is Stage.BODY and "first_byte" in self.facts

    def _due(self) -> float:
        """Give its end; once the picture is made, the body's own limits and the deadline cut it."""
        return max(self.ends_at, self.deadline) if self.is_answered else self.ends_at

    def _expire(self) -> None:
        """End it, for its time is over."""
        self.ends_at = self._due()
        self._expired = True
        self.end(time_out(self.prepared, self.stage, self.facts, seconds=self._allowed, by_deadline=self._cut_short))

    @property
    def _cut_short(self) -> bool:
        return self._expired and self._allowed < self.prepared.candidate.timeout - SLACK

    @property
    def _allowed(self) -> float:
        return self.ends_at - self.started - self.paused

    def _judged(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failure):
            return outcome
        if not isinstance(outcome, Success):
            error_ = TypeError(type(outcome).__name__)  # type: ignore[unreachable]  # a plugin's, untyped
            return plugins_bug(error_, self.prepared, self.stage)
        try:
            return self._validated(outcome)
        except Exception as error:  # noqa: BLE001 - it is ours: nothing more may be bought with a picture in hand
            self.bug = error
            return our_bug(error, self.stage)

    def _validated(self, outcome: Success) -> Outcome:
        self.stage = Stage.VALIDATE
        if outcome.cost is not None:
            self._stated = outcome.cost, outcome.currency
        for picture in outcome.pictures:
            self._owner.take(picture.content)
        checked = at_most(validate(outcome, self.asked, self.prepared), self.part.n)
        self.images, self.rejected, self.adjustments = checked.images, checked.rejected, checked.adjustments
        return checked.outcome

    def _settle(self, outcome: Outcome) -> None:
        now = self._time()
        self._price(outcome)
        if isinstance(outcome, Failure):
            self.outcome = outcome = evolve(outcome, billing=self.billing)
            self.retry_at = self._listener.retry_at(self, outcome, now)
        age = now - self.started - self.paused
        if not self.paused:  # an answer that came while the machine slept teaches nothing
            learn(self.prepared.learned, outcome, age)
        settlement = settle(
            outcome,
            age=age,
            p99=self.prepared.candidate.expected.p99,
            cut_short=self._cut_short,
            stage=self.stage,
            paused=self.paused > 0,
        )
        if self._admission is not None:
            self._admission.settle(
                settlement,
                now,
                credential=self.prepared.provider.credential,
                keep_slot=True,
                counts_from=None if self.retry_at is None else self.retry_at + SLACK,
            )

    def _price(self, outcome: Outcome) -> None:
        """Find out what it cost; an answer that states its own price outranks the table."""
        if not isinstance(outcome, Failure):
            self.stage = Stage.DONE
        self.billing = billing_of(outcome, stage=self.stage, price=self.prepared.candidate.price)
        pictures = len(self.images) or self.part.n
        self.cost = cost_of(self.billing, self.prepared.unit_price, pictures, self.prepared.currency)
        told = self._stated if self.billing is not Billing.AMBIGUOUS else None
        if told is not None and told[1] == self.cost.currency:
            self.facts["table_cost"] = None if self.cost.certain is None else str(self.cost.certain)
            self.cost = evolve(self.cost, certain=told[0])

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.prepared.log_bug(error)  # of a provider that was given up and did not let its cancellation pass
        self._works = False
        self._free_slot()

    def _free_slot(self) -> None:
        if self.ended is None or self._works or self._threads or self._admission is None:
            return
        admission, self._admission = self._admission, None
        try:
            admission.release_slot()
        except Exception:
            admission.give_back(slot=True)
            log.exception(
                "a bug in pixroute: the slot of attempt %s was given back to nobody",
                self.request_id,
                extra={"attempt": self.request_id, "provider": self.prepared.name},
            )

    # What remains of it

    @property
    def failure(self) -> Failure | None:
        """Why it brought no picture."""
        return self.outcome if isinstance(self.outcome, Failure) else None

    @property
    def may_be_billed(self) -> bool:
        """Whether it was, or may have been, billed; under way: whether it may be if it is cancelled now."""
        if self.ended is None:
            return self.stage >= Stage.SEND and self.prepared.candidate.price != 0
        return self.billing is not Billing.FREE
