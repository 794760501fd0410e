"""A scenario: who asks for what, whom there is to ask, and what goes wrong. Written in TOML."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from attrs import Factory, evolve, frozen

from pixroute.config.load import read_toml
from pixroute.errors import ConfigError, Problem
from pixroute.group import Step, names_of
from pixroute.policy import DEFAULT_TIMEOUTS
from pixroute.request import Resolution
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.read import structure

Times = tuple[float, float, float]
Prices = Decimal | Mapping[Resolution, Decimal]
HOUR = 3600.0
PRIMARY, FALLBACK = "primary", "fallback"
"""What a fault may be on in any chain: the first upstream of it, and the second."""


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
        price: of a picture, in dollars; or a table by resolution, in which "other" stands for what it leaves out.
        capacity: pictures made at once; what comes beyond it waits in line, whether or not its caller still does.
        longest_line: seconds of waiting beyond which it answers 503 instead.
        common: share of the variance of the work's time (its normal score) that all calls at a time have in common.
        spells: seconds in which a slow spell fades to 1/e.
    """

    latency: Mapping[Resolution, Times]
    price: Prices
    capacity: int = 1000
    longest_line: float = 300.0
    common: float = 0.0
    spells: float = 600.0


@frozen(kw_only=True)
class ScenarioProvider:
    """A provider: a way to an upstream.

    Args:
        upstream: its model.
        origin: who shares it shares failures to connect.
        account: who shares it shares a key.
        price: as of the upstream, in place of it.
    """

    upstream: str
    origin: str
    account: str = "account"
    price: Prices | None = None


@frozen(kw_only=True)
class ScenarioFleet:
    """What the processes share, and what befalls the store that carries it.

    Args:
        shares: whether they share their health.
        every: seconds from one exchange to the next.
        delay: seconds that a way to the store and back takes, half of it to half as much again.
        loss: share of exchanges that fail.
        cut_off: so many processes do not reach the store from `cut_from` on for `cut_for` seconds.
        skew: seconds by which the store's clock jumps every ten minutes, forth and back by turns.
    """

    shares: bool = False
    every: float = 1.0
    delay: float = 0.02
    loss: float = 0.0
    cut_off: int = 0
    cut_from: float = 0.0
    cut_for: float = 0.0
    skew: float = 0.0


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
        processes: routers that share the upstreams; what they know of each other, `fleet` says.
        fleet: what the processes share.
        callers: who asks.
        upstreams, providers: whom there is to ask; `providers` in the order of the chain.
        chain: its steps, names or groups as in a configuration; empty: every provider is one, in order.
        faults: what goes wrong.
        timeouts: seconds after which those who have no policy end a call, by resolution.
    """

    name: str
    summary: str = ""
    hours: float = 1.0
    processes: int = 1
    fleet: ScenarioFleet = ScenarioFleet()
    callers: Callers = Callers()
    upstreams: Mapping[str, ScenarioUpstream] = UPSTREAMS
    providers: Mapping[str, ScenarioProvider] = PROVIDERS
    chain: tuple[Step, ...] = ()
    faults: tuple[SimulatedFault, ...] = ()
    timeouts: Mapping[Resolution, float] = DEFAULT_TIMEOUTS

    def price_of(self, provider: str, resolution: Resolution) -> Decimal | None:
        """Give what a picture costs there; None where it is unknown."""
        place = self.providers[provider]
        price = place.price if place.price is not None else self.upstreams[place.upstream].price
        return price if isinstance(price, Decimal) else price.get(resolution, price.get("other"))

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

    def meant(self, on: str) -> tuple[str, ...]:
        """Give whom a fault is on: "primary" means the upstreams of the first step, "fallback" the next one."""
        if on not in {PRIMARY, FALLBACK} or on in {*self.upstreams, *self.providers}:
            return (on,)
        first = self.primaries
        later = [self.providers[name].upstream for name in names_of(self.steps[1:])]
        return tuple(sorted(first)) if on == PRIMARY else tuple(one for one in later if one not in first)[:1]

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


def load_scenario(path: Path, **world: Any) -> Scenario:
    """Read a scenario; `world` are `upstreams`, `providers` and `timeouts` in place of the first chain's.

    Raises:
        ConfigError: with all its mistakes.
    """
    read = {"name": path.stem, **read_toml(path)}
    if twice := [Problem(name, "is the configuration's: leave it out") for name in world if name in read]:
        raise ConfigError(twice, source=str(path))
    scenario = structure(read, Scenario, path=path)
    if world:
        scenario = evolve(scenario, **world)
    if wrong := _strangers(scenario):
        raise ConfigError(wrong, source=str(path))
    faults = [evolve(one, on=name) for one in scenario.faults for name in scenario.meant(one.on)]
    return evolve(scenario, faults=tuple(faults))


def _strangers(scenario: Scenario) -> list[Problem]:
    known = {"*", PRIMARY, FALLBACK, *scenario.upstreams, *scenario.providers}
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
