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


@frozen(kw_only=True)
class AcmeSettings(HttpSettings):
    base_url: str = "https://acme.example/v1"
    api: Literal["images", "native"] = "images"
    styles: tuple[str, ...] = ()
    weights: Path | None = None


@frozen
class Acme:
    name: str
    settings: AcmeSettings

    def __attrs_post_init__(self) -> None:
        if self.settings.base_url.startswith("http://") and self.settings.plaintext == "refuse":
            raise ValueError('`base_url` is http://; write plaintext = "accept"')

    @property
    def price(self) -> Price | None:
        return self.settings.price or Price(amounts={"other": Decimal("0.1")}, currency="CNY")


@frozen(kw_only=True)
class NeedySettings(ProviderSettings):
    room: int


def crash(name: str, settings: object) -> None:
    raise RuntimeError("no such device")


@frozen(kw_only=True)
class CounterSettings:
    every: int = 1


class AcmePlugin:
    """Types for the tests."""

    @hookimpl
    def pixroute_providers(self) -> list[ProviderSpec]:
        return [
            ProviderSpec(name="acme", create=Acme, settings=AcmeSettings),
            ProviderSpec(name="needy", create=Acme, settings=NeedySettings),
            ProviderSpec(name="crashing", create=crash, settings=ProviderSettings),
            ProviderSpec(name="lazy", create="no_such_module:Class", settings=ProviderSettings),
        ]

    @hookimpl
    def pixroute_observers(self) -> list[ObserverSpec]:
        return [
            ObserverSpec(name="counter", create=lambda settings: settings.every, settings=CounterSettings),
            ObserverSpec(name="plain", create=lambda settings: settings),
        ]


BUILT_IN = ("openai", "gemini", "nano-banana", "seedream")


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """The types of the tests, without the built-in ones."""
    return load_plugins(blocked=BUILT_IN, extra=[AcmePlugin()])


class Read:
    """Reads a mapping with the types of the tests."""

    def __init__(self, plugins: Plugins, base: Path) -> None:
        self.plugins, self.base = plugins, base

    def __call__(self, mapping: Mapping[str, Any], env: Mapping[str, str] | None = None) -> Config:
        return structure(mapping, self.plugins, base=self.base, env={"KEY": "sk-secret"} if env is None else env)

    def acme(self, **settings: Any) -> Config:
        return self({"chains": {"default": ["a"]}, "providers": {"a": {"type": "acme", **settings}}})


@pytest.fixture
def read(plugins, tmp_path) -> Read:
    return Read(plugins, tmp_path)
