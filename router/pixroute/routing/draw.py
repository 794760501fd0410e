"""Who of a group comes first: drawn before the planner decides, deterministic and pure (semantics §3.5)."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from pixroute.group import Spread


@frozen
class Chance:
    """What the draw knows of a provider: its attempts `in_flight`; what keeps it from starting, empty if nothing."""

    in_flight: int = 0
    kept_by: str = ""


@frozen
class DrawnOrder:
    """The outcome of a draw: places in the group from first to last, and why; `earned` is for the next draw."""

    places: tuple[int, ...]
    why: str
    earned: tuple[int, ...]


def draw(spread: Spread, shares: Sequence[int], earned: Sequence[int], chances: Sequence[Chance]) -> DrawnOrder:
    """Put the providers of a group in order; who may not start now stands last and loses no turn.

    Turns go by smooth weighted round-robin: everybody who takes part earns its share, who has most comes first and
    pays what all have earned. So turns of 3 to 1 come as a a b a, and not as a a a b.

    Args:
        spread: as the group says.
        shares: of each, in the order of the file.
        earned: by each, as the last draw left it; 0 to begin with.
        chances: of each.
    """
    able = [place for place, chance in enumerate(chances) if not chance.kept_by]
    if not able:
        return DrawnOrder(tuple(range(len(chances))), "nobody may start now, in the order of the chain", tuple(earned))
    least = min(chances[place].in_flight for place in able)
    busy = spread == "least-busy"
    drawn = [place for place in able if not busy or chances[place].in_flight == least]
    now = list(earned)
    for place in drawn:
        now[place] += shares[place]
    first = max(drawn, key=lambda place: (now[place], -place))

    def rank(place: int) -> tuple[bool, bool, int, int, int]:
        chance = chances[place]
        load = chance.in_flight if busy else 0
        return place != first, bool(chance.kept_by), load, -now[place], place

    order = tuple(sorted(range(len(chances)), key=rank))
    now[first] -= sum(shares[place] for place in drawn)
    return DrawnOrder(order, _why(spread, able, drawn, shares[first], shares, least), tuple(now))


def _why(  # noqa: PLR0917 - one call site, just above
    spread: Spread, able: list[int], drawn: list[int], share: int, shares: Sequence[int], least: int
) -> str:
    if len(able) == 1:
        return "the only one that may start now"
    if spread == "in-turn":
        return "in turn"
    if spread == "least-busy":
        beside = f", in turn with {len(drawn) - 1} more" if len(drawn) > 1 else ""
        return f"least busy, {least} in flight{beside}"
    return f"in turn, {share} of {sum(shares[place] for place in able)}"
