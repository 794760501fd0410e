"""What a configuration that can be read is likely to be regretted for: pure, nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable

from pixroute.config import check_chains, check_groups, check_places, check_serve, check_store, check_tables
from pixroute.config.build import Built
from pixroute.config.model import ChainConfig
from pixroute.config.walk import LEVELS, ConfigFinding, Link, Walk
from pixroute.errors import Problem


def examine(built: Built, *, whole: bool = True) -> tuple[ConfigFinding, ...]:
    """Find what is likely to be regretted, the worst first.

    `whole` false: mistakes left something out, so only what is complete is looked at.
    """
    by_name = {link.name: link for link in links(built)}
    chains = [chain for chain in built.config.chains.values() if whole or _complete(chain, built)]
    walks = [
        Walk(
            name=chain.name,
            links=tuple(by_name[name] for name in chain.providers),
            policy=chain.policy,
            groups=tuple(tuple(by_name[name] for name in group.any) for group in chain.groups),
        )
        for chain in chains
    ]
    tables = check_tables.RULES if whole else check_tables.SINGLE
    rules = (*tables, *check_places.RULES, *check_store.RULES, *check_serve.RULES)
    found = [finding for rule in rules for finding in rule(built, walks)]
    found += [
        finding
        for walk in walks
        for rule in (*check_chains.RULES, *check_groups.RULES)
        for finding in rule(built, walk)
    ]
    return worst_first(found)


def _complete(chain: ChainConfig, built: Built) -> bool:
    return bool(chain.providers) and all(name in built.providers for name in chain.providers)


def worst_first(found: Iterable[ConfigFinding]) -> tuple[ConfigFinding, ...]:
    """Put findings in order, each once."""
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: LEVELS.index(finding.level)))


def links(built: Built) -> tuple[Link, ...]:
    """Give every enabled provider with its settings."""
    providers = built.config.providers
    return tuple(
        Link(name=name, provider=provider, settings=providers[name].settings)
        for name, provider in built.providers.items()
    )


def mistakes(problems: Iterable[Problem]) -> tuple[ConfigFinding, ...]:
    """Give the problems of a configuration that cannot be used."""
    return tuple(ConfigFinding(level="error", path=one.path, message=one.message) for one in problems)
