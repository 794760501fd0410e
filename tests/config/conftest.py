from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from attrs import frozen

from pixroute.config.load import structure
from pixroute.config.model import Config
from pixroute.hookspecs import hookimpl
from pixroute.http.call import HttpSettings
from pixroute.plugins import Plugins, load_plugins
from pixroute.provider import ObserverSpec, Price, ProviderSettings, ProviderSpec

PRICE = Price(amounts={"other": Decimal("0.1")}, currency="CNY")
ENV = {"KEY": "sk-secret", "EMPTY": " "}


@frozen(kw_only=True)
class AcmeSettings(HttpSettings):
    """Settings of an HTTP provider.

    Args:
        api: which of its two dialects,
            both of which work.
    """

    base_url: str = "https://acme.example/v1"
    api: Literal["images", "native"] = "images"
    styles: tuple[str, ...] = ()
    weights: Path | None = None


@frozen
class Acme:
    """An HTTP provider as far as configuration sees it, priced in yuan by default."""

    name: str
    settings: AcmeSettings
    price: Price = PRICE

    def __attrs_post_init__(self) -> None:
        if self.settings.base_url.startswith("http://") and self.settings.plaintext == "refuse":
            raise ValueError('`base_url` is http://; write plaintext = "accept"')


@frozen(kw_only=True)
class NeedySettings(ProviderSettings):
    """Settings with one that must be given."""

    room: int


@frozen(kw_only=True)
class CounterSettings:
    """Settings of an observer."""

    every: int = 1


def crash(name: str, settings: object) -> None:
    raise RuntimeError("no such device")


class Told:
    """An observer that keeps its settings."""

    def __init__(self, settings):
        self.settings = settings

    def __call__(self, event):
        """Hear nothing."""


class AcmePlugin:
    """Types for the tests."""

    @hookimpl
    def pixroute_providers(self) -> list[ProviderSpec]:
        """Offer two that work and two that do not."""
        return [
            ProviderSpec(name="acme", create=Acme, settings=AcmeSettings),
            ProviderSpec(name="needy", create=Acme, settings=NeedySettings),
            ProviderSpec(name="crashing", create=crash, settings=ProviderSettings),
            ProviderSpec(name="lazy", create="no_such_module:Class", settings=ProviderSettings),
        ]

    @hookimpl
    def pixroute_observers(self) -> list[ObserverSpec]:
        """Offer one with settings and one without."""
        return [
            ObserverSpec(name="counter", create=Told, settings=CounterSettings),
            ObserverSpec(name="plain", create=Told),
        ]


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """The types of the tests, without those that happen to be installed."""
    return Plugins(listed=load_plugins(extra=[AcmePlugin()]).listed[-1:])


class Read:
    """Reads a mapping with the types of the tests, as strictly as a file."""

    def __init__(self, plugins: Plugins, base: Path) -> None:
        self.plugins, self.base = plugins, base

    def __call__(self, mapping: Mapping[str, Any], env: Mapping[str, str] = ENV, **options: Any) -> Config:
        """Read it."""
        return structure(mapping, self.plugins, base=self.base, env=env, **{"clear_keys": False, **options})

    def one(self, type_: str = "acme", /, **settings: Any) -> Config:
        """Read a configuration of a single provider, named a."""
        return self({"chains": {"default": ["a"]}, "providers": {"a": {"type": type_, **settings}}})


@pytest.fixture
def read(plugins, tmp_path) -> Read:
    return Read(plugins, tmp_path)
