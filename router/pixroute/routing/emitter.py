"""What a request tells: events to observers, and to the log, once, what a person should mend."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from pixroute import errors, events, trace
from pixroute.cost import Cost
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage, Success
from pixroute.result import ImageResult
from pixroute.routing.observers import Observers
from pixroute.routing.view import Plan, Verdict, Wait
from pixroute.routing.watch import AttemptWatch
from pixroute.sanitizer import Sanitizer

if TYPE_CHECKING:
    from pixroute.routing.attempt import Attempt
    from pixroute.routing.chain import PreparedProvider
    from pixroute.routing.part import WholeRequest
    from pixroute.routing.shared import Shared

log = logging.getLogger("pixroute.routing")

_QUIET = (Verdict.READY, Verdict.IN_FLIGHT, Verdict.TRIED, Verdict.RETRY, Verdict.NOT_BESIDE)
_TO_BE_MENDED = (
    FailureKind.TLS,
    FailureKind.QUOTA,
    FailureKind.AUTH,
    FailureKind.FORBIDDEN,
    FailureKind.MODEL_GONE,
    FailureKind.INVALID,
    FailureKind.UNDERSIZED,
)
_ENDINGS = {
    errors.AllProvidersFailed: events.Ending.FAILED,
    errors.Moderated: events.Ending.MODERATED,
    errors.InvalidRequest: events.Ending.INVALID,
    errors.DeadlineInfeasible: events.Ending.DEADLINE,
    errors.BudgetExceeded: events.Ending.BUDGET,
    errors.ShuttingDown: events.Ending.SHUT_DOWN,
    errors.InternalError: events.Ending.OURS,
    asyncio.CancelledError: events.Ending.CANCELLED,
}
"""What an error is in one word; what is not here is a bug of our own."""


class Emitter:
    """Tells of one request and all its parts, from its first event to its last; who listens is fixed at its start.

    Args:
        shared: holds the observers and what the router's log was told already.
        whole: the request; of what is asked only its size, its number and its tags are told.
    """

    __slots__ = (
        "_asked",
        "_attempts",
        "_costs",
        "_fell_back",
        "_last",
        "_observers",
        "_skipped",
        "_traceparent",
        "_warned",
        "_watches",
        "_whole",
        "request_id",
    )

    def __init__(self, shared: Shared, whole: WholeRequest) -> None:
        self._observers: Observers | None = shared.observers
        self._warned = shared.warned
        self._whole = whole
        self._asked = whole.asked
        self.request_id = whole.request_id
        self._traceparent = trace.current()
        self._skipped: set[tuple[int, str, Verdict]] = set()
        self._watches: dict[str, AttemptWatch] = {}
        self._costs: list[Cost] = []
        self._last: Failure | None = None
        self._attempts = 0
        self._fell_back = False

    def _common(self, at: float, part: int = 0) -> dict[str, Any]:
        return {
            "at": at,
            "request": self.request_id,
            "part": part,
            "chain": self._whole.chain.name,
            "tags": self._asked.tags,
        }

    # The request

    def start(self) -> None:
        """Tell that it begins."""
        if self._observers is not None:
            self._observers.emit(
                events.RequestStarted(
                    **self._common(self._whole.began),
                    size=str(self._asked.size or "any"),
                    n=self._asked.n,
                    timeout=self._whole.timeout,
                    traceparent=self._traceparent,
                )
            )

    def end(self, end: ImageResult | BaseException, now: float) -> None:
        """Tell how it ended, to the log too."""
        result = end if isinstance(end, ImageResult) else None
        provider, error = (result.provider, None) if result else (None, type(end).__name__)
        seconds = now - self._whole.began
        if log.isEnabledFor(logging.INFO):
            fields = {"request": self.request_id, "chain": self._whole.chain.name, "provider": provider, "error": error}
            log.info(
                "request %s: %s after %.1f s",
                self.request_id,
                provider or error,
                seconds,
                extra=fields | {"seconds": seconds, "tags": dict(self._asked.tags)},
            )
        if self._observers is None:
            return
        if isinstance(end, ImageResult | errors.RequestFailed | errors.ShuttingDown):
            cost = end.cost
        else:
            cost = Cost.total(self._costs, self._whole.chain.currency)
        self._observers.emit(
            events.RequestFinished(
                **self._common(now),
                seconds=seconds,
                cost=cost,
                provider=provider,
                error=error,
                ending=events.Ending.PICTURE if result else _ENDINGS.get(type(end), events.Ending.OURS),
                kind=self._last.kind if self._last and not result else None,
                blame=self._last.blame if self._last and not result else None,
                fell_back=result.fell_back if result else self._fell_back,
                pictures=len(result.images) if result else 0,
                attempts=self._attempts,
            )
        )

    # Its parts

    def skips(self, now: float, part: int, prepared_providers: Sequence[PreparedProvider], decided: Plan) -> None:
        """Tell who is passed over and why, once each; who is waited for is not passed over."""
        if self._observers is None:
            return
        waited_for = decided.action.on if isinstance(decided.action, Wait) else ()
        for index, (prepared, verdict) in enumerate(zip(prepared_providers, decided.verdicts, strict=True)):
            quiet = verdict in _QUIET or index in waited_for
            if not quiet and (part, prepared.name, verdict) not in self._skipped:
                self._skipped.add((part, prepared.name, verdict))
                reason = prepared.unfit or verdict.value
                event = events.ProviderSkipped(**self._common(now, part), provider=prepared.name, reason=reason)
                self._observers.emit(event)

    def retry(self, now: float, part: int, provider: str | None, retry_at: float, round_: int) -> None:
        """Tell that a provider, or (None) the whole chain, is asked again."""
        if self._observers is not None:
            common = self._common(now, part)
            event = events.RetryScheduled(**common, provider=provider, retry_at=retry_at, round=round_)
            self._observers.emit(event)

    # Their attempts

    def refused(self, attempt: Attempt) -> Failure | None:
        """Ask who must agree before it takes a place; give why it may not start."""
        if self._observers is None or not self._observers.before:
            return None
        try:
            for agree in self._observers.before:
                agree(self._started(attempt))
        except KeyboardInterrupt:
            raise  # a person's, not the ledger's
        except BaseException as error:  # noqa: BLE001 - somebody else's code: whatever it raises, nothing is sent
            return _not_recorded(error, attempt)
        return None

    def begin(self, attempt: Attempt, *, beside: str | None) -> None:
        """Tell that an attempt begins, before anything is sent; `beside`: the provider whose attempt it joins."""
        if self._observers is not None or self._traceparent is not None:
            attempt.trace = partial(self._trace_of, attempt.request_id)
        if self._observers is None:
            return
        if beside is not None:
            self._observers.emit(
                events.HedgeStarted(
                    **self._of(attempt, attempt.started), beside=beside, why="the attempt in flight is silent"
                )
            )
        started = self._started(attempt)
        self._attempts += 1
        self._fell_back |= attempt.place.fell_back
        self._observers.emit(started)
        self._watches[attempt.request_id] = AttemptWatch(
            attempt, overdue_at=started.overdue_at, on_move=self._moved, on_overdue=self._overdue
        )

    def _trace_of(self, attempt: str) -> str | None:
        return (self._observers.traceparent(attempt) if self._observers else None) or self._traceparent

    def _of(self, attempt: Attempt, at: float) -> dict[str, Any]:
        common = self._common(at, attempt.place.part)
        return common | {"attempt": attempt.request_id, "provider": attempt.prepared.name}

    def _started(self, attempt: Attempt) -> events.AttemptStarted:
        prepared, place = attempt.prepared, attempt.place
        candidate = prepared.candidate
        overdue_after = self._whole.policy.breaker.overdue_after * candidate.expected.p99
        overdue_at = attempt.started + overdue_after if candidate.known else None
        return events.AttemptStarted(
            **self._of(attempt, attempt.started),
            model=prepared.member.model,
            resolution=prepared.keys.resolution,
            ends_at=attempt.ends_at,
            price=Cost(certain=candidate.price, currency=prepared.currency),
            hedge=place.hedge,
            retry=place.retry,
            fell_back=place.fell_back,
            number=place.number,
            round=place.round,
            origin=prepared.keys.origin,
            upstream=prepared.keys.upstream,
            overdue_at=overdue_at,
        )

    def _moved(self, attempt: Attempt, now: float) -> None:
        if self._observers is not None:
            fraction = attempt.facts.get("progress")
            event = events.Progressed(**self._of(attempt, now), stage=attempt.stage, fraction=fraction)
            self._observers.emit(event)

    def _overdue(self, attempt: Attempt, now: float) -> None:
        if self._observers is not None:
            age = now - attempt.started - attempt.paused
            self._observers.emit(events.AttemptOverdue(**self._of(attempt, now), seconds=age))

    def job(self, attempt: Attempt) -> None:
        """Tell that a provider took a job, before it is asked for it."""
        if self._observers is not None:
            now = asyncio.get_running_loop().time()
            self._observers.emit(events.JobAccepted(**self._of(attempt, now), job=attempt.facts["job"]))

    def finish(self, attempt: Attempt) -> None:
        """Tell how an attempt ended."""
        if attempt.failure is not None:
            self._last = attempt.failure
            self._warn(attempt.prepared.name, attempt.failure)
        if self._observers is None or attempt.ended is None:
            return
        if watch := self._watches.pop(attempt.request_id, None):
            watch.end()
        self._costs.append(attempt.cost)
        self._observers.emit(self._finished(attempt, attempt.ended))
        if attempt.failure is not None and attempt.failure.ignored_hint is not None:
            common = self._common(attempt.ended, attempt.place.part)
            text = attempt.failure.ignored_hint
            self._observers.emit(events.HintIgnored(**common, provider=attempt.prepared.name, text=text))

    def _finished(self, attempt: Attempt, ended: float) -> events.AttemptFinished:
        prepared, place = attempt.prepared, attempt.place
        success = attempt.outcome if isinstance(attempt.outcome, Success) else None
        return events.AttemptFinished(
            **self._of(attempt, ended),
            stage=attempt.stage,
            billing=attempt.billing,
            cost=attempt.cost,
            seconds=ended - attempt.started,
            failure=attempt.failure,
            provider_request_id=attempt.facts.get("provider_request_id"),
            won=attempt.stage is Stage.DONE,
            model=prepared.member.model,
            resolution=prepared.keys.resolution,
            hedge=place.hedge,
            retry=place.retry,
            fell_back=place.fell_back,
            first_byte=attempt.facts.get("first_byte"),
            pictures=tuple([(image.width, image.height) for image in attempt.images]),
            pixels_short=_pixels_short(attempt),
            usage=success.usage if success else None,
            answered_by=success.model if success else None,
        )

    def corrected(self, attempt: Attempt, was: Cost) -> None:
        """Tell that an ended attempt cost nothing after all."""
        if self._observers is not None:
            now = asyncio.get_running_loop().time()
            event = events.AttemptCorrected(
                **self._of(attempt, now), billing=attempt.billing, cost=attempt.cost, was=was
            )
            self._observers.emit(event)

    def _warn(self, provider: str, failure: Failure) -> None:
        if failure.kind in _TO_BE_MENDED and (provider, failure.kind) not in self._warned:
            self._warned.add((provider, failure.kind))
            fields = {"request": self.request_id, "provider": provider, "kind": str(failure.kind)}
            log.warning(
                "provider %s: %s: %s (told once)",
                provider,
                failure.kind,
                failure,
                extra=fields | {"blame": str(failure.blame), "status": failure.status},
            )


def _pixels_short(attempt: Attempt) -> int:
    """Count the pixels that were asked and did not come, over all pictures that did."""
    asked = attempt.asked.size.pixels if attempt.asked.size else None
    if asked is None:
        return 0
    return sum(max(0, asked - image.width * image.height) for image in (*attempt.images, *attempt.rejected))


def _not_recorded(error: BaseException, attempt: Attempt) -> Failure:
    """Say why an attempt did not start; what cannot be written now is tried again in the next round, a bug is not."""
    lacking = isinstance(error, OSError)
    why = (error.strerror if isinstance(error, OSError) else None) or f"the ledger raised {type(error).__name__}"
    advice = "make the ledger writable, or take `required` away"
    if not lacking:
        fields = {"attempt": attempt.request_id, "error": type(error).__name__}
        text = Sanitizer().traceback(error)
        log.error("an attempt could not be recorded, and did not start\n%s", text, extra=fields)
        advice = "its text is in the log; mend the ledger, or take `required` away"
    return Failure(
        kind=FailureKind.CONNECT if lacking else FailureKind.UNKNOWN,
        message=f"The attempt could not be recorded first: {why}.",
        advice=f"Nothing was sent: {advice}.",
        stage=Stage.QUEUED,
        billing=Billing.FREE,
        blame=Blame.OURS,
    )
