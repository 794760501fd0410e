"""From a configuration to the providers and observers it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from pixroute.config.model import Config, ObserverConfig, ProviderConfig
from pixroute.errors import ConfigError, PluginError, Problem
from pixroute.events import Observer, check_observer
from pixroute.plugins import resolve
from pixroute.provider import Price, Provider, breaker_states
from pixroute.words import join


@frozen(kw_only=True, eq=False)
class Built:
    """A configuration and what was made of it, by name."""

    config: Config
    providers: Mapping[str, Provider]
    observers: Mapping[str, Observer]


def build(config: Config, before: Built | None = None) -> Built:
    """Create every enabled provider and every observer, or keep the one `before` made of the same words.

    Raises:
        ConfigError: some could not be created, or a chain's prices turn out to be in two currencies.
    """
    built, problems = build_what_can(config, before)
    if problems:
        raise ConfigError(problems, source=config.source)
    return built


def build_what_can(config: Config, before: Built | None = None) -> tuple[Built, list[Problem]]:
    """Create as `build` does; give what could be created and what is wrong."""
    enabled = {name: provider for name, provider in config.providers.items() if provider.enabled}
    providers, problems = _create(
        "providers",
        {name: (one.spec.create, (name, one.settings)) for name, one in enabled.items()},
        _kept("providers", config, before),
    )
    observers, wrong = _create(
        "observers",
        {name: (one.spec.create, (one.settings,)) for name, one in config.observers.items()},
        _kept("observers", config, before),
    )
    problems += wrong
    for name, observer in observers.items():
        try:
            check_observer(name, observer)
        except ValueError as error:
            problems.append(Problem(join("observers", name), str(error)))
    for chain in config.chains.values():
        made = [name for name in chain.providers if name in providers]
        prices = {name: enabled[name].settings.price or providers[name].price for name in made}
        problems += two_currencies(join("chains", chain.name), prices)
    try:
        breaker_states(providers)
    except ValueError as error:
        problems.append(Problem("providers", str(error)))
    return Built(config=config, providers=providers, observers=observers), problems


def two_currencies(path: str, prices: Mapping[str, Price | None]) -> list[Problem]:
    """Tell where a chain counts money in more than one currency."""
    first: dict[str, str] = {}
    for name, price in prices.items():
        if price is not None:
            first.setdefault(price.currency, name)
    if len(first) < 2:
        return []
    said = " and ".join(f"{currency} ({name})" for currency, name in first.items())
    return [Problem(path, f"has prices in {said}; one chain counts in one currency")]


def _kept(table: str, config: Config, before: Built | None) -> dict[str, Any]:
    """Give what was made of what this configuration says again."""
    if before is None:
        return {}
    now: Mapping[str, ProviderConfig | ObserverConfig] = getattr(config, table)
    then = getattr(before.config, table)
    # The words are compared beside the values they were read as: two keys may be equal now and rotate apart later.
    said, said_then = config.said.get(table, {}), before.config.said.get(table, {})
    made: Mapping[str, Any] = getattr(before, table)
    return {
        name: one for name, one in made.items() if said.get(name) == said_then.get(name) and now.get(name) == then[name]
    }


def _create(
    table: str, wanted: Mapping[str, tuple[Callable[..., Any] | str, tuple[Any, ...]]], kept: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """Call every `create` with its arguments; give what came and what went wrong."""
    built: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, (create, arguments) in wanted.items():
        try:
            built[name] = kept[name] if name in kept else resolve(create)(*arguments)
        except (ValueError, PluginError) as error:
            problems.append(Problem(join(table, name), str(error)))
        except Exception as error:  # noqa: BLE001 - a plugin's constructor may raise anything
            problems.append(Problem(join(table, name), f"its plugin raised {type(error).__name__}: {error}"))
    return built, problems
