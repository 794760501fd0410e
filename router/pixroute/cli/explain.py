"""`pixroute explain`: what would be tried, for how long, at what cost; nothing is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from pixroute.cli import choose
from pixroute.cli.options import RequestOptions, configuration_options, request_options
from pixroute.cli.origins import citations, origins
from pixroute.cli.planned import foretelling
from pixroute.cli.words import amount, console, say, table
from pixroute.config.model import Config
from pixroute.routing.explain import Explanation, ProviderPlan
from pixroute.routing.view import Verdict

HEADS = ("provider", "size", "cut after", "reserve", "join after", "price")
ORIGIN_HEADS = ("setting", "value", "for", "from")


@click.command()
@request_options
@configuration_options
def explain(config: Path | None, plaintext: str | None, **asked: Any) -> None:
    """Show what would be tried, the worst case, and where each value comes from.

    Nothing is sent. Times are seconds: an attempt is cut after its time-out; the reserve is kept for a fallback on
    another upstream, which joins a silent attempt after the time shown or when only the reserve is left.
    """
    options = RequestOptions(**asked)
    read, sentence = choose.read_config(config, plaintext=plaintext, env=os.environ, ask_keys=False)
    say(sentence)
    asyncio.run(_explain(read, options))


async def _explain(config: Config, options: RequestOptions) -> None:
    async with foretelling(config) as router:
        explanation = router.explain(options.request("anything"), **options.limits)
    click.echo()
    console().print(
        table(HEADS, [_row(plan, explanation.currency) for plan in explanation.providers], whole=("cut after",))
    )
    click.echo()
    for line in _summary(explanation):
        say(line)
    click.echo()
    console().print(table(ORIGIN_HEADS, origins(config, explanation, options.limits), whole=ORIGIN_HEADS))
    click.echo()
    for line in citations(explanation):
        say(line)


def _row(plan: ProviderPlan, currency: str) -> tuple[str, ...]:
    return (
        plan.name,
        plan.resolution,
        plan.cut,
        f"{plan.reserve:.0f} s",
        "never" if plan.join_after is None else f"{plan.join_after:.0f} s",
        amount(plan.price, currency),
    )


def no_reserve(plan: ProviderPlan) -> Iterator[str]:
    """Say why no time is kept for a fallback; nothing where it is, or where it is not asked itself."""
    if plan.reserve or plan.verdict != Verdict.READY.value:
        return
    if not plan.not_kept:
        yield "reserve 0, for nobody follows."
    whose: dict[str, list[str]] = {}
    for name, why in plan.not_kept.items():
        whose.setdefault(why, []).append(name)
    for why, names in whose.items():
        yield f"reserve 0 for {', '.join(names)}: {why}."


def _summary(explanation: Explanation) -> list[str]:
    parts = f", in {explanation.parts} parts at once" if explanation.parts > 1 else ""
    worst = amount(explanation.worst_cost, explanation.currency)
    return [
        *(f"{plan.name}: {plan.verdict}." for plan in explanation.providers if plan.verdict != Verdict.READY.value),
        *(f"{plan.name}: {line}" for plan in explanation.providers for line in no_reserve(plan)),
        *(f"{drawn}." for drawn in explanation.drawn),
        *(f"{plan.name}: its breaker is forced: {plan.forced}." for plan in explanation.providers if plan.forced),
        f"Chain {explanation.chain}{parts}: first {explanation.first}.",
        f"Worst case: {explanation.worst_seconds:.0f} s and {worst}.",
    ]
