"""The end of a request: a result, or the error whose first line answers "what now"."""

from __future__ import annotations

from collections.abc import Sequence

from pixroute import errors
from pixroute.cost import Cost
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.request import ImageRequest
from pixroute.result import Adjustment, Image, ImageResult, Missing
from pixroute.routing.ending import PartEnding
from pixroute.routing.record import Drawn, Record
from pixroute.routing.view import NOT_NEEDED, Verdict

_UNSERVABLE = {Verdict.UNSUPPORTED, Verdict.DISABLED, Verdict.PLAINTEXT}
_OUT_OF_MONEY = {Verdict.NO_MONEY, Verdict.NO_PRICE}
_MAY_PASS = {
    FailureKind.CONNECT, FailureKind.OVERLOADED, FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR,
    FailureKind.TIMEOUT, FailureKind.DISCONNECTED, FailureKind.PROXY_CUT,
}  # fmt: skip


def record_of(
    endings: Sequence[PartEnding],
    *,
    request_id: str,
    chain: str,
    seconds: float,
    request: ImageRequest,
    drawn: tuple[Drawn, ...] = (),
) -> Record:
    """Gather what happened in all parts."""
    return Record(
        request_id=request_id,
        chain=chain,
        seconds=seconds,
        attempts=tuple([record for ending in endings for record in ending.records]),
        decisions=tuple([decision for ending in endings for decision in ending.decisions]),
        drawn=drawn,
        tags=request.tags,
    )


def conclude(endings: Sequence[PartEnding], record: Record, request: ImageRequest, currency: str) -> ImageResult:
    """Give the result if at least one picture came.

    Raises:
        RequestFailed: one of its children, when none did.
    """
    won = [ending for ending in endings if ending.winner is not None]
    cost = Cost.total([attempt.cost for attempt in record.attempts], currency)
    lost = sum([len(ending.attempts) for ending in endings]) > len(record.attempts)
    if not won or lost:
        raise _error(endings, record, cost)
    images = tuple([image for ending in won for image in (ending.winner.images if ending.winner else ())])
    first = won[0].winner
    success = first.outcome if first is not None else None
    return ImageResult(
        images=images,
        cost=cost,
        record=record,
        adjustments=_distinct(won),
        missing=_missing(endings),
        extra=tuple(paid_for(endings, beside=True)),
        usage=None if success is None or isinstance(success, Failure) else success.usage,
        tags=request.tags,
        fell_back=any(ending.winner and ending.winner.prepared is not ending.prepared_providers[0] for ending in won),
    )


def _distinct(won: Sequence[PartEnding]) -> tuple[Adjustment, ...]:
    found = [adjustment for ending in won if ending.winner for adjustment in ending.winner.adjustments]
    return tuple(dict.fromkeys(found))


def _missing(endings: Sequence[PartEnding]) -> tuple[Missing, ...]:
    missing = []
    for part, ending in enumerate(endings):
        if ending.winner is None:
            missing.append(Missing(part=part, failure=_last_failure(ending)))
        elif ending.winner.outcome is not None and not isinstance(ending.winner.outcome, Failure):
            missing += [Missing(part=part, failure=failure) for failure in ending.winner.outcome.failures]
    return tuple(missing)


def _last_failure(ending: PartEnding) -> Failure:
    failures = [attempt.failure for attempt in ending.attempts if attempt.failure is not None]
    if failures:
        return failures[-1]
    reasons = "; ".join(_skip_lines(ending))
    return Failure(kind=FailureKind.SKIPPED, message=f"No provider was asked: {reasons}.", stage=Stage.QUEUED)


def paid_for(endings: Sequence[PartEnding], *, beside: bool = False) -> list[Image]:
    """Give pictures that were paid for, accepted or not; with `beside` none of the winners'."""
    images: list[Image] = []
    for ending in endings:
        for attempt in ending.attempts:
            if attempt.failure is None and not (beside and attempt is ending.winner):
                images += attempt.images
            images += attempt.rejected
    return images


# Errors


def _error(endings: Sequence[PartEnding], record: Record, cost: Cost) -> Exception:
    if any(ending.shut_down for ending in endings):
        return _shut_down(record, cost)
    if bug := next((ending.bug for ending in endings if ending.bug is not None), None):
        return broken(bug, record, endings, cost.currency)
    failures = [attempt.failure for attempt in record.attempts if attempt.failure is not None]
    waits = [ending.stop.retry_after for ending in endings if ending.stop and ending.stop.retry_after is not None]
    retry_after = None if _all_are(failures, FailureKind.AUTH) else min(waits, default=None)
    kind, head = _kind_and_head(endings, failures, retry_after)
    lines = [head, *(line for line in _failure_lines(record)), *dict.fromkeys(_all_skip_lines(endings))]
    if cost.possible or cost.possible is None or cost.certain or cost.certain is None:
        lines.append(f"cost: {cost}")
    return kind(
        "\n  ".join(lines),
        record=record,
        cost=cost,
        images=paid_for(endings),
        retryable=kind is errors.AllProvidersFailed and (retry_after is not None or _may_pass(failures)),
        retry_after=retry_after,
    )


def _shut_down(record: Record, cost: Cost) -> errors.ShuttingDown:
    if not record.attempts:
        return errors.ShuttingDown("The router is closing and takes no new requests.")
    billed = sum(attempt.billing is not Billing.FREE for attempt in record.attempts)
    billing = (
        f"{billed} of its {len(record.attempts)} attempts may have been billed" if billed else "nothing was billed"
    )
    lines = [f"The router was closed while this request ran; {billing}.", *_failure_lines(record)]
    if billed:
        lines.append(f"cost: {cost}")
    return errors.ShuttingDown("\n  ".join(lines), record=record, cost=cost)


def broken(bug: BaseException, record: Record, endings: Sequence[PartEnding], currency: str) -> errors.InternalError:
    """Tell of a bug of our own; what foreign code said in it stays in its cause."""
    cost = Cost.total((attempt.cost for attempt in record.attempts), currency)
    if sum(len(ending.attempts) for ending in endings) > len(record.attempts):
        cost = Cost(certain=None, possible=None, currency=currency)  # what was asked was lost with the record
    billed = sum(attempt.billing is not Billing.FREE for attempt in record.attempts)
    lines = [
        f"pixroute itself broke ({type(bug).__name__}); {billed} attempts may have been billed. Please report it.",
        *_failure_lines(record),
    ]
    error = errors.InternalError("\n  ".join(lines), record=record, cost=cost, images=paid_for(endings))
    error.__cause__ = bug
    return error


def _kind_and_head(
    endings: Sequence[PartEnding], failures: Sequence[Failure], retry_after: float | None
) -> tuple[type[errors.RequestFailed], str]:
    verdicts = {verdict for ending in endings for verdict in ending.verdicts}
    billed = sum(attempt.may_be_billed for ending in endings for attempt in ending.attempts)
    when = f" Try again in {retry_after:.0f} s." if retry_after is not None else ""
    if any(failure.kind is FailureKind.MODERATED for failure in failures):
        return errors.Moderated, "The provider declined the content; change the prompt."
    unpaid = [failure for failure in failures if failure.kind is FailureKind.SKIPPED and failure.blame is Blame.MONEY]
    if unpaid and (unpaid == failures or unpaid[-1].stops):
        return errors.BudgetExceeded, unpaid[-1].message
    if failures and all(failure.blame is Blame.OURS for failure in failures):
        what = "nothing was sent." if not billed else f"{billed} may have been billed."
        return errors.AllProvidersFailed, f"This machine could not do its part, as told below; {what}"
    who = _who(endings)
    if _all_are(failures, FailureKind.INVALID) and all(failure.blame is Blame.REQUEST for failure in failures):
        return errors.InvalidRequest, f"{who} called the request invalid; change it."
    if _all_are(failures, FailureKind.AUTH) and all(failure.blame is Blame.KEY for failure in failures):
        return errors.AllProvidersFailed, f"{who} refused the key; nothing was billed. Mend the key."
    if failures:
        attempts = "1 attempt" if len(failures) == 1 else f"{len(failures)} attempts"
        what = f"No picture after {attempts}; {billed} may have been billed."
        return errors.AllProvidersFailed, what + (when or (" Try again later." if _may_pass(failures) else ""))
    if verdicts <= _UNSERVABLE:
        return errors.InvalidRequest, "No provider of the chain can serve this request as it stands; nothing was sent."
    if Verdict.NO_TIME in verdicts:
        what = "No provider can finish in the time given; nothing was sent. Allow more time."
        return errors.DeadlineInfeasible, what + _guessed(endings)
    if verdicts & _OUT_OF_MONEY:
        return errors.BudgetExceeded, "Nothing fits into the cost limit; nothing was sent. Raise max_cost."
    return errors.AllProvidersFailed, f"No provider can be asked now; nothing was sent.{when}"


def _guessed(endings: Sequence[PartEnding]) -> str:
    """Say whose times are unknown, for then the time they need is a guess."""
    asked = (pair for ending in endings for pair in zip(ending.prepared_providers, ending.verdicts, strict=True))
    names = sorted({one.name for one, verdict in asked if verdict is Verdict.NO_TIME and not one.candidate.known})
    return f" Times unknown: {', '.join(names)}; `latency` says how long it takes." if names else ""


def _who(endings: Sequence[PartEnding]) -> str:
    """Name those who were asked: "every" only where nobody of the chain was left out."""
    asked = {attempt.prepared.name for ending in endings for attempt in ending.attempts}
    chain = {prepared.name for ending in endings for prepared in ending.prepared_providers}
    return "Every provider asked" if asked >= chain else f"{' and '.join(sorted(asked))}, of {len(chain)} in the chain,"


def _all_are(failures: Sequence[Failure], kind: FailureKind) -> bool:
    return bool(failures) and all(failure.kind is kind for failure in failures)


def _may_pass(failures: Sequence[Failure]) -> bool:
    return any(
        failure.kind in _MAY_PASS or (failure.blame is Blame.OURS and failure.reaction.repeats_rounds)
        for failure in failures
    )


def _failure_lines(record: Record) -> list[str]:
    return [
        f"{attempt.provider}: {attempt.failure.kind} after {attempt.seconds:.1f} s ({attempt.billing}): "
        f"{attempt.failure}"
        for attempt in record.attempts
        if attempt.failure is not None
    ]


def _all_skip_lines(endings: Sequence[PartEnding]) -> list[str]:
    return [line for ending in endings for line in _skip_lines(ending)]


def _skip_lines(ending: PartEnding) -> list[str]:
    asked = {attempt.prepared.name for attempt in ending.attempts}
    return [
        f"{prepared.name}: skipped: {prepared.unfit or verdict.value}"
        for prepared, verdict in zip(ending.prepared_providers, ending.verdicts, strict=True)
        if prepared.name not in asked and verdict not in NOT_NEEDED
    ]
