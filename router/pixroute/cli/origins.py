"""Where the values of an explanation come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pixroute.cli.words import amount, number, seconds
from pixroute.config.model import Config
from pixroute.routing.explain import Explanation, ProviderPlan

Row = tuple[str, str, str, str]
OF_THE_CHAIN = ("reserve_factor", "reserve_extra", "timeout", "max_attempts", "max_possibly_billed", "max_cost")
UNSET = {"timeout": "computed", "max_cost": "no limit"}


def origins(config: Config, explanation: Explanation, asked: Mapping[str, Any]) -> Iterator[Row]:
    """Give setting, value, for whom, and the table, plugin or option that says it; equal ones together.

    Args:
        config: what was read.
        explanation: what became of it.
        asked: what the command's options say in its place.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for plan in explanation.providers:
        for row in _of_provider(config, explanation, plan):
            found.setdefault(row, []).append(plan.name)
    for (setting, value, source), names in sorted(found.items(), key=lambda item: item[0][0]):
        yield setting, value, "all" if len(names) == len(explanation.providers) else "\n".join(names), source
    policy = config.chains[explanation.chain].policy
    for name in OF_THE_CHAIN:
        given = asked.get(name)
        value = getattr(policy, name) if given is None else given
        source = _table(config, explanation.chain, "", name) if given is None else f"--{name.replace('_', '-')}"
        yield name, UNSET[name] if value is None else str(value), "", source


def _of_provider(config: Config, explanation: Explanation, plan: ProviderPlan) -> Iterator[tuple[str, str, str]]:
    chain, usual = explanation.chain, plan.expected
    factor = config.providers[plan.name].settings.hedge_after or config.chains[chain].policy.hedge_after
    yield "attempt_timeout", seconds(plan.timeout), _table(config, chain, plan.name, "attempt_timeout", plan)
    yield (
        "hedge_after",
        factor if factor == "off" else f"{factor} × P99",
        _table(config, chain, plan.name, "hedge_after"),
    )
    times = ", ".join(number(time) for time in (usual.p50, usual.p95, usual.p99)) if plan.known else "unknown"
    yield "latency", times, _said(plan, plan.latency_source, "learned" if plan.known else "nobody")
    yield "price", amount(plan.price, explanation.currency), _said(plan, plan.price_source, "nobody")


def _table(config: Config, chain: str, provider: str, name: str, plan: ProviderPlan | None = None) -> str:
    path = config.source_of(name, chain=chain, provider=provider, resolution=plan.resolution if plan else None)
    return path if path == "default" else f"[{path}]"


def _said(plan: ProviderPlan, source: str, otherwise: str) -> str:
    if source == "configuration":
        return f"[providers.{plan.name}]"
    return "its plugin" if source else otherwise


def citations(explanation: Explanation) -> Iterator[str]:
    """Give a line for each source that plugins name for their tables."""
    found: dict[tuple[str, str], list[str]] = {}
    for plan in explanation.providers:
        for setting, source in (("latency", plan.latency_source), ("price", plan.price_source)):
            if source not in {"", "configuration"}:
                found.setdefault((setting, source), []).append(plan.name)
    for (setting, source), names in sorted(found.items(), key=lambda item: item[0][0]):
        yield f"{setting} of {', '.join(names)}: {source}."
