"""A chain with its providers, as the rules of `check` look at it, and what they find."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from pixroute.config.build import Built
from pixroute.fit import Unfit, fit
from pixroute.latency import Quantiles
from pixroute.policy import Policy
from pixroute.provider import Price, Provider, ProviderSettings
from pixroute.request import ImageRequest, Resolution, Size
from pixroute.words import join

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
CLASSES: tuple[Resolution, ...] = ("1K", "2K", "4K")


@frozen(kw_only=True)
class ConfigFinding:
    """Something to know of a configuration: where, what, and what to do about it."""

    level: Level
    path: str
    message: str
    fix: str = ""


@frozen(kw_only=True)
class Link:
    """A provider as a member of a chain."""

    name: str
    provider: Provider
    settings: ProviderSettings

    @property
    def path(self) -> str:
        """Where its table is."""
        return join("providers", self.name)

    @property
    def upstream(self) -> str:
        """What it shares its fate with."""
        return self.settings.upstream or self.provider.identity.upstream

    @property
    def price(self) -> Price | None:
        """The operator's or its own."""
        return self.settings.price or self.provider.price

    def serves(self, resolution: Resolution, policy: Policy) -> Resolution | None:
        """Give what it makes where this class is asked; None: nothing."""
        found = fit(ImageRequest("any", size=Size(resolution)), self.provider.capabilities(), upgrade=policy.upgrade)
        return None if isinstance(found, Unfit) else found.resolution

    def sizes(self, policy: Policy) -> tuple[Resolution, ...]:
        """Give every class that it is sent."""
        return tuple(dict.fromkeys(sent for asked in CLASSES if (sent := self.serves(asked, policy))))

    def timeout(self, sent: Resolution, policy: Policy) -> float:
        """Give an attempt's time-out."""
        return (self.settings.attempt_timeout or {}).get(sent, policy.attempt_timeout[sent])

    def knows(self, sent: Resolution) -> bool:
        """Tell whether anybody says how long it takes."""
        return sent in self.settings.latency_over(self.provider.latency).table

    def usual(self, sent: Resolution, policy: Policy) -> Quantiles:
        """Give the times to expect."""
        return self.settings.latency_over(self.provider.latency).at(sent, self.timeout(sent, policy))


@frozen(kw_only=True)
class Walk:
    """A chain with its providers, those of its groups a second time."""

    name: str
    links: tuple[Link, ...]
    policy: Policy
    groups: tuple[tuple[Link, ...], ...] = ()

    @property
    def path(self) -> str:
        """Where it is."""
        return join("chains", self.name)

    @property
    def fallbacks(self) -> tuple[Link, ...]:
        """Give those behind the first provider and its group."""
        first = self.links[0]
        beside = next((group for group in self.groups if first in group), (first,))
        return tuple([link for link in self.links if link not in beside])

    def where(self, built: Built, setting: str, *, provider: str = "", resolution: Resolution | None = None) -> str:
        """Say where a setting stands, or would stand if it were not the default."""
        source = built.config.source_of(setting, chain=self.name, provider=provider, resolution=resolution)
        path = join("policy" if source == "default" else source, setting)
        return join(path, resolution) if resolution else path
