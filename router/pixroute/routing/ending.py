"""How a part of a request ended, and the decisions that led there."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute.routing.attempt import Attempt
from pixroute.routing.chain import PreparedProvider
from pixroute.routing.part import RequestPart
from pixroute.routing.record import AttemptRecord, Decision
from pixroute.routing.view import Action, Plan, Round, Start, Stop, Verdict, Wait


@frozen(kw_only=True)
class PartEnding:
    """How a part ended: a winner, or the planner's last word; and all that happened.

    `shut_down`: the router was closed before it could end otherwise. `bug`: what broke in our own code.
    """

    winner: Attempt | None
    stop: Stop | None
    attempts: tuple[Attempt, ...]
    records: tuple[AttemptRecord, ...]
    decisions: tuple[Decision, ...]
    verdicts: tuple[Verdict, ...]
    prepared_providers: tuple[PreparedProvider, ...]
    shut_down: bool = False
    bug: BaseException | None = None


class Decisions:
    """The decisions of one part in order; one that repeats the last is left out."""

    __slots__ = ("_made", "_part")

    def __init__(self, part: RequestPart) -> None:
        self._part = part
        self._made: list[tuple[float, Action, tuple[Verdict, ...]]] = []

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """What the last one found of each provider; empty before the first."""
        return self._made[-1][2] if self._made else ()

    def add(self, now: float, decided: Plan) -> bool:
        """Keep one; tell whether it says anything new."""
        last = self._made[-1] if self._made else None
        if last is not None and type(last[1]) is type(decided.action) and last[2] == decided.verdicts:
            return False
        self._made.append((now - self._part.whole.began, decided.action, decided.verdicts))
        return True

    def as_recorded(self) -> tuple[Decision, ...]:
        """Give them as they stand in a record."""
        names, number = [prepared.member.name for prepared in self._part.prepared_providers], self._part.number
        return tuple(
            [
                Decision(
                    at=at, part=number, action=_say(action, names), verdicts=dict(zip(names, verdicts, strict=True))
                )
                for at, action, verdicts in self._made
            ]
        )


def _say(action: Action, names: Sequence[str]) -> str:
    if isinstance(action, Start):
        return f"{'join with' if action.hedge else 'retry' if action.retry else 'start'} {names[action.index]}"
    if isinstance(action, Wait):
        return f"wait for {', '.join(names[index] for index in action.on)}" if action.on else "wait"
    return "begin another round" if isinstance(action, Round) else "stop"
