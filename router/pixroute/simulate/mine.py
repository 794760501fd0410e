"""A world made of a configuration: its chain, prices, expected times and policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import frozen

from pixroute.config.build import build
from pixroute.config.check import links
from pixroute.config.load import load_without_keys
from pixroute.config.model import ChainConfig, Config
from pixroute.config.walk import Link
from pixroute.errors import ConfigError, Problem
from pixroute.group import Step
from pixroute.plugins import PluginsOnDemand
from pixroute.policy import Policy
from pixroute.provider import ProviderSettings
from pixroute.request import Resolution
from pixroute.simulate.contestant import Contestant
from pixroute.simulate.policies import DEFAULT, ours
from pixroute.simulate.scenario import ScenarioProvider, ScenarioUpstream, Times
from pixroute.words import join, nearest


@frozen(kw_only=True)
class OwnWorld:
    """Whom a configuration's chain asks, as a scenario has it, and how its router asks them.

    `notes` are sentences on what is assumed.
    """

    chain: str
    steps: tuple[Step, ...]
    upstreams: Mapping[str, ScenarioUpstream]
    providers: Mapping[str, ScenarioProvider]
    settings: Mapping[str, ProviderSettings]
    policy: Policy
    notes: tuple[str, ...]

    @property
    def of_scenario(self) -> dict[str, Any]:
        """What it says of a scenario."""
        return {
            "upstreams": self.upstreams,
            "providers": self.providers,
            "chain": self.steps,
            "timeouts": self.policy.attempt_timeout,
        }

    def contestant(self, file: str) -> Contestant:
        """Give our router under its policy."""
        return ours(DEFAULT.name, self.policy, f"the policy of chain {self.chain} in {file}", self.settings)

    def __str__(self) -> str:
        asked = ", ".join(f"{name} ({place.upstream})" for name, place in self.providers.items())
        return f"Chain {self.chain}: {asked}."


def own_world(path: Path, chain: str | None = None) -> OwnWorld:
    """Read a configuration, whose keys may be missing; `chain` None is its default chain.

    Raises:
        ConfigError: it has mistakes, or no such chain.
    """
    config = load_without_keys(path, PluginsOnDemand())
    found = _chain(config, chain)
    by_name = {link.name: link for link in links(build(config))}
    asked = [by_name[name] for name in found.providers]
    names = _upstream_names(asked)
    upstreams: dict[str, ScenarioUpstream] = {}
    notes: list[str] = []
    for link in asked:
        upstreams.setdefault(names[link.name], _upstream(link, found.policy, notes))
    notes += [*_currencies(asked), *_unused(config, found)]
    return OwnWorld(
        chain=found.name,
        steps=found.steps,
        upstreams=upstreams,
        providers={link.name: _provider(link, names[link.name]) for link in asked},
        settings={link.name: _settings(link) for link in asked},
        policy=found.policy,
        notes=tuple(notes),
    )


def _chain(config: Config, name: str | None) -> ChainConfig:
    if name is None:
        return config.default_chain
    if name not in config.chains:
        message = f'no chain is named "{name}"{nearest(name, config.chains)}'
        raise ConfigError([Problem("chains", message)], source=config.source)
    return config.chains[name]


def _upstream_names(asked: list[Link]) -> dict[str, str]:
    """Call an upstream as the configuration does, else by its model; two of one model by their provider, too."""
    first: dict[str, Link] = {}
    for link in asked:
        first.setdefault(link.upstream, link)
    models = [link.provider.model for link in first.values()]
    called: dict[str, str] = {}
    for upstream, link in first.items():
        model = link.provider.model or link.name
        own = link.settings.upstream or (model if models.count(link.provider.model) == 1 else f"{model} of {link.name}")
        called[upstream] = own
    return {link.name: called[link.upstream] for link in asked}


def _upstream(link: Link, policy: Policy, notes: list[str]) -> ScenarioUpstream:
    makes = sorted(link.provider.capabilities().resolutions) or ["1K", "2K", "4K"]
    if guessed := [size for size in makes if not link.knows(size)]:
        notes.append(f"{link.name}: times unknown at {', '.join(guessed)}, guessed from the time-out.")
    return ScenarioUpstream(latency={size: _times(link, size, policy) for size in makes}, price=_prices(link, makes))


def _times(link: Link, size: Resolution, policy: Policy) -> Times:
    usual = link.usual(size, policy)
    return usual.p50, usual.p95, usual.p99


def _prices(link: Link, makes: Sequence[Resolution]) -> Mapping[Resolution, Decimal]:
    return {size: price for size in makes if link.price and (price := link.price.at(size)) is not None}


def _provider(link: Link, upstream: str) -> ScenarioProvider:
    identity = link.provider.identity
    makes = sorted(link.provider.capabilities().resolutions) or ["1K", "2K", "4K"]
    return ScenarioProvider(
        upstream=upstream,
        origin=identity.origin or f"local:{link.name}",
        account=identity.account,
        price=_prices(link, makes),
    )


def _settings(link: Link) -> ProviderSettings:
    """Keep what the router itself reads of a provider's settings."""
    own = link.settings
    return ProviderSettings(
        attempt_timeout=own.attempt_timeout,
        hedge_after=own.hedge_after,
        max_in_flight=own.max_in_flight,
        when_full=own.when_full,
        breaker_state=own.breaker_state,
    )


def _unused(config: Config, chain: ChainConfig) -> list[str]:
    """Say what of the configuration the simulation leaves out, in one sentence."""
    unused = [join("chains", name) for name in config.chains if name != chain.name]
    unused += ["the rules, so all is asked of this chain"] if config.rules else []
    unused += [join("budgets", name) for name in config.budgets]
    unused += [join("observers", name) for name in config.observers]
    unused += [f"[{table}]" for table in ("shared", "serve") if table in config.said]
    return [f"Not used: {'; '.join(unused)}."] if unused else []


def _currencies(asked: list[Link]) -> list[str]:
    unknown = [link.name for link in asked if link.price is None]
    other = sorted({link.price.currency for link in asked if link.price} - {"USD"})
    found = [f"No price is known of {', '.join(unknown)}: in the figures it counts as 0."] if unknown else []
    return found + ([f"All amounts are in {other[0]}."] if other else [])
