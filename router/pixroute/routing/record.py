"""What happened in a request, in order, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from attrs import field, frozen

from pixroute.cost import Cost
from pixroute.outcome import Billing, Failure, FailureKind, Stage
from pixroute.request import Resolution
from pixroute.routing.view import NOT_NEEDED


@frozen(kw_only=True)
class AttemptRecord:
    """One attempt; times are seconds on the loop's clock, `started` and `ended` counted from the request's start.

    `facts` holds what the wire told: first_byte, wire_bytes, remote, plaintext, rescued tail stall, job,
    served_by (who made it behind a gateway).
    """

    id: str
    part: int
    number: int
    round: int
    provider: str
    model: str | None
    resolution: Resolution
    started: float
    ended: float
    stage: Stage
    billing: Billing
    cost: Cost
    failure: Failure | None = None
    hedge: bool = False
    retry: bool = False
    won: bool = False
    provider_request_id: str | None = None
    facts: Mapping[str, Any] = field(factory=dict)

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.started

    @property
    def kind(self) -> FailureKind | None:
        """Why it brought no picture; None if it brought one."""
        return self.failure.kind if self.failure else None


@frozen(kw_only=True)
class Drawn:
    """Who of a group came first for one part, and why; `order` is the whole group's, `kept` who could not start."""

    part: int
    order: tuple[str, ...]
    why: str
    kept: Mapping[str, str] = field(factory=dict)

    def __str__(self) -> str:
        kept = "".join(f"; {name}: {why}" for name, why in self.kept.items())
        return f"{self.order[0]} comes first of {', '.join(sorted(self.order))}: {self.why}{kept}"


@frozen(kw_only=True)
class Decision:
    """One decision of the planner: when, what, and why each provider was or was not chosen."""

    at: float
    part: int
    action: str
    verdicts: Mapping[str, Enum]


@frozen(kw_only=True)
class Record:
    """All attempts and the decisions that led to them; `drawn` who of a group came first, and why."""

    request_id: str
    chain: str
    seconds: float
    attempts: tuple[AttemptRecord, ...] = ()
    decisions: tuple[Decision, ...] = ()
    drawn: tuple[Drawn, ...] = ()
    tags: Mapping[str, str] = field(factory=dict)

    def __str__(self) -> str:
        head = ("provider", "result", "stage", "seconds", "billing", "cost")
        rows = [head, *(_row(attempt) for attempt in self.attempts), *self._skipped()]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
        return "\n".join([*lines, *map(str, self.drawn)])

    def _skipped(self) -> list[tuple[str, ...]]:
        asked = {attempt.provider for attempt in self.attempts}
        last = {name: verdict for decision in self.decisions for name, verdict in decision.verdicts.items()}
        return [
            (name, f"skipped: {verdict.value}", "", "", "", "")
            for name, verdict in last.items()
            if name not in asked and verdict not in NOT_NEEDED
        ]


def _row(attempt: AttemptRecord) -> tuple[str, ...]:
    return (
        attempt.provider,
        str(attempt.kind or ("picture" if attempt.won else "picture, not needed")),
        attempt.stage.name.lower(),
        f"{attempt.seconds:.1f}",
        str(attempt.billing),
        str(attempt.cost),
    )
