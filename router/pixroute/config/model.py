"""A configuration that has been read and found right: frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import attrs
from attrs import evolve, field, frozen

from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.group import Group, Step, names_of
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.provider import ObserverSpec, ProviderSettings, ProviderSpec
from pixroute.request import ImageRequest, Resolution
from pixroute.shared.budgets import Budget
from pixroute.values import KIND

DEFAULT_CHAIN = "default"
P = TypeVar("P", Policy, RetryPolicy, BreakerPolicy)


def _resolutions(value: Resolution | Iterable[Resolution]) -> frozenset[Resolution]:
    return frozenset([value] if isinstance(value, str) else value)


@frozen(kw_only=True)
class When:
    """What a request must be for a rule to match; what is left out may be anything.

    Args:
        resolution: one class or several; "other" is a request without a size.
        tags: tags that it must carry, among others.
        sensitive: whether it is sensitive.
        references: whether it has reference pictures.
    """

    resolution: frozenset[Resolution] = field(
        default=frozenset(), converter=_resolutions, metadata={KIND: Resolution | list[Resolution]}
    )
    tags: Mapping[str, str] = field(factory=dict)
    sensitive: bool | None = None
    references: bool | None = None


@frozen(kw_only=True)
class Rule:
    """Names the chain of the requests that match `when`; the first rule that matches counts."""

    when: When
    chain: str

    def match(self, request: ImageRequest) -> bool:
        """Tell whether the request is all that `when` says."""
        when = self.when
        return (
            (not when.resolution or request.resolution in when.resolution)
            and when.tags.items() <= request.tags.items()
            and when.sensitive in {None, request.sensitive}
            and when.references in {None, bool(request.references)}
        )


@frozen(kw_only=True)
class ProviderConfig:
    """A provider as configured: its type and its settings, of the type's settings class."""

    name: str
    spec: ProviderSpec
    settings: ProviderSettings

    @property
    def type(self) -> str:
        """The name of its type."""
        return self.spec.name

    @property
    def enabled(self) -> bool:
        """Whether it takes part."""
        return self.settings.enabled


@frozen(kw_only=True)
class ObserverConfig:
    """An observer that the configuration names; `settings` is None where its spec has none."""

    name: str
    spec: ObserverSpec
    settings: Any = None


@frozen(kw_only=True)
class ChainConfig:
    """A chain: enabled providers in order, or groups of them, and the policy it has, its own over the global one."""

    name: str
    steps: tuple[Step, ...]
    policy: Policy = field(factory=Policy)

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of all of them, groups in their places."""
        return names_of(self.steps)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Those of its steps that are groups."""
        return tuple([step for step in self.steps if isinstance(step, Group)])


@frozen(kw_only=True)
class Config:
    """All of it; `said` is the mapping it was read from, `source` what errors call it."""

    chains: Mapping[str, ChainConfig]
    providers: Mapping[str, ProviderConfig]
    rules: tuple[Rule, ...] = ()
    policy: Policy = field(factory=Policy)
    observers: Mapping[str, ObserverConfig] = field(factory=dict)
    budgets: Mapping[str, Budget] = field(factory=dict)
    shared: SharedSettings | None = None
    serve: ServeSettings = field(factory=ServeSettings)
    said: Mapping[str, Any] = field(factory=dict, repr=False, eq=False)
    source: str = "configuration"

    @property
    def default_chain(self) -> ChainConfig:
        """The chain named "default", or the only one."""
        return self.chains[DEFAULT_CHAIN if DEFAULT_CHAIN in self.chains else next(iter(self.chains))]

    def chain_for(self, request: ImageRequest) -> ChainConfig:
        """Give the chain of a request that names none: by the first matching rule, else the default."""
        for rule in self.rules:
            if rule.match(request):
                return self.chains[rule.chain]
        return self.default_chain

    def source_of(self, name: str, *, chain: str, provider: str, resolution: Resolution | None = None) -> str:
        """Tell which table gives a policy's value, such as `providers.seedream`; "default" where none does."""
        for path in (("providers", provider), ("chains", chain), ("policy",)):
            table: Any = self.said
            for step in path:
                table = table.get(step, {}) if isinstance(table, Mapping) else {}
            value = table.get(name) if isinstance(table, Mapping) else None
            if value is not None and (not isinstance(value, Mapping) or resolution in value):
                return ".".join(path)
        return "default"


def overlay(base: P, layer: P, said: Mapping[str, Any]) -> P:
    """Give `base` with those values of `layer` that `said` names; a table changes only the keys it has."""
    changes: dict[str, Any] = {}
    for name, value in said.items():
        old, new = getattr(base, name), getattr(layer, name)
        if isinstance(value, Mapping):
            new = overlay(old, new, value) if attrs.has(type(new)) else {**old, **{key: new[key] for key in value}}
        changes[name] = new
    return evolve(base, **changes)
