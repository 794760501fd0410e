"""Rules of `check` that look at the groups of a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from pixroute.config.build import Built
from pixroute.config.walk import CLASSES, ConfigFinding, Link, Walk


def _alone(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    """A group of one shares nothing; a chain that is one group has no fallback."""
    for group in walk.groups:
        if len(group) == 1:
            yield ConfigFinding(
                level="note",
                path=walk.path,
                message=f"has a group of {group[0].name} alone, which shares its load with nobody",
                fix="name it without a group, or add a second key",
            )
    if len(walk.groups) == 1 and len(walk.links) == len(walk.groups[0]) > 1:
        yield ConfigFinding(
            level="note",
            path=walk.path,
            message="is one group: keys of one service fail together when the service does",
            fix="add a provider of another service behind it",
        )


def _one_and_the_same(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    for one, two in _pairs(walk):
        first, second = one.provider.identity, two.provider.identity
        if one.upstream != two.upstream:
            continue
        same = first.account == second.account and first.origin == second.origin
        yield ConfigFinding(
            level="warning" if same else "note",
            path=walk.path,
            message=f"{one.name} and {two.name} of a group "
            + (
                "are one account at one place: nothing is shared between them"
                if same
                else "share an upstream: when one is overloaded, both are passed over"
            ),
            fix="give them keys of different accounts" if same else "name `upstream` in each if they fail apart",
        )


def _unlike(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    """What a caller gets should not depend on whose turn it is."""
    for group in walk.groups:
        yield from _by_model(walk, group)
        for asked in CLASSES:
            able = [link for link in group if link.serves(asked, walk.policy) == asked]
            unable = [link.name for link in group if link not in able]
            if able and unable:
                yield ConfigFinding(
                    level="note",
                    path=walk.path,
                    message=f"{' and '.join(unable)} of a group does not make {asked}: the others share such requests",
                    fix="group providers that can do the same",
                )
        yield from _by_price(walk, group)


def _by_price(walk: Walk, group: Sequence[Link]) -> Iterator[ConfigFinding]:
    """Join the sizes at which the prices are the same."""
    sizes: dict[str, list[str]] = {}
    for asked in CLASSES:
        able = [link for link in group if link.serves(asked, walk.policy) == asked]
        prices = {str(link.price.at(asked)) for link in able if link.price is not None}
        if len(prices) > 1:
            sizes.setdefault(" and ".join(sorted(prices)), []).append(asked)
    if sizes:
        told = ", ".join(f"{prices} at {' and '.join(at)}" for prices, at in sizes.items())
        yield ConfigFinding(
            level="note",
            path=walk.path,
            message=f"providers of a group cost {told}, by whose turn it is",
            fix="put the cheaper ones before it, as steps of their own",
        )


def _by_model(walk: Walk, group: Sequence[Link]) -> Iterator[ConfigFinding]:
    models = {link.provider.model for link in group}
    if len(models) > 1:
        said = " and ".join(sorted(str(model) for model in models))
        yield ConfigFinding(
            level="warning",
            path=walk.path,
            message=f"a group has the models {said}: pictures look different by whose turn it is",
            fix="make other models steps of their own",
        )


def _pairs(walk: Walk) -> Iterator[tuple[Link, Link]]:
    for group in walk.groups:
        yield from combinations(group, 2)


RULES: tuple[Callable[[Built, Walk], Iterator[ConfigFinding]], ...] = (_alone, _one_and_the_same, _unlike)
