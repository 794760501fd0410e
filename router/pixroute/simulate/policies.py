"""Who is compared: ours, ours with each part switched off, and what others do."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pixroute.config.load import read_toml
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.provider import ProviderSettings
from pixroute.simulate.baselines import CountOfFive, PlainChain, RatioCooldown, ThreeRetries
from pixroute.simulate.contestant import Contestant
from pixroute.simulate.oracle import Oracle
from pixroute.simulate.read import structure
from pixroute.simulate.routed import Routed

_NEVER = 10**9


def ours(name: str, policy: Policy, summary: str, settings: Mapping[str, ProviderSettings] | None = None) -> Contestant:
    """Give our router under a policy; `settings` are what the router reads of providers' own."""
    return Contestant(name=name, summary=summary, start=partial(Routed, policy=policy, settings=settings))


DEFAULT = ours("pixroute", Policy(), "the default policy")

ORACLE = Contestant(name="oracle", summary="knows every fault in advance: what could be had at best", start=Oracle)

BASELINES = (
    ORACLE,
    Contestant(name="three-retries", summary="one provider, 600 s a call, three retries", start=ThreeRetries),
    Contestant(name="plain-chain", summary="the chain, each with its full time-out; no reserve", start=PlainChain),
    Contestant(name="count-of-5", summary="the chain behind breakers: 5 in a row open for 30 s", start=CountOfFive),
    Contestant(
        name="ratio-cooldown",
        summary="two retries, then the fallback model; 5 s cooldown by failures a minute; 600 s a call",
        start=RatioCooldown,
    ),
)

_BREAKER_OFF = BreakerPolicy(max_failures=_NEVER, min_requests=_NEVER, max_overdue=_NEVER, stall="off")

WITHOUT = (
    ours("no-hedge", Policy(hedge_after="off"), "cut at the reserve instead of joined"),
    ours("no-reserve", Policy(reserve_factor=0.0, reserve_extra=0.0), "no time kept for the fallback"),
    ours("no-breaker", Policy(breaker=_BREAKER_OFF), "nothing is remembered"),
    ours("no-overdue", Policy(breaker=BreakerPolicy(max_overdue=_NEVER)), "silence is no evidence"),
    ours("no-quick-retry", Policy(retry=RetryPolicy(quick=False)), "falls back at the first failure"),
    ours("no-rounds", Policy(retry=RetryPolicy(rounds=())), "the chain is walked once"),
    ours("stall-opens", Policy(breaker=BreakerPolicy(stall="open")), "an unlikely silence opens"),
)

CONTESTANTS: Mapping[str, Contestant] = {each.name: each for each in (DEFAULT, *BASELINES, *WITHOUT)}


def load_policy(path: Path, settings: Mapping[str, ProviderSettings] | None = None) -> Contestant:
    """Read a policy: a file with the table `[policy]` of a configuration; `settings` as of `ours`.

    Raises:
        ConfigError: with all its mistakes.
    """
    policy = structure(read_toml(path).get("policy", {}), Policy, path=path, under="policy")
    return ours(path.stem, policy, f"the policy of {path.name}", settings)
