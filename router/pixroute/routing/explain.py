"""What would be tried, for how long, at what cost: asked of the planner, nothing sent."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from math import inf
from types import MappingProxyType

from attrs import evolve, field, frozen

from pixroute.latency import Quantiles
from pixroute.request import Resolution
from pixroute.routing.chain import PreparedProvider
from pixroute.routing.plan import plan
from pixroute.routing.record import Drawn
from pixroute.routing.reserve import default_budget, hindrance, reserve, worst_cost
from pixroute.routing.view import Verdict, View

LEAVES_NOTHING = "after one attempt that may be billed, max_cost leaves nothing for it"
NOT_KEPT = MappingProxyType(
    {
        Verdict.SAME_UPSTREAM: "it shares the upstream",
        Verdict.HOLD: "it is not admitted now",
        Verdict.NO_TIME: "there is no time for it",
        Verdict.NO_MONEY: LEAVES_NOTHING,
        Verdict.NO_PRICE: "its price is not known, and there is a max_cost",
        Verdict.SPENT: "after one attempt that may be billed, max_possibly_billed allows no other",
        Verdict.ATTEMPTS: "max_attempts allows no other",
    }
)
"""Why no time is kept for a provider, in words of its own where a verdict's would mislead."""


@frozen(kw_only=True)
class ProviderPlan:
    """One provider of the chain: what would become of it, in seconds and money per attempt.

    `known` false: `expected` are guesses from the time-out, with which nothing is refused. The sources
    say who gave price and expected times: "configuration", a plugin's words, or nobody. `forced`: what an operator
    has said of the upstream's breaker ("open", "closed", "observe"). `not_kept` tells where `reserve` is 0 why, by
    provider that follows; empty there: nobody follows.
    """

    name: str
    model: str | None
    verdict: str
    resolution: Resolution
    timeout: float
    expected: Quantiles
    known: bool
    reserve: float
    join_after: float | None
    price: Decimal | None
    price_source: str
    latency_source: str
    upstream: str
    plaintext: bool
    forced: str | None = None
    not_kept: Mapping[str, str] = field(factory=dict)

    @property
    def cut(self) -> str:
        """When it is cut, for people."""
        margin = self.timeout - self.expected.p95
        why = f" = P95 {self.expected.p95:.0f} + {margin:.0f} margin" if self.known else ", times unknown"
        return f"{self.timeout:.0f} s{why}"

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}; {self.cut}"


@frozen(kw_only=True)
class Explanation:
    """The planner's first decision and the worst that the request may come to.

    `worst_seconds` is the deadline; `worst_cost` the `max_possibly_billed` dearest viable prices for each part, None
    where a price is unknown. `drawn` tells of each group who comes first now, in which order `providers` stand.
    """

    chain: str
    parts: int
    first: str
    worst_seconds: float
    worst_cost: Decimal | None
    currency: str
    providers: tuple[ProviderPlan, ...]
    drawn: tuple[Drawn, ...] = ()


def explain(
    view: View,
    prepared_providers: tuple[PreparedProvider, ...],
    *,
    chain: str,
    parts: int,
    timeout: float | None,
    currency: str,
    drawn: tuple[Drawn, ...] = (),
) -> Explanation:
    """Explain one part and multiply."""
    seconds = timeout if timeout is not None else default_budget(view)
    view = evolve(view, deadline=view.now + seconds, budget=seconds)
    decided = plan(view)
    cost = worst_cost(view)
    index = getattr(decided.action, "index", None)
    return Explanation(
        chain=chain,
        parts=parts,
        first="nothing can be asked now" if index is None else f"start {prepared_providers[index].name}",
        worst_seconds=seconds,
        worst_cost=None if cost is None else min(cost * parts, view.money_left or cost * parts),
        currency=currency,
        drawn=drawn,
        providers=tuple(
            _provider_plan(prepared, verdict, view, place)
            for place, (prepared, verdict) in enumerate(zip(prepared_providers, decided.verdicts, strict=True))
        ),
    )


def _provider_plan(prepared: PreparedProvider, verdict: Verdict, view: View, place: int) -> ProviderPlan:
    candidate, member = prepared.candidate, prepared.member
    kept = reserve(view, place, view.budget)
    return ProviderPlan(
        name=prepared.name,
        model=member.model,
        verdict=prepared.unfit or verdict.value,
        resolution=prepared.keys.resolution,
        timeout=candidate.timeout,
        expected=candidate.expected,
        known=candidate.known,
        reserve=kept,
        join_after=None if candidate.hedge_after == inf else candidate.hedge_after,
        price=prepared.unit_price,
        price_source=member.price.source if member.price else "",
        latency_source=_latency_source(prepared),
        upstream=candidate.upstream,
        plaintext=member.identity.plaintext,
        forced=view.statuses[place].forced,
        not_kept={} if kept else _not_kept(view, place),
    )


def _not_kept(view: View, place: int) -> dict[str, str]:
    found: dict[str, str] = {}
    for later in range(place + 1, len(view.candidates)):
        why = hindrance(view, place, later, view.budget)
        found[view.candidates[later].name] = "no time is left for it" if why is None else NOT_KEPT.get(why, why.value)
    return found


def _latency_source(prepared: PreparedProvider) -> str:
    latency = prepared.member.latency
    return latency.source if prepared.keys.resolution in latency.table else ""
