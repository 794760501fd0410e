"""How a part of a request ended, and the decisions that led there."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute.routing.attempt import Attempt
from pixroute.routing.chain import PreparedProvider
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
    """The decisions of one part in order; one that repeats the last is left out.

    Args:
        began: the loop's time from which they are counted.
        part: the part's number.
        names: the chain's providers.
    """

    def __init__(self, began: float, part: int, names: Sequence[str]) -> None:
        self._began = began
        self._part = part
        self._names = names
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
        self._made.append((now - self._began, decided.action, decided.verdicts))
        return True

    def told(self) -> tuple[Decision, ...]:
        """Give them as they stand in a record."""
        return tuple([self._told(*one) for one in self._made])

    def _told(self, at: float, action: Action, verdicts: tuple[Verdict, ...]) -> Decision:
        found = dict(zip(self._names, verdicts, strict=True))
        return Decision(at=at, part=self._part, action=_say(action, self._names), verdicts=found)


def _say(action: Action, names: Sequence[str]) -> str:
    if isinstance(action, Start):
        return f"{'join with' if action.hedge else 'retry' if action.retry else 'start'} {names[action.index]}"
    if isinstance(action, Wait):
        return f"wait for {', '.join(names[index] for index in action.on)}" if action.on else "wait"
    return "begin another round" if isinstance(action, Round) else "stop"
