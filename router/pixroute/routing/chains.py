"""The chains of a router, made of what was said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixroute.group import Step, names_of, step_of
from pixroute.policy import Policy
from pixroute.provider import Provider
from pixroute.routing.chain import Chain, Member
from pixroute.routing.groups import placed
from pixroute.values import Mistake, check_one

SaidStep = Step | Mapping[str, Any]
SaidChain = Sequence[SaidStep] | tuple[Sequence[SaidStep], Policy]
"""A chain as it is said: its steps in order, and its policy if it has its own."""


def build_chains(
    chains: Mapping[str, SaidChain], providers: Mapping[str, Provider], policy: Policy
) -> dict[str, Chain]:
    """Put providers into chains; `policy` is for those that bring none.

    Raises:
        ValueError: a chain names an unknown provider, one twice in a group, or none at all, or mixes currencies.
    """
    check_one(chains, Mapping[str, Any], "chains")
    members = {name: Member.of(name, provider) for name, provider in providers.items()}
    built = {}
    for name, value in chains.items():
        steps, own = _steps_and_policy(value, policy)
        names = names_of(steps)
        unknown = [provider for provider in names if provider not in members]
        if unknown or not names:
            what = f"names {unknown[0]!r}, which is no provider" if unknown else "names no provider"
            raise ValueError(f"chain {name!r} {what}; there are {', '.join(sorted(members)) or 'none'}")
        built[name] = Chain.of(name, [members[provider] for provider in names], own, placed(steps))
    return built


def _steps_and_policy(value: SaidChain, policy: Policy) -> tuple[Sequence[Step], Policy]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(own := value[1], Policy):
        return _steps(value[0]), own
    return _steps(value), policy


def _steps(value: object) -> Sequence[Step]:
    check_one(value, Sequence[Any], "a chain")
    steps = []
    for at, said in enumerate(value):  # type: ignore[arg-type,var-annotated]  # just checked
        try:
            step = step_of(said)
        except Mistake as error:
            raise Mistake(error.message, f"a chain[{at}].{error.path}") from None
        check_one(step, Step, f"a chain[{at}]")
        steps.append(step)
    return steps
