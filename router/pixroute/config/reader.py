"""Reads the tables of a configuration and collects every mistake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import define, evolve, field, has
from cattrs import Converter

from pixroute.config.build import two_currencies
from pixroute.config.model import DEFAULT_CHAIN, ChainConfig, Config, ObserverConfig, ProviderConfig, Rule, overlay
from pixroute.config.secrets import stand_ins
from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.config.strict import problems_of, unknown_keys
from pixroute.errors import PluginError, Problem
from pixroute.group import Group, Step, names_of, refuse_nested
from pixroute.plugins import PluginSource
from pixroute.policy import Policy
from pixroute.provider import RAISED_BY_PLUGINS, ObserverSpec, ProviderSettings, ProviderSpec
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget
from pixroute.values import Mistake, field_kinds, members
from pixroute.words import join, nearest

T = TypeVar("T")
S = TypeVar("S", bound=ProviderSettings)
TABLES = ("chains", "rules", "providers", "policy", "observers", "budgets", "shared", "serve")
SHARED = {
    "breaker": "all chains share the breakers: say it in [policy.breaker]",
    "connect_timeout": "all chains share the connections: say it in [policy] or in the provider",
}
"""What a chain cannot say for itself, and why."""


@define
class ConfigReader:
    """One reading: what was said, and what is wrong with it so far; `keyless`: those problems that are missing keys.

    What its methods give is complete only where `problems` stayed empty.
    """

    said: Mapping[str, Any]
    plugins: PluginSource
    converter: Converter
    source: str
    problems: list[Problem] = field(factory=list, init=False)
    keyless: list[Problem] = field(factory=list, init=False)

    def config(self) -> Config:
        """Read everything."""
        self.problems.extend(unknown_keys("", self.said.keys() - set(TABLES), TABLES))
        policy = self.policy(Policy(), self.table("policy"), "policy")
        providers = self.each("providers", self.provider)
        config = Config(
            chains=self.each("chains", lambda name, said: self.chain(name, said, policy, providers)),
            providers=providers,
            rules=self.rules(),
            policy=policy,
            observers=self.each("observers", self.observer),
            budgets=self.each("budgets", self.budget),
            shared=self.shared(),
            serve=self.serve(),
            said=self.said,
            source=self.source,
        )
        self.check_default_chain()
        for name, spec in config.providers.items():
            if spec.settings.shared and config.shared is None and "shared" not in self.said:
                self.wrong(f"{join('providers', name)}.shared", "needs a store that processes share: say [shared]")
        return config

    def policy(self, base: Policy, said: Mapping[str, Any], path: str, also: tuple[str, ...] = ()) -> Policy:
        """Read a policy's table and lay what it says over `base`."""
        layer = self.value(said, Policy, path, also)
        return base if layer is None else overlay(base, layer, said)

    def provider(self, name: str, said: Any) -> ProviderConfig | None:
        """Read one provider."""
        path = join("providers", name)
        if not isinstance(said, Mapping):
            self.wrong(path, "is not a table")
            return None
        spec = self.provider_type(said, join(path, "type"))
        if spec is None:
            return None
        own = {key: value for key, value in said.items() if key != "type"}
        try:
            kind = spec.settings
        except RAISED_BY_PLUGINS as error:  # it is imported only now
            self.wrong(join(path, "type"), f"its plugin cannot be imported: {type(error).__name__}: {error}")
            return None
        settings: ProviderSettings | None = self.value(own, kind, path, ("type",))
        if own.get("enabled") is not False:
            self.check_secrets(kind, own, path)
        if settings is None:
            return None
        if settings.enabled:
            settings = _with_stand_ins(settings, own)
        return ProviderConfig(name=name, spec=spec, settings=settings)

    def provider_type(self, said: Mapping[str, Any], path: str) -> ProviderSpec | None:
        """Find the type that a provider's table names."""
        if "type" not in said:
            self.wrong(path, f"is missing; there is {', '.join(sorted(self.plugins.providers)) or 'none'}")
            return None
        name = self.value(said["type"], str, path)
        if name is None:
            return None
        try:
            return self.plugins.provider_type(name)
        except PluginError as error:
            self.wrong(path, str(error))
            return None

    def observer(self, name: str, said: Any) -> ObserverConfig | None:
        """Read one observer; its name is its type."""
        path = join("observers", name)
        try:
            spec: ObserverSpec = self.plugins.observer_type(name)
        except PluginError as error:
            self.wrong(path, str(error))
            return None
        if spec.settings is None:
            return ObserverConfig(name=name, spec=spec)
        settings = self.value(said, spec.settings, path)
        if isinstance(said, Mapping):
            self.check_secrets(spec.settings, said, path)
        return None if settings is None else ObserverConfig(name=name, spec=spec, settings=settings)

    def check_secrets(self, kind: type, own: Mapping[str, Any], path: str) -> None:
        """Ask every secret that a table points to, whatever else is wrong with it, so that a missing key is told now.

        A callable is left alone, and so is what cannot be read: that was told with the table.
        """
        for name, field_kind in field_kinds(kind).items() if has(kind) else ():
            said = own.get(name)
            if Secret not in members(field_kind) or not isinstance(said, Mapping):
                continue
            with suppress(ValueError):
                secret = self.converter.structure(said, Secret)
                try:
                    secret.reveal()
                except LookupError as error:
                    self.keyless.append(Problem(join(path, name), str(error)))
                    self.problems.append(self.keyless[-1])

    def chain(
        self, name: str, said: Any, policy: Policy, providers: Mapping[str, ProviderConfig]
    ) -> ChainConfig | None:
        """Read a chain: a list of providers, or a table with `providers` and a policy of its own."""
        path = join("chains", name)
        if not isinstance(said, Mapping):
            return ChainConfig(name=name, steps=self.steps(said, path, providers), policy=policy)
        for key, why in SHARED.items():
            if key in said:
                self.wrong(join(path, key), why)
        own = {key: value for key, value in said.items() if key != "providers" and key not in SHARED}
        return ChainConfig(
            name=name,
            steps=self.steps(said.get("providers", ()), join(path, "providers"), providers),
            policy=self.policy(policy, own, path, ("providers",)),
        )

    def steps(self, said: Any, path: str, providers: Mapping[str, ProviderConfig]) -> tuple[Step, ...]:
        """Read the steps of a chain, names and groups, and give them with the providers that are enabled."""
        found, before = self.value(said, tuple[Any, ...], path), len(self.problems)
        if found is None:
            return ()
        steps = [self.step(one, join(path, at)) for at, one in enumerate(found)]
        seen: set[str] = set()
        for at, step in enumerate(steps):
            self.check_names(step, join(path, at), seen)
        enabled = {name for name in seen if name not in providers or providers[name].enabled}
        left = tuple([one for step in steps if (one := _enabled(step, enabled)) is not None])
        if not left and len(self.problems) == before:
            self.wrong(path, "every provider of it is disabled" if seen else "names no provider")
        prices = {name: providers[name].settings.price for name in names_of(left) if name in providers}
        self.problems += two_currencies(path, prices)
        return left

    def step(self, said: Any, path: str) -> Step | None:
        """Read one step: a name, or a group."""
        if not isinstance(said, Mapping):
            return self.value(said, str, path)
        try:
            refuse_nested(said.get("any"))
        except Mistake as error:
            self.wrong(f"{path}.{error.path}", error.message)
            return None
        return self.value(said, Group, path)

    def check_names(self, step: Step | None, path: str, seen: set[str]) -> None:
        """Tell of names that nobody has, and of those `seen` in the chain before."""
        defined = self.table("providers")
        for at, name in enumerate(() if step is None else names_of([step])):
            where = path if isinstance(step, str) else join(f"{path}.any", at)
            if name not in defined:
                self.wrong(where, f'no provider is named "{name}"{nearest(name, defined)}')
            elif name in seen:
                self.wrong(where, f'"{name}" stands in this chain already')
            seen.add(name)

    def rules(self) -> tuple[Rule, ...]:
        """Read the rules, in order."""
        chains = self.table("chains")
        rules = []
        for at, said in enumerate(self.value(self.said.get("rules", ()), tuple[Any, ...], "rules") or ()):
            path = join("rules", at)
            rules.append(self.value(said, Rule, path))
            name = said.get("chain") if isinstance(said, Mapping) else None
            if isinstance(name, str) and name not in chains:
                self.wrong(join(path, "chain"), f'no chain is named "{name}"{nearest(name, chains)}')
        return tuple(rule for rule in rules if rule is not None)

    def budget(self, name: str, said: Any) -> Budget | None:
        """Read one budget, which may name chains and providers."""
        path = join("budgets", name)
        budget = self.value(said, Budget, path)
        if budget is not None:
            for word, named, known in (
                ("chain", budget.when.chain, self.table("chains")),
                ("provider", budget.when.provider, self.table("providers")),
            ):
                for one in sorted(named - set(known)):
                    self.wrong(f"{path}.when.{word}", f'no {word} is named "{one}"{nearest(one, known)}')
        return budget

    def shared(self) -> SharedSettings | None:
        """Read where processes keep what they share."""
        if "shared" not in self.said:
            return None
        settings = self.value(said := self.table("shared"), SharedSettings, "shared")
        self.check_secrets(SharedSettings, said, "shared")
        return settings

    def serve(self) -> ServeSettings:
        """Read the gateway's table, whose models mean chains or providers."""
        if "serve" not in self.said:
            return ServeSettings()
        settings = self.value(said := self.table("serve"), ServeSettings, "serve") or ServeSettings()
        self.check_secrets(ServeSettings, said, "serve")
        known = [*self.table("chains"), *self.table("providers")]
        for model, name in settings.models.items():
            if name not in known:
                self.wrong(join("serve.models", model), f'no chain or provider is named "{name}"{nearest(name, known)}')
        budgets = [*self.table("budgets")]
        for name in settings.key_budgets:
            if name not in budgets:
                self.wrong("serve.key_budgets", f'no budget is named "{name}"{nearest(name, budgets)}')
        return settings

    def check_default_chain(self) -> None:
        """Refuse a configuration that leaves open where a request goes."""
        chains = self.table("chains")
        if not chains:
            self.wrong("chains", 'there is none; say for example default = ["NAME OF A PROVIDER"]')
        elif len(chains) > 1 and DEFAULT_CHAIN not in chains:
            self.wrong("chains", f'none of {", ".join(map(str, chains))} is named "{DEFAULT_CHAIN}"')

    def each(self, key: str, read: Callable[[str, Any], T | None]) -> Mapping[str, T]:
        """Read every entry of a table."""
        found = {name: read(name, said) for name, said in self.table(key).items()}
        return MappingProxyType({name: value for name, value in found.items() if value is not None})

    def table(self, key: str) -> Mapping[str, Any]:
        """Give a table of the top, empty where it is none; whoever reads it first tells."""
        said = self.said.get(key, {})
        if isinstance(said, Mapping):
            return said
        problem = Problem(key, "is not a table")
        if problem not in self.problems:
            self.problems.append(problem)
        return {}

    def value(self, said: Any, kind: type[T], path: str, also: tuple[str, ...] = ()) -> T | None:
        """Read one value, or note what is wrong with it."""
        try:
            return self.converter.structure(said, kind)
        except Exception as error:  # noqa: BLE001 - a plugin's settings class may raise anything
            self.problems.extend(problems_of(error, path, also))
            return None

    def wrong(self, path: str, message: str) -> None:
        """Note a mistake."""
        self.problems.append(Problem(path, message))


def _with_stand_ins(settings: S, own: Mapping[str, Any]) -> S:
    """Give settings whose missing keys are replaced by stand-ins: all else of them can be looked at."""
    given = {name: said for name, said in own.items() if isinstance(said, Mapping)}
    replaced: dict[str, Any] = {**stand_ins(settings, given)}
    return evolve(settings, **replaced) if replaced else settings


def _enabled(step: Step | None, names: Collection[str]) -> Step | None:
    if isinstance(step, Group):
        return step.only(names)
    return step if step in names else None
