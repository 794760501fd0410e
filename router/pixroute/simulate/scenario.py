"""A scenario: who asks for what, whom there is to ask, and what goes wrong. Written in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from attrs import Factory, frozen

from pixroute.config.load import read_toml
from pixroute.errors import ConfigError, Problem
from pixroute.group import Step, names_of
from pixroute.request import Resolution
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.read import structure

Times = tuple[float, float, float]
HOUR = 3600.0


@frozen(kw_only=True)
class Callers:
    """Who asks.

    Args:
        rate: requests per second, on average.
        swing: how far the rate rises above and falls below that in the course of a day, 0 to 1; Poisson throughout.
        resolutions: shares of what is asked.
        short, short_timeout: a share of the requests that has only so many seconds.
        cancel, cancel_within: a share whose caller goes away, within so many seconds.
        poison: a share of prompts at which every provider fails with a 500.
        patience: seconds after which any caller is gone, by resolution; the same for every policy compared.
    """

    rate: float = 1.0
    swing: float = 0.0
    resolutions: Mapping[Resolution, float] = Factory(lambda: MappingProxyType({"1K": 0.4, "2K": 0.4, "4K": 0.2}))
    short: float = 0.0
    short_timeout: float = 60.0
    cancel: float = 0.0
    cancel_within: float = 120.0
    poison: float = 0.0
    patience: Mapping[Resolution, float] = Factory(lambda: MappingProxyType({"1K": 400.0, "2K": 400.0, "4K": 700.0}))


@frozen(kw_only=True)
class ScenarioUpstream:
    """A model behind one or more providers.

    Args:
        latency: P50, P95 and P99 of the work in seconds; a resolution left out is not made.
        price: of a picture, in dollars.
        capacity: pictures made at once; what comes beyond it waits in line, whether or not its caller still does.
        longest_line: seconds of waiting beyond which it answers 503 instead.
        common: share of the variance of the work's time (its normal score) that all calls at a time have in common.
        spells: seconds in which a slow spell fades to 1/e.
    """

    latency: Mapping[Resolution, Times]
    price: Decimal
    capacity: int = 1000
    longest_line: float = 300.0
    common: float = 0.0
    spells: float = 600.0


@frozen(kw_only=True)
class ScenarioProvider:
    """A provider: a way to an upstream, with an account's key."""

    upstream: str
    origin: str
    account: str = "account"


UPSTREAMS: Mapping[str, ScenarioUpstream] = MappingProxyType(
    {
        "banana": ScenarioUpstream(
            latency={"1K": (45, 90, 150), "2K": (65, 120, 180), "4K": (120, 170, 250)},
            price=Decimal("0.09"),
            capacity=240,
        ),
        "seedream": ScenarioUpstream(
            latency={"2K": (11, 17, 25), "4K": (18, 27, 40)}, price=Decimal("0.04"), capacity=80
        ),
    }
)
PROVIDERS: Mapping[str, ScenarioProvider] = MappingProxyType(
    {
        "banana-http": ScenarioProvider(upstream="banana", origin="http://banana.test:16888"),
        "banana-https": ScenarioProvider(upstream="banana", origin="https://banana.test:443"),
        "seedream": ScenarioProvider(upstream="seedream", origin="https://seedream.test:443"),
    }
)
"""The first chain, after the vendors' figures (upstreams §3.4, §4)."""


@frozen(kw_only=True)
class Scenario:
    """All of it.

    Args:
        name: for people.
        summary: one sentence: what happens.
        hours: how long requests arrive; what is under way then still ends.
        processes: routers that share the upstreams and know nothing of each other.
        callers: who asks.
        upstreams, providers: whom there is to ask; `providers` in the order of the chain.
        chain: its steps, names or groups as in a configuration; empty: every provider is one, in order.
        faults: what goes wrong.
    """

    name: str
    summary: str = ""
    hours: float = 1.0
    processes: int = 1
    callers: Callers = Callers()
    upstreams: Mapping[str, ScenarioUpstream] = UPSTREAMS
    providers: Mapping[str, ScenarioProvider] = PROVIDERS
    chain: tuple[Step, ...] = ()
    faults: tuple[SimulatedFault, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of the chain."""
        return self.chain or tuple(self.providers)

    @property
    def seconds(self) -> float:
        """How long requests arrive."""
        return self.hours * HOUR

    @property
    def primaries(self) -> frozenset[str]:
        """The upstream of the first provider, or those of the first group."""
        return frozenset(self.providers[name].upstream for name in names_of(self.steps[:1]))

    def faults_on(self, upstreams: frozenset[str]) -> tuple[SimulatedFault, ...]:
        """Give the faults that strike one of these upstreams or one of their providers."""
        names = [name for name, place in self.providers.items() if place.upstream in upstreams]
        return tuple(fault for fault in self.faults if fault.strikes(*upstreams, *names))

    def phase(self, at: float) -> str:
        """Tell where a time lies: "before", "during" or "after" the faults; "quiet" where there are none."""
        if not self.faults:
            return "quiet"
        if at < min(fault.start for fault in self.faults):
            return "before"
        return "during" if at < max(fault.end for fault in self.faults) else "after"


def load_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Raises:
        ConfigError: with all its mistakes.
    """
    scenario = structure({"name": path.stem, **read_toml(path)}, Scenario, path=path)
    if wrong := _strangers(scenario):
        raise ConfigError(wrong, source=str(path))
    return scenario


def _strangers(scenario: Scenario) -> list[Problem]:
    known = {"*", *scenario.upstreams, *scenario.providers}
    wrong = [
        Problem(f"providers.{name}.upstream", f"{place.upstream!r} is none of {', '.join(scenario.upstreams)}")
        for name, place in scenario.providers.items()
        if place.upstream not in scenario.upstreams
    ]
    named = names_of(scenario.chain)
    wrong += [
        Problem("chain", f"{name!r} is none of {', '.join(scenario.providers)}")
        for name in named
        if name not in scenario.providers
    ]
    if len(set(named)) < len(named):
        wrong.append(Problem("chain", "names a provider twice"))
    return wrong + [
        Problem(f"faults[{number}].on", f"{fault.on!r} is none of {', '.join(sorted(known))}")
        for number, fault in enumerate(scenario.faults)
        if fault.on not in known
    ]
