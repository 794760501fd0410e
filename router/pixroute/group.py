"""A group: several providers that share one step of a chain."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

from attrs import field, frozen

from pixroute.values import Count, Mistake, as_table, as_tuple, check
from pixroute.words import join, nearest

Spread = Literal["in-turn", "least-busy"] | Mapping[str, Count]
NESTED = "a group holds names of providers, not another group: put them into one list"


@frozen(kw_only=True)
class Group:
    """One step of a chain that several keys, accounts or regions of one thing share.

    Each request asks another of them first; the rest stand right behind it, before the chain goes on.

    Args:
        any: names of providers.
        spread: who comes first: each "in-turn"; the "least-busy", who has the fewest attempts in flight, of equals
            each in turn; or by shares, whole numbers for every name such as { key-a = 3, key-b = 1 }.

    Raises:
        ValueError: a name twice, a group in a group, shares that do not name every provider.
    """

    any: tuple[str, ...] = field(converter=as_tuple)
    spread: Spread = field(default="in-turn", converter=as_table)

    def __attrs_post_init__(self) -> None:
        refuse_nested(self.any)
        check(self)
        if not self.any:
            raise Mistake("names no provider", "any")
        for at, name in enumerate(self.any):
            if name in self.any[:at]:
                raise Mistake(f'"{name}" stands in this group already', join("any", at))
        if isinstance(self.spread, Mapping):
            _check_shares(self.any, self.spread)

    @property
    def shares(self) -> tuple[int, ...]:
        """How often each comes first, in the order of `any`."""
        return tuple([self.spread[name] if isinstance(self.spread, Mapping) else 1 for name in self.any])

    def only(self, names: Collection[str]) -> Group | None:
        """Give it with these alone; None if nobody is left."""
        left = tuple([name for name in self.any if name in names])
        if not left or left == self.any:
            return self if left else None
        spread = self.spread
        return Group(any=left, spread=spread if isinstance(spread, str) else {name: spread[name] for name in left})


Step = str | Group
"""A step of a chain: one provider, or a group of them."""


def refuse_nested(names: object) -> None:
    """Refuse a group in a group.

    Raises:
        Mistake: there is one.
    """
    for at, name in enumerate(names if isinstance(names, list | tuple) else ()):
        if isinstance(name, Mapping | Group):
            raise Mistake(NESTED, join("any", at))


def _check_shares(names: tuple[str, ...], spread: Mapping[str, int]) -> None:
    for name in spread:
        if name not in names:
            raise Mistake(f'"{name}" is not in this group{nearest(name, names)}', join("spread", name))
    missing = [name for name in names if name not in spread]
    if missing:
        raise Mistake(f"says no share for {', '.join(missing)}; every provider of the group needs one", "spread")


def names_of(steps: Iterable[Step]) -> tuple[str, ...]:
    """Give the names of all providers, groups in their places."""
    return tuple([name for step in steps for name in ((step,) if isinstance(step, str) else step.any)])


def step_of(value: Any) -> Any:
    """Read a mapping such as `{"any": [...], "spread": ...}` as a group; what is none is given back for its check.

    Raises:
        Mistake: it holds something else than a group has.
    """
    if not isinstance(value, Mapping):
        return value
    for key in value:
        if key not in _FIELDS:
            raise Mistake(f"a group has {' and '.join(_FIELDS)} alone{nearest(key, _FIELDS)}", str(key))
    if "any" not in value:
        raise Mistake("is missing", "any")
    return Group(**value)


_FIELDS = ("any", "spread")
