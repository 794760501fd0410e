"""Who can be asked, by the names that callers give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from pixroute.config.model import ChainConfig, Config
from pixroute.config.serve import ServeSettings
from pixroute.config.walk import CLASSES
from pixroute.request import ImageRequest, Size
from pixroute.routing.router import Router
from pixroute.serve.asked import unknown_model
from pixroute.serve.keys import KEYLESS, ApiKey
from pixroute.serve.problem import GatewayProblem, Refused
from pixroute.shared.budgets import Budget


@frozen(kw_only=True)
class Menu:
    """Chains with their providers, and other names for them; a provider is a chain of one."""

    chains: Mapping[str, Sequence[str]]
    models: Mapping[str, str]
    default: str | None = None

    def find(self, model: str | None) -> str | None:
        """Give the chain that a model means; None and "auto" leave it to the rules, or to `default`.

        Raises:
            Refused: there is none of this name.
        """
        if not model or model == "auto":
            if self.default is None and not self.chains:
                raise unknown_model(model or "auto", ())
            return self.default
        name = self.models.get(model, model)
        if name not in self.chains:
            raise unknown_model(model, [*self.chains, *self.models])
        return name

    def only(self, chains: Sequence[str]) -> Menu:
        """Give what a key may see that is bound to these; without a model it asks the first of them."""
        if not chains:
            return self
        seen = {name: members for name, members in self.chains.items() if name in chains}
        models = {model: name for model, name in self.models.items() if name in seen}
        return Menu(chains=seen, models=models, default=next(iter(name for name in chains if name in seen), None))

    def names(self) -> Sequence[str]:
        """Give every name that is understood."""
        return tuple(dict.fromkeys((*self.chains, *self.models)))

    def members(self, chain: str | None) -> Sequence[str]:
        """Give the providers that may be asked; where rules choose, all."""
        if chain is not None:
            return self.chains[chain]
        return tuple(dict.fromkeys(name for members in self.chains.values() for name in members))


def widened(config: Config) -> Config:
    """Give a configuration in which every enabled provider is a chain, too, and budgets of keys pay for keys."""
    single = {
        name: ChainConfig(name=name, steps=(name,), policy=config.policy)
        for name, provider in config.providers.items()
        if provider.enabled and name not in config.chains
    }
    paid = {name: _for_keys(name, config.budgets[name]) for name in config.serve.key_budgets}
    return evolve(config, chains={**config.chains, **single}, budgets={**config.budgets, **paid})


def _for_keys(name: str, budget: Budget) -> Budget:
    """Give a budget that pays for requests alone whose key names it."""
    return evolve(budget, when=evolve(budget.when, tags={**budget.when.tags, **_budget_tags([name])}))


def _budget_tags(names: Iterable[str]) -> dict[str, str]:
    return {f"budget.{name}": "yes" for name in names}


def tags_of(key: ApiKey, settings: ServeSettings) -> dict[str, str]:
    """Give the tags of a key's requests: whose they are, and what pays for them.

    Raises:
        Refused: it names a budget that is none of `key_budgets`: nobody would pay.
    """
    if key is KEYLESS:
        return {}
    if unknown := sorted({*key.budgets} - {*settings.key_budgets}):
        message = f"this key is paid by the budget {unknown[0]!r}, which `[serve] key_budgets` does not list"
        raise Refused(GatewayProblem(status=403, message=message, kind="no_budget"))
    return {"key": key.prefix, **_budget_tags(key.budgets)}


def menu_of(config: Config) -> Menu:
    """Give the names of a widened configuration."""
    chains = {name: chain.providers for name, chain in config.chains.items()}
    return Menu(chains=chains, models=config.serve.models)


def described(router: Router, name: str, menu: Menu) -> dict[str, Any]:
    """Tell of a name in the form of OpenAI's and OpenRouter's lists: who stands behind it, at what price."""
    chain = menu.find(name)
    assert chain is not None
    providers: dict[str, Any] = {}
    for asked in CLASSES:
        found = router.explain(ImageRequest("anything", size=Size(asked)), chain=chain)
        for plan in found.providers:
            told = providers.setdefault(plan.name, {"id": plan.name, "model": plan.model, "prices": {}})
            price = None if plan.price is None else str(plan.price)
            told["prices"][asked] = {"makes": plan.resolution, "price": price, "currency": found.currency}
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "pixroute",
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["image"]},
        "pixroute": {"chain": chain, "providers": list(providers.values())},
    }
