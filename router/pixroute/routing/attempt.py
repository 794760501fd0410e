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
from contextvars import Context, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen

from pixroute.cost import Cost
from pixroute.http.judging.diagnosis import Observation, diagnose
from pixroute.http.judging.lack import lacking, wanting
from pixroute.http.wire.clock import Limit
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Outcome, Stage, Success
from pixroute.result import Adjustment, Image
from pixroute.routing.record import AttemptRecord
from pixroute.routing.settle import billing_of, cost_of, settle
from pixroute.routing.validate import at_most, validate

if TYPE_CHECKING:
    from pixroute.content import Owner
    from pixroute.health.admission import Admission
    from pixroute.http.transport import Transport
    from pixroute.request import ImageRequest
    from pixroute.routing.chain import Contender

T = TypeVar("T")

log = logging.getLogger("pixroute.routing")


@frozen(kw_only=True)
class Place:
    """Where in its request an attempt stands; `number` counts from 1 within the part, `part` and `round` from 0."""

    part: int = 0
    number: int = 1
    round: int = 0
    retry: bool = False
    hedge: bool = False
    fell_back: bool = False


_FIRST = Place()


def _no_trace() -> str | None:
    return None


class Attempt:
    """One call of one provider, and what its provider sees of it (`AttemptContext`)."""

    def __init__(
        self,
        *,
        request_id: str,
        contender: Contender,
        asked: ImageRequest,
        part: ImageRequest,
        http: Transport,
        started: float,
        ends_at: float,
        deadline: float,
        into: Path | None,
        owner: Owner,
        on_job: Callable[[Attempt], None],
        on_end: Callable[[Attempt], None],
        on_correction: Callable[[Attempt, Cost], None] = lambda _attempt, _was: None,
        retry_at: Callable[[Failure, float], float | None],
        reap: Callable[[asyncio.Task[None], str], None],
        place: Place = _FIRST,
        time: Callable[[], float] | None = None,
    ) -> None:
        self.request_id = request_id
        self.contender = contender
        self.asked = asked
        self.part = part
        self.http = http
        self.started = started
        self.ends_at = ends_at
        self.deadline = deadline
        self.into = into
        self.place = place
        self.trace: Callable[[], str | None] = _no_trace
        self.on_move: Callable[[], None] | None = None
        self.paused = 0.0
        self.ended: float | None = None
        self.retry_at: float | None = None
        self.outcome: Outcome | None = None
        self.images: tuple[Image, ...] = ()
        self.rejected: tuple[Image, ...] = ()
        self.adjustments: tuple[Adjustment, ...] = ()
        self.billing = Billing.FREE
        self.cost = Cost()
        self.won = False
        self.bug: BaseException | None = None
        self.facts: dict[str, Any] = {}
        self.task: asyncio.Task[None] | None = None
        # A provider without a network reports no stages: from its first moment on, work may have been done.
        self.stage = Stage.CONNECT if contender.keys.origin else Stage.SEND
        self._loop = asyncio.get_running_loop()
        self._admission: Admission | None = None
        self._owner = owner
        self._on_job = on_job
        self._on_end = on_end
        self._on_correction = on_correction
        self._draw_retry = retry_at
        self._reap = reap
        self._time = time or self._loop.time
        self.moves = 0
        self._expired = False
        self._works = False  # its provider does
        self._is_callers = False  # its task is
        self._is_cut = False
        self._cancelling = 0  # its task was, before
        self._threads = 0

    # What the provider sees

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was cut or given up."""
        return self.ended is not None

    @property
    def traceparent(self) -> str | None:
        """The W3C header of its span, or its caller's; asked for only where it is sent."""
        return self.trace()

    def reached(self, stage: Stage) -> None:
        """Note the stage."""
        self.moves += 1
        self.stage = stage
        if self.on_move is not None:
            self.on_move()

    def note(self, **facts: Any) -> None:
        """Add facts to the record."""
        self.moves += 1
        self.facts.update(self.contender.kept(facts))
        if "first_byte" in facts and self.is_answered and self._admission is not None:
            self._admission.excuse()
        if "job" in facts:
            self._on_job(self)
        if facts.get("job_cancelled") == "queued":
            self._correct()

    def progress(self, fraction: float) -> None:
        """Note how far it is, also from a thread; what is no share of anything is left out."""
        share = float(fraction)
        if 0 <= share <= 1 and share != self.facts.get("progress"):
            self.facts["progress"] = share
            if self.on_move is not None:
                with suppress(RuntimeError):  # the loop is closed: nobody is there to hear of it
                    self._loop.call_soon_threadsafe(self.on_move)

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
        """Begin and end it in the caller's own task: nothing may be awaited in it but what ends at once when cancelled.

        It is cut by cancelling that task, and the cancellation is taken back; one that came from elsewhere goes on.

        Raises:
            asyncio.CancelledError: the caller was cancelled.
        """
        task = asyncio.current_task()
        assert task is not None
        self.task, self._works, self._is_callers, self._cancelling = task, True, True, task.cancelling()
        before = copy_context()
        try:
            await self._run()
        except asyncio.CancelledError:
            if not self._is_cut:
                raise
        finally:
            _restore(before)
            self._works = False
            self._free_slot()
            cancelled = self._is_cut and task.uncancel() > self._cancelling
        if cancelled:
            raise asyncio.CancelledError

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
        self.billing, self.cost = Billing.AMBIGUOUS, Cost(possible=None)  # until it is settled
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
                extra={"attempt": self.request_id, "provider": self.contender.name},
            )
        finally:
            self._on_end(self)
            self._let_go()

    def _correct(self) -> None:
        """Take back that it may be billed: its job was called off before it began."""
        if self.ended is None or self.failure is None or self.billing is not Billing.AMBIGUOUS:
            return
        was, self.billing, self.cost = self.cost, Billing.FREE, Cost(currency=self.cost.currency)
        self.outcome = evolve(self.failure, billing=Billing.FREE)
        self._on_correction(self, was)

    def _let_go(self) -> None:
        if self._works and self.task is not None:
            self._is_cut = True
            self.task.cancel()
            if not self._is_callers:
                self._reap(self.task, self.request_id)
        else:
            self._free_slot()

    async def _run(self) -> None:
        cutter = Limit(due=self._due, time=self._time, moved=lambda: self.moves, strike=self._expire)
        cutter.moved_to(self.ends_at)
        try:
            outcome = await self.contender.provider.generate(self.contender.asking(self.part), self)
        except asyncio.CancelledError as error:
            if self.ended is not None or (self.task is not None and self.task.cancelling() > self._cancelling):
                self._works = False
                self.give_up()
                raise
            outcome = self._bug(error)  # nobody cancelled it
        except Exception as error:  # noqa: BLE001 - the one place where a plugin's bug becomes a value
            outcome = self._bug(error)
        finally:
            self._works = False
            cutter.cancel()
        if self.ended is None:
            self.end(self._judged(self.contender.told(outcome)))
        elif isinstance(outcome, Success):
            for picture in outcome.pictures:  # it came to nobody
                picture.content.discard()

    def _bug(self, error: BaseException) -> Failure:
        if (wanted := lacking(error, sent=self.stage >= Stage.SEND)) is not None:
            return wanting(wanted, self.stage)
        self.contender.log_bug(error)
        return Failure(
            kind=FailureKind.UNKNOWN,
            message=f"The provider's code raised {type(error).__name__}.",
            advice="This is a bug of the plugin; its text is in the log.",
            stage=self.stage,
        )

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
        self.end(self._time_out())

    def _time_out(self) -> Failure:
        seconds = self._allowed
        seen = Observation(
            stage=self.stage,
            elapsed=seconds,
            received=self.facts.get("wire_bytes", 0),
            time_out=seconds,
            by_deadline=self._cut_short,
            expected=self.contender.candidate.expected if self.contender.candidate.known else None,
            plaintext=self.contender.member.identity.plaintext,
        )
        said = diagnose(FailureKind.TIMEOUT, seen)
        return Failure(
            kind=FailureKind.TIMEOUT,
            message=said.message,
            advice=said.advice,
            stage=self.stage,
            timed_out=True,
            url=self.facts.get("url"),
        )

    @property
    def _cut_short(self) -> bool:
        return self._expired and self._allowed < self.contender.candidate.timeout - 0.001

    @property
    def _allowed(self) -> float:
        return self.ends_at - self.started - self.paused

    def _judged(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Failure):
            return outcome
        if not isinstance(outcome, Success):
            return self._bug(TypeError(type(outcome).__name__))  # type: ignore[unreachable]  # a plugin's, untyped
        try:
            return self._validated(outcome)
        except Exception as error:  # noqa: BLE001 - it is ours: nothing more may be bought with a picture in hand
            self.bug = error
            text = f"pixroute could not judge what came ({type(error).__name__}): a bug in pixroute."
            return Failure(
                kind=FailureKind.UNKNOWN, message=text, stage=self.stage, billing=Billing.BILLED, blame=Blame.OURS
            )

    def _validated(self, outcome: Success) -> Outcome:
        self.stage = Stage.VALIDATE
        for picture in outcome.pictures:
            self._owner.take(picture.content)
        checked = at_most(validate(outcome, self.asked, self.contender), self.part.n)
        self.images, self.rejected, self.adjustments = checked.images, checked.rejected, checked.adjustments
        return checked.outcome

    def _settle(self, outcome: Outcome) -> None:
        now = self._time()
        candidate, learned = self.contender.candidate, self.contender.learned
        if not isinstance(outcome, Failure):
            self.stage = Stage.DONE
        self.billing = billing_of(outcome, stage=self.stage, price=candidate.price)
        pictures = len(self.images) or self.part.n
        self.cost = cost_of(self.billing, self.contender.unit_price, pictures, self.contender.currency)
        if isinstance(outcome, Success) and outcome.cost is not None and outcome.currency == self.cost.currency:
            self.facts["table_cost"] = None if self.cost.certain is None else str(self.cost.certain)
            self.cost = evolve(self.cost, certain=outcome.cost)
        if isinstance(outcome, Failure):
            self.outcome = outcome = evolve(outcome, billing=self.billing)
            self.retry_at = self._draw_retry(outcome, now)
            ours = outcome.blame is Blame.OURS
        else:
            ours = False
        age = now - self.started - self.paused
        if not ours and not self.paused:  # what we lacked, and an answer that came while we slept, tell no time
            (learned.add_censored if isinstance(outcome, Failure) else learned.add)(age)
        settlement = settle(
            outcome,
            age=age,
            p99=candidate.expected.p99,
            cut_short=self._cut_short,
            stage=self.stage,
            paused=self.paused > 0,
        )
        if self._admission is not None:
            self._admission.settle(
                settlement,
                now,
                credential=self.contender.provider.credential,
                keep_slot=True,
                counts_from=None if self.retry_at is None else self.retry_at + 0.001,
            )

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.contender.log_bug(error)  # of a provider that was given up and did not let its cancellation pass
        self._works = False
        self._free_slot()

    def _free_slot(self) -> None:
        if self.ended is not None and not self._works and not self._threads and self._admission is not None:
            try:
                self._admission.release_slot()
            except Exception:
                self._admission.give_back(slot=True)
                log.exception(
                    "a bug in pixroute: the slot of attempt %s was given back to nobody",
                    self.request_id,
                    extra={"attempt": self.request_id, "provider": self.contender.name},
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
            return self.stage >= Stage.SEND and self.contender.candidate.price != 0
        return self.billing is not Billing.FREE

    def record(self, *, began: float) -> AttemptRecord:
        """Give what happened, as a value."""
        return AttemptRecord(
            id=self.request_id,
            part=self.place.part,
            number=self.place.number,
            round=self.place.round,
            provider=self.contender.name,
            model=self.contender.member.model,
            resolution=self.contender.keys.resolution,
            started=self.started - began,
            ended=(self.ended if self.ended is not None else self._loop.time()) - began,
            stage=self.stage,
            billing=self.billing,
            cost=self.cost,
            failure=self.failure,
            hedge=self.place.hedge,
            retry=self.place.retry,
            won=self.won,
            provider_request_id=self.facts.get("provider_request_id"),
            facts=dict(self.facts),
        )


def _restore(before: Context) -> None:
    """Put back the context variables that have another value now."""
    now = copy_context()
    if now == before:
        return
    for variable in now:
        if variable in before and now[variable] is not before[variable]:
            variable.set(before[variable])
