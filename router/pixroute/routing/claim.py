"""Collecting a job of an earlier request: GETs, which cost nothing and which no breaker counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, evolve, field

from pixroute.cost import Cost
from pixroute.errors import AllProvidersFailed, Moderated
from pixroute.outcome import Billing, Failure, FailureKind, Outcome, Stage, Success
from pixroute.request import ImageRequest
from pixroute.result import ImageResult, Missing
from pixroute.routing.chain import PreparedProvider
from pixroute.routing.record import AttemptRecord, Record
from pixroute.routing.validate import Checked, validate

if TYPE_CHECKING:
    from pixroute.http.jobs import JobProvider
    from pixroute.http.transport import Transport

T = TypeVar("T")

ANYTHING = ImageRequest("a job of an earlier request")
"""What is asked of a claimed picture: nothing, for its request is gone."""


@define(kw_only=True)
class Claim:
    """One claim, and what its provider sees of it (`AttemptContext`)."""

    request_id: str
    ends_at: float
    http: Transport
    into: Path | None = None
    traceparent: str | None = None
    cancelled: bool = False
    stage: Stage = Stage.WAIT
    facts: dict[str, Any] = field(factory=dict)

    def reached(self, stage: Stage) -> None:
        """Note the stage."""
        self.stage = stage

    def note(self, **facts: Any) -> None:
        """Add facts to the record."""
        self.facts.update(facts)

    def progress(self, fraction: float) -> None:
        """Note how far it is."""
        self.facts["progress"] = float(fraction)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Run a blocking function in a thread."""
        return await asyncio.to_thread(function, *args)


async def collect(
    provider: JobProvider[Any], job: Mapping[str, Any], *, prepared: PreparedProvider, claim: Claim
) -> ImageResult:
    """Wait for the job until the claim ends; the upstream is not told to stop when it does.

    Raises:
        RequestFailed: `AllProvidersFailed`, or `Moderated`; `retryable` where it may be claimed again.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    outcome = await _outcome(provider, {**job, "cancel": None}, claim)
    free = evolve(prepared, unit_price=Decimal(0))
    checked = Checked(outcome=outcome) if isinstance(outcome, Failure) else validate(outcome, ANYTHING, free)
    seconds = loop.time() - began
    record = Record(
        request_id=claim.request_id,
        chain=prepared.name,
        seconds=seconds,
        attempts=(_record(claim, prepared, dict(job), checked.outcome, seconds),),
    )
    if isinstance(checked.outcome, Failure):
        raise _error(checked.outcome, record)
    return ImageResult(
        images=checked.images,
        cost=Cost(currency=prepared.currency),
        record=record,
        missing=tuple(Missing(part=0, failure=failure) for failure in checked.outcome.failures),
        usage=checked.outcome.usage,
    )


async def _outcome(provider: JobProvider[Any], job: Mapping[str, Any], claim: Claim) -> Outcome:
    try:
        async with asyncio.timeout_at(claim.ends_at):
            return await provider.claim(job, claim)
    except TimeoutError:
        return Failure(
            kind=FailureKind.TIMEOUT,
            message="The job had not ended when the time for it was over.",
            advice="It goes on: claim it again later.",
            stage=claim.stage,
            timed_out=True,
        )


def _record(
    claim: Claim, prepared: PreparedProvider, job: Mapping[str, Any], outcome: Outcome, seconds: float
) -> AttemptRecord:
    return AttemptRecord(
        id=claim.request_id,
        part=0,
        number=1,
        round=0,
        provider=prepared.name,
        model=prepared.member.model,
        resolution="other",
        started=0.0,
        ended=seconds,
        stage=Stage.DONE if isinstance(outcome, Success) else claim.stage,
        billing=Billing.FREE,
        cost=Cost(currency=prepared.currency),
        failure=outcome if isinstance(outcome, Failure) else None,
        won=isinstance(outcome, Success),
        facts={**claim.facts, "job": job},
    )


def _error(failure: Failure, record: Record) -> AllProvidersFailed | Moderated:
    kind = Moderated if failure.kind is FailureKind.MODERATED else AllProvidersFailed
    return kind(
        f"The job could not be claimed.\n  {record.attempts[0].provider}: {failure}",
        record=record,
        cost=record.attempts[0].cost,
        retryable=failure.kind is FailureKind.TIMEOUT,
    )
