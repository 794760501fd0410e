"""Rules of `check` that look at one chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from pixroute.config.build import Built
from pixroute.config.walk import CLASSES, ConfigFinding, Link, Walk
from pixroute.request import Resolution
from pixroute.words import join


def _sensitive(built: Built, walk: Walk) -> Iterator[ConfigFinding]:
    for link in walk.links:
        if walk.policy.sensitive and link.provider.identity.plaintext:
            yield ConfigFinding(
                level="warning",
                path=walk.where(built, "sensitive"),
                message=f"{link.name} is never asked in {walk.path}: it is plaintext, and the chain sensitive",
                fix=f"take {link.name} out of it, or give it an https:// base_url",
            )


def _shared_fate(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    if len(walk.links) == 1:
        yield ConfigFinding(
            level="note",
            path=walk.path,
            message=f"has no fallback: it fails when {walk.links[0].name} does",
            fix="add a provider on another upstream",
        )
        return
    if walk.links[-1].upstream == walk.links[-2].upstream:
        siblings = " and ".join(link.name for link in walk.links if link.upstream == walk.links[-1].upstream)
        yield ConfigFinding(
            level="warning",
            path=walk.path,
            message=f"{siblings} share an upstream, and nothing independent stands behind them",
            fix="add a provider on another upstream at the end",
        )
    if len({link.provider.identity.account for link in walk.links}) == 1:
        yield ConfigFinding(
            level="warning",
            path=walk.path,
            message="all of its providers are on one account: a wrong key or an empty balance stops them together",
            fix='add a provider with a key of its own, such as seedream with via = "ark"',
        )


def _unserved(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    """Compare every fallback with the first provider: what it cannot serve, or serves otherwise."""
    first = walk.links[0]
    for link in walk.fallbacks:
        for asked in CLASSES:
            sent = link.serves(asked, walk.policy)
            if first.serves(asked, walk.policy) == asked and sent != asked:
                yield _otherwise(walk, link, asked, sent)
        if link.provider.capabilities().references < first.provider.capabilities().references:
            most = link.provider.capabilities().references
            yield ConfigFinding(
                level="note",
                path=walk.path,
                message=f"{link.name} takes {most or 'no'} reference pictures, fewer than {first.name}",
                fix="requests with more of them are served by the others alone",
            )
        if link.provider.model != first.provider.model:
            yield ConfigFinding(
                level="note",
                path=walk.path,
                message=f"{link.name} is another model ({link.provider.model}) than {first.name}",
                fix="tell users by result.model, or leave it out where the look matters",
            )


def _otherwise(walk: Walk, link: Link, asked: Resolution, sent: Resolution | None) -> ConfigFinding:
    if sent is None:
        return ConfigFinding(
            level="warning",
            path=walk.path,
            message=f"{link.name} is no fallback at {asked}, which it does not make",
            fix=f"add another that makes {asked}" + (', or say upgrade = "allow"' if asked != "4K" else ""),
        )
    return ConfigFinding(
        level="note",
        path=walk.path,
        message=f"{link.name} makes {sent} where {asked} is asked, told in result.adjustments",
        fix='upgrade = "refuse" skips it instead',
    )


def _money(built: Built, walk: Walk) -> Iterator[ConfigFinding]:
    limit = walk.policy.max_cost
    for link in walk.links:
        unknown = [sent for sent in link.sizes(walk.policy) if link.price is None or link.price.at(sent) is None]
        if unknown:
            never = "" if limit is None else f": under max_cost = {limit} it is never asked for them"
            yield ConfigFinding(
                level="note" if limit is None else "warning",
                path=join(link.path, "price"),
                message=f"is not known at {', '.join(unknown)} in {walk.path}{never}",
                fix='say what you pay, such as price = { other = "0.05" }',
            )
        if limit is None or link.price is None:
            continue
        for sent in link.sizes(walk.policy):
            if (price := link.price.at(sent)) is not None and price > limit:
                yield ConfigFinding(
                    level="warning",
                    path=walk.where(built, "max_cost"),
                    message=f"is {limit}, and {link.name} costs {price} at {sent}: it is never asked",
                    fix="raise it, or take the provider out of this chain",
                )


def _deadlines(built: Built, walk: Walk) -> Iterator[ConfigFinding]:
    given = walk.policy.timeout
    if given is None:
        return
    for asked in CLASSES:
        able = [(link, sent) for link in walk.links if (sent := link.serves(asked, walk.policy))]
        if not able:
            continue
        first, sent = able[0]
        usual = first.usual(sent, walk.policy)
        if first.knows(sent) and given < usual.p50:
            yield ConfigFinding(
                level="warning",
                path=walk.where(built, "timeout"),
                message=f"{given:g} s are too few at {sent} for {first.name} (P50 {usual.p50:g} s)",
                fix=f"give at least {usual.p95:.0f} s, or another chain for short requests",
            )


def _unknown_times(_: Built, walk: Walk) -> Iterator[ConfigFinding]:
    for link in walk.links:
        if unknown := [sent for sent in link.sizes(walk.policy) if not link.knows(sent)]:
            yield ConfigFinding(
                level="note",
                path=join(link.path, "latency"),
                message=f"times unknown at {', '.join(unknown)}: until 30 pictures have come they are guessed",
                fix="measure them with `pixroute calibrate`, or say latency = { 1K = [8, 20, 40] }",
            )


def _cut_short(built: Built, walk: Walk) -> Iterator[ConfigFinding]:
    for link in walk.links:
        for sent in filter(link.knows, link.sizes(walk.policy)):
            timeout, usual = link.timeout(sent, walk.policy), link.usual(sent, walk.policy)
            if timeout < usual.p99:
                yield ConfigFinding(
                    level="warning" if timeout < usual.p95 else "note",
                    path=walk.where(built, "attempt_timeout", provider=link.name, resolution=sent),
                    message=f"is {timeout:g} s for {link.name} in {walk.path}: its healthy calls take up to "
                    f"{usual.p99:g} s (P99), and what is cut is billed all the same",
                    fix=f"give it {usual.p99:g} s or more",
                )


def _spent(built: Built, walk: Walk) -> Iterator[ConfigFinding]:
    if walk.policy.max_possibly_billed == 1 and any(one.upstream != two.upstream for one, two in pairwise(walk.links)):
        yield ConfigFinding(
            level="note",
            path=walk.where(built, "max_possibly_billed"),
            message="1 leaves no fallback after a time-out, which may be billed",
            fix="2 pays twice at worst, and gets the picture",
        )


RULES: tuple[Callable[[Built, Walk], Iterator[ConfigFinding]], ...] = (
    _sensitive,
    _shared_fate,
    _unserved,
    _money,
    _deadlines,
    _unknown_times,
    _cut_short,
    _spent,
)
