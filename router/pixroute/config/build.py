"""From a configuration to the providers and observers it names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pixroute.config.model import Config
from pixroute.config.words import join
from pixroute.errors import ConfigError, PluginError, Problem
from pixroute.events import Observer
from pixroute.plugins import resolve
from pixroute.provider import Price, Provider


def build_providers(config: Config) -> dict[str, Provider]:
    """Create every enabled provider, by name.

    Raises:
        ConfigError: some could not be created, or a chain's prices turn out to be in two currencies.
    """
    enabled = {name: provider for name, provider in config.providers.items() if provider.enabled}
    built, problems = _create(
        "providers",
        {
            name: (provider.spec.create, (name, provider.settings))
            for name, provider in enabled.items()
        },
    )
    for chain in config.chains.values():
        made = [name for name in chain.providers if name in built]
        prices = {name: enabled[name].settings.price or built[name].price for name in made}
        problems += two_currencies(join("chains", chain.name), prices)
    if problems:
        raise ConfigError(problems, source=config.source)
    return built


def build_observers(config: Config) -> dict[str, Observer]:
    """Create every observer, by name; raises `ConfigError` where one could not be."""
    built, problems = _create(
        "observers",
        {name: (observer.spec.create, (observer.settings,)) for name, observer in config.observers.items()},
    )
    if problems:
        raise ConfigError(problems, source=config.source)
    return built


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


def _create(
    table: str, wanted: Mapping[str, tuple[Callable[..., Any] | str, tuple[Any, ...]]]
) -> tuple[dict[str, Any], list[Problem]]:
    """Call every `create` with its arguments; give what came and what went wrong."""
    built: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, (create, arguments) in wanted.items():
        try:
            built[name] = resolve(create)(*arguments)
        except (ValueError, PluginError) as error:
            problems.append(Problem(join(table, name), str(error)))
        except Exception as error:  # noqa: BLE001 - a plugin's constructor may raise anything
            problems.append(Problem(join(table, name), f"its plugin raised {type(error).__name__}: {error}"))
    return built, problems
