"""What the planner foretells of a configuration: asked of it, so that `check` and `explain` cannot disagree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager

from pixroute.config.build import Built
from pixroute.config.model import Config
from pixroute.config.walk import ConfigFinding
from pixroute.request import Resolution
from pixroute.routing.explain import LEAVES_NOTHING, Explanation
from pixroute.routing.router import Router
from pixroute.words import join

Planned = tuple[Resolution, Explanation]
"""What is asked, and what the planner says of it."""


@asynccontextmanager
async def foretelling(config: Config) -> AsyncIterator[Router]:
    """Give a router to ask what it would do; never entered, it starts nothing, and no other process hears of it."""
    router = Router.from_config(config)
    try:
        yield router
    finally:
        await router.aclose(drain=0)


def foretold(built: Built, planned: Iterable[Planned]) -> Iterator[ConfigFinding]:
    """Tell where the limit forbids the fallback after one attempt that may be billed."""
    left_out: dict[tuple[str, str], dict[str, list[str]]] = {}
    for size, found in planned:
        first = next((plan for plan in found.providers if found.first == f"start {plan.name}"), None)
        for name, why in first.not_kept.items() if first else ():
            if first and why == LEAVES_NOTHING:
                left_out.setdefault((found.chain, first.name), {}).setdefault(size, []).append(name)
    for (chain, asked), by_size in left_out.items():
        source = built.config.source_of("max_cost", chain=chain, provider=asked)
        names: dict[str, list[str]] = {}
        for asked_for, members in by_size.items():
            names.setdefault(", ".join(members), []).append(asked_for)
        for whom, sizes in names.items():
            yield ConfigFinding(
                level="warning",
                path=join("policy" if source == "default" else source, "max_cost"),
                message=f"is {built.config.chains[chain].policy.max_cost}: after one doubtful attempt of {asked} it "
                f"leaves nothing for {whom} in {chain} at {', '.join(sizes)}",
                fix=f"raise it to what both cost, or take {whom} out of this chain",
            )
