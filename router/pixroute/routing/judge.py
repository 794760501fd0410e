"""The failures that no provider tells: its code raised, its time was over, or we could not judge what it brought."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixroute.http.judging.diagnosis import Observation, diagnose
from pixroute.http.judging.lack import lacking, wanting
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.routing.chain import PreparedProvider


def plugins_bug(error: BaseException, prepared: PreparedProvider, stage: Stage) -> Failure:
    """Explain what a provider's code raised: what this machine lacks, else a bug, whose text goes to the log alone."""
    if (wanted := lacking(error, sent=stage >= Stage.SEND)) is not None:
        return wanting(wanted, stage)
    prepared.log_bug(error)
    return Failure(
        kind=FailureKind.UNKNOWN,
        message=f"The provider's code raised {type(error).__name__}.",
        advice="This is a bug of the plugin; its text is in the log.",
        stage=stage,
    )


def our_bug(error: Exception, stage: Stage) -> Failure:
    """Tell that a picture came which we could not judge; it is billed, and nothing more may be bought."""
    text = f"pixroute could not judge what came ({type(error).__name__}): a bug in pixroute."
    return Failure(kind=FailureKind.UNKNOWN, message=text, stage=stage, billing=Billing.BILLED, blame=Blame.OURS)


def time_out(
    prepared: PreparedProvider, stage: Stage, facts: Mapping[str, Any], *, seconds: float, by_deadline: bool
) -> Failure:
    """Explain that an attempt's time was over.

    Args:
        prepared: the provider that did not answer.
        stage: how far it had come.
        facts: what the wire told of it.
        seconds: that it had.
        by_deadline: whether the request's deadline cut it before its own time-out.
    """
    candidate = prepared.candidate
    seen = Observation(
        stage=stage,
        elapsed=seconds,
        received=facts.get("wire_bytes", 0),
        time_out=seconds,
        by_deadline=by_deadline,
        expected=candidate.expected if candidate.known else None,
        plaintext=prepared.member.identity.plaintext,
    )
    diagnosis = diagnose(FailureKind.TIMEOUT, seen)
    return Failure(
        kind=FailureKind.TIMEOUT,
        message=diagnosis.message,
        advice=diagnosis.advice,
        stage=stage,
        timed_out=True,
        url=facts.get("url"),
    )
