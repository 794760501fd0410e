"""What an operator says of providers, by call or in the configuration: kept until there is a health to obey."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import TYPE_CHECKING, Literal

from pixroute.health.force import Forced, OperatorOrder
from pixroute.health.registry import Health, still
from pixroute.provider import BreakerState, Provider, breaker_states
from pixroute.request import Resolution
from pixroute.routing.chain import Member
from pixroute.values import Above0, check_one

if TYPE_CHECKING:
    from pixroute.routing.shared import Shared
    from pixroute.routing.spoken import Spoken


class Operator:
    """The words so far, and whom they are passed on to once the router is opened.

    Args:
        providers: whose settings may say `breaker_state`.

    Raises:
        ValueError: two providers of one upstream say different things.
    """

    def __init__(self, providers: Mapping[str, Provider]) -> None:
        self._disabled: set[str] = set()
        self._health: Health | None = None
        self._spoken: Spoken | None = None
        self._settings = breaker_states(providers)
        self._orders = [OperatorOrder(act=Forced(state), key=upstream) for upstream, state in self._settings.items()]

    def take_over(self, shared: Shared, now: float) -> None:
        """Tell a health that begins what was said so far; what is said from now on, the other processes hear too."""
        health = self._health = shared.health
        self._spoken = None if shared.fleet is None else shared.fleet.spoken
        for name in self._disabled:
            health.disable(name)
        for order in self._orders:
            health.obey(order, now)
        self._orders.clear()

    def reading(self) -> Health:
        """Give a health that knows what was said, and nothing else."""
        health = still(disabled=self._disabled)
        for order in self._orders:
            health.obey(order, 0.0)
        return health

    def able(self, provider: str, *, wanted: bool) -> None:
        """Take a provider out of every chain, or put it back."""
        (self._disabled.discard if wanted else self._disabled.add)(provider)
        if self._health is not None:
            (self._health.enable if wanted else self._health.disable)(provider)
        if self._spoken is not None:
            self._spoken.able(provider, wanted=wanted)

    def say(self, order: OperatorOrder, now: float) -> None:
        """Pass an order on, now or when the router is opened; to other processes too, once it is."""
        self._tell(order, now)
        if self._spoken is not None:
            self._spoken.order(order)

    def _tell(self, order: OperatorOrder, now: float) -> None:
        if self._health is None:
            self._orders.append(order)
        else:
            self._health.obey(order, now)

    def reload(self, providers: Mapping[str, Provider], now: float) -> None:
        """Obey what other settings say otherwise; what they no longer say is over."""
        before, self._settings = self._settings, breaker_states(providers)
        for upstream in dict.fromkeys((*before, *self._settings)):
            state = self._settings.get(upstream)
            if state != before.get(upstream):
                self._tell(OperatorOrder(act=Forced(state) if state else "release", key=upstream), now)


def force_order(
    member: Member,
    state: BreakerState,
    *,
    seconds: float | None,
    scope: Literal["upstream", "origin"],
    resolution: object,
) -> OperatorOrder:
    """Make the order to force what a provider depends on.

    Raises:
        ValueError: a value that may not stand there; a provider without an origin.
    """
    check_one(state, BreakerState, "state")
    check_one(seconds, Above0 | None, "seconds")
    check_one(scope, Literal["upstream", "origin"], "scope")
    check_one(resolution, Resolution | None, "resolution")
    if scope == "origin" and resolution is not None:
        raise ValueError("an origin has one breaker for all resolutions: leave out resolution")
    key = member.identity.upstream if scope == "upstream" else member.identity.origin
    if key is None:
        raise ValueError(f"provider {member.name!r} has no origin: it sends nothing over a network")
    lasts = inf if seconds is None else seconds
    return OperatorOrder(act=Forced(state), key=key, scope=scope, resolution=resolution, seconds=lasts)  # type: ignore[arg-type]  # just checked


def reset_orders(member: Member) -> list[OperatorOrder]:
    """Make the orders to have everything that a provider depends on begin as new."""
    identity = member.identity
    orders = [
        OperatorOrder(act="reset", key=identity.upstream),
        OperatorOrder(act="reset", key=identity.account, scope="account"),
    ]
    return (
        orders
        if identity.origin is None
        else [*orders, OperatorOrder(act="reset", key=identity.origin, scope="origin")]
    )
