"""How names of providers become chains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixroute.policy import Policy
from pixroute.provider import Provider
from pixroute.routing.chain import Chain, Member
from pixroute.values import check_one


def build_chains(
    chains: Mapping[str, Sequence[str] | tuple[Sequence[str], Policy]],
    providers: Mapping[str, Provider],
    policy: Policy,
) -> dict[str, Chain]:
    """Put providers into chains; `policy` is for those that bring none.

    Raises:
        ValueError: a chain names an unknown provider or none at all, or mixes currencies.
    """
    check_one(chains, Mapping[str, Any], "chains")
    members = {name: Member.of(name, provider) for name, provider in providers.items()}
    built = {}
    for name, value in chains.items():
        names, own = _names_and_policy(value, policy)
        unknown = [provider for provider in names if provider not in members]
        if unknown or not names:
            what = f"names {unknown[0]!r}, which is no provider" if unknown else "names no provider"
            raise ValueError(f"chain {name!r} {what}; there are {', '.join(sorted(members)) or 'none'}")
        built[name] = Chain.of(name, [members[provider] for provider in names], own)
    return built


def _names_and_policy(
    value: Sequence[str] | tuple[Sequence[str], Policy], policy: Policy
) -> tuple[Sequence[str], Policy]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(own := value[1], Policy):
        return _names(value[0]), own
    return _names(value), policy


def _names(value: object) -> Sequence[str]:
    check_one(value, Sequence[str], "a chain")
    return value  # type: ignore[return-value]  # just checked
