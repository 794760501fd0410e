"""The groups of a chain as requests meet them: whose turn it is, and who is kept from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixroute.group import Group, Step
from pixroute.routing.draw import Chance, draw
from pixroute.routing.record import Drawn

if TYPE_CHECKING:
    from pixroute.health.registry import Health
    from pixroute.routing.chain import PreparedProvider


class GroupTurns:
    """One group of a chain: its places there, from `start` on, and what everybody has earned so far."""

    def __init__(self, group: Group, start: int) -> None:
        self.places = range(start, start + len(group.any))
        self._group = group
        self._earned = (0,) * len(group.any)

    def drawn(self, part: int, chances: Sequence[Chance], *, take: bool) -> tuple[tuple[int, ...], Drawn]:
        """Give the order of its places and the reason; `take`: the turn is used up."""
        group = self._group
        order = draw(group.spread, group.shares, self._earned, chances)
        if take:
            self._earned = order.earned
        told = Drawn(
            part=part,
            order=tuple([group.any[place] for place in order.places]),
            why=order.why,
            kept={name: chance.kept_by for name, chance in zip(group.any, chances, strict=True) if chance.kept_by},
        )
        return order.places, told


def placed(steps: Sequence[Step]) -> tuple[GroupTurns, ...]:
    """Give the groups among the steps of a chain; no turn was taken yet."""
    groups, start = [], 0
    for step in steps:
        if isinstance(step, str):
            start += 1
            continue
        groups.append(GroupTurns(step, start))
        start += len(step.any)
    return tuple(groups)


class GroupDraw:
    """The draws of one request, which may have several parts.

    Args:
        groups: of its chain.
        health: knows who may start, and what is in flight.
        take: whether turns are used up, or only looked at.
    """

    def __init__(self, groups: Sequence[GroupTurns], health: Health, *, take: bool = True) -> None:
        self.told: tuple[Drawn, ...] = ()
        self._groups = groups
        self._health = health
        self._take = take
        self._begun: Counter[str] = Counter()

    def order(self, part: int, chain: Sequence[PreparedProvider], now: float) -> tuple[PreparedProvider, ...]:
        """Put the groups of a part's chain in order, for this part."""
        ordered = list(chain)
        for group in self._groups:
            start = group.places.start
            places, told = group.drawn(
                part, [self._chance(chain[place], now) for place in group.places], take=self._take
            )
            ordered[start : group.places.stop] = [chain[start + place] for place in places]
            self._begun[told.order[0]] += 1
            self.told = (*self.told, told)
        return tuple(ordered)

    def _chance(self, prepared: PreparedProvider, now: float) -> Chance:
        barred = prepared.candidate.barred
        kept_by = barred.value if barred is not None else self._health.status(prepared.keys, now).why
        # The parts of a request are drawn before the first of them starts.
        busy = self._health.in_flight(prepared.name) + self._begun[prepared.name]
        return Chance(busy, kept_by)
