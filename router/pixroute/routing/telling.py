"""What a part of a request tells: events to observers, and to the log, once, what a person should mend."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from pixroute import events
from pixroute.cost import Cost
from pixroute.errors import RequestFailed, ShuttingDown
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.request import ImageRequest
from pixroute.result import ImageResult
from pixroute.routing.attempt import Attempt
from pixroute.routing.chain import Contender
from pixroute.routing.view import Plan, Ruling, Wait
from pixroute.sanitizer import Sanitizer

log = logging.getLogger("pixroute.routing")

_QUIET = (Ruling.READY, Ruling.IN_FLIGHT, Ruling.TRIED, Ruling.RETRY, Ruling.NOT_BESIDE)
_TO_BE_MENDED = (
    FailureKind.TLS,
    FailureKind.QUOTA,
    FailureKind.AUTH,
    FailureKind.FORBIDDEN,
    FailureKind.MODEL_GONE,
    FailureKind.INVALID,
    FailureKind.UNDERSIZED,
)


class RequestTelling:
    """The voice of a whole request: its start and its end."""

    def __init__(
        self, emit: Callable[[events.AnyEvent], None] | None, request_id: str, request: ImageRequest, began: float
    ) -> None:
        self._emit = emit
        self._id = request_id
        self._request = request
        self._began = began

    def start(self, chain: str, timeout: float | None) -> None:
        """Tell that it begins."""
        if self._emit is not None:
            self._emit(
                events.RequestStarted(
                    at=self._began,
                    request=self._id,
                    chain=chain,
                    size=str(self._request.size or "any"),
                    n=self._request.n,
                    timeout=timeout,
                    tags=self._request.tags,
                )
            )

    def end(self, end: ImageResult | BaseException, now: float) -> None:
        """Tell how it ended, to the log too."""
        provider, error = (end.provider, None) if isinstance(end, ImageResult) else (None, type(end).__name__)
        log.info("request %s: %s after %.1f s", self._id, provider or error, now - self._began)
        if self._emit is not None:
            self._emit(
                events.RequestFinished(
                    at=now,
                    request=self._id,
                    seconds=now - self._began,
                    cost=end.cost if isinstance(end, ImageResult | RequestFailed | ShuttingDown) else None,
                    provider=provider,
                    error=error,
                    tags=self._request.tags,
                )
            )


class Telling:
    """The voice of one part of a request.

    Args:
        emit: tells all observers; None while there are none.
        warned: what the router's log was told already, by provider and kind.
        request: the request's id.
        part: its number.
        before: who must agree before an attempt takes a place, such as a ledger that is required.
    """

    def __init__(
        self,
        emit: Callable[[events.AnyEvent], None] | None,
        warned: set[tuple[str, FailureKind]],
        request: str,
        part: int,
        before: Sequence[Callable[[events.AttemptStarted], None]] = (),
    ) -> None:
        self._emit = emit
        self._before = before
        self._warned = warned
        self._request = request
        self._part = part
        self._skipped: set[tuple[str, Ruling]] = set()

    def skips(self, now: float, contenders: Sequence[Contender], decided: Plan) -> None:
        """Tell who is passed over and why, once each; who is waited for is not passed over."""
        if self._emit is None:
            return
        waited_for = decided.action.on if isinstance(decided.action, Wait) else ()
        for index, (contender, ruling) in enumerate(zip(contenders, decided.rulings, strict=True)):
            quiet = ruling in _QUIET or index in waited_for
            if not quiet and (contender.name, ruling) not in self._skipped:
                self._skipped.add((contender.name, ruling))
                reason = contender.unfit or ruling.value
                self._emit(
                    events.ProviderSkipped(
                        at=now, request=self._request, part=self._part, provider=contender.name, reason=reason
                    )
                )

    def start(self, attempt: Attempt, *, beside: str | None) -> None:
        """Tell that an attempt begins, before anything is sent; `beside`: the provider whose attempt it joins."""
        if self._emit is None:
            return
        contender = attempt.contender
        if beside is not None:
            self._emit(
                events.HedgeStarted(
                    at=attempt.started,
                    request=self._request,
                    part=self._part,
                    attempt=attempt.request_id,
                    provider=contender.name,
                    beside=beside,
                    why="the attempt in flight is silent",
                )
            )
        self._emit(self._started(attempt, hedge=beside is not None))

    def refused(self, attempt: Attempt, *, hedge: bool) -> Failure | None:
        """Ask who must agree before it takes a place; give why it may not start."""
        try:
            for agree in self._before:
                agree(self._started(attempt, hedge=hedge))
        except KeyboardInterrupt:
            raise  # a person's, not the ledger's
        except BaseException as error:  # noqa: BLE001 - somebody else's code: whatever it raises, nothing is sent
            return _not_recorded(error)
        return None

    def _started(self, attempt: Attempt, *, hedge: bool) -> events.AttemptStarted:
        contender = attempt.contender
        return events.AttemptStarted(
            at=attempt.started,
            request=self._request,
            part=self._part,
            attempt=attempt.request_id,
            provider=contender.name,
            model=contender.member.model,
            resolution=contender.keys.resolution,
            ends_at=attempt.ends_at,
            price=Cost(certain=contender.candidate.price, currency=contender.currency),
            hedge=hedge,
        )

    def job(self, attempt: Attempt) -> None:
        """Tell that a provider took a job, before it is asked for it."""
        if self._emit is not None:
            self._emit(
                events.JobAccepted(
                    at=asyncio.get_running_loop().time(),
                    request=self._request,
                    part=self._part,
                    attempt=attempt.request_id,
                    provider=attempt.contender.name,
                    job=attempt.facts["job"],
                )
            )

    def corrected(self, attempt: Attempt, was: Cost) -> None:
        """Tell that an ended attempt cost nothing after all."""
        if self._emit is not None:
            self._emit(
                events.AttemptCorrected(
                    at=asyncio.get_running_loop().time(),
                    request=self._request,
                    part=self._part,
                    attempt=attempt.request_id,
                    provider=attempt.contender.name,
                    billing=attempt.billing,
                    cost=attempt.cost,
                    was=was,
                )
            )

    def end(self, attempt: Attempt) -> None:
        """Tell how an attempt ended."""
        failure, provider = attempt.failure, attempt.contender.name
        if failure is not None and failure.kind in _TO_BE_MENDED and (provider, failure.kind) not in self._warned:
            self._warned.add((provider, failure.kind))
            log.warning("provider %s: %s: %s (told once)", provider, failure.kind, failure)
        if self._emit is None or attempt.ended is None:
            return
        self._emit(
            events.AttemptFinished(
                at=attempt.ended,
                request=self._request,
                part=self._part,
                attempt=attempt.request_id,
                provider=provider,
                stage=attempt.stage,
                billing=attempt.billing,
                cost=attempt.cost,
                seconds=attempt.ended - attempt.started,
                failure=failure,
                provider_request_id=attempt.facts.get("provider_request_id"),
                won=attempt.stage is Stage.DONE,
            )
        )
        if failure is not None and failure.ignored_hint is not None:
            self._emit(
                events.HintIgnored(
                    at=attempt.ended,
                    request=self._request,
                    part=self._part,
                    provider=provider,
                    text=failure.ignored_hint,
                )
            )

    def retry(self, now: float, provider: str | None, retry_at: float, round_: int) -> None:
        """Tell that a provider, or (None) the whole chain, is asked again."""
        if self._emit is not None:
            self._emit(
                events.RetryScheduled(
                    at=now, request=self._request, part=self._part, provider=provider, retry_at=retry_at, round=round_
                )
            )


def _not_recorded(error: BaseException) -> Failure:
    """Say why an attempt did not start; what cannot be written now is tried again in the next round, a bug is not."""
    lacking = isinstance(error, OSError)
    why = (error.strerror if isinstance(error, OSError) else None) or f"the ledger raised {type(error).__name__}"
    advice = "make the ledger writable, or take `required` away"
    if not lacking:
        log.error("an attempt could not be recorded, and did not start\n%s", Sanitizer().traceback(error))
        advice = "its text is in the log; mend the ledger, or take `required` away"
    return Failure(
        kind=FailureKind.CONNECT if lacking else FailureKind.UNKNOWN,
        message=f"The attempt could not be recorded first: {why}.",
        advice=f"Nothing was sent: {advice}.",
        stage=Stage.QUEUED,
        billing=Billing.FREE,
        blame=Blame.OURS,
    )
