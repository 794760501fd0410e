"""What an operator asks of a running router, and tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pixroute.provider import BreakerState
from pixroute.request import Resolution
from pixroute.routing.chain import Member
from pixroute.routing.life import Life
from pixroute.routing.operator import force_order, reset_orders

if TYPE_CHECKING:
    from pixroute.health.report import HealthEntry
    from pixroute.routing.gate import BudgetEntry


class Operations:
    """The part of a router that makes no pictures: reports of its state, and orders about its providers."""

    _life: Life

    async def budgets(self) -> tuple[BudgetEntry, ...]:
        """Tell where every budget stands in its present window.

        Raises:
            StoreAway: the store that keeps them does not answer.
        """
        shared = await self._life.open()
        return () if shared.gate is None else await shared.gate.status()

    def health(self) -> tuple[HealthEntry, ...]:
        """Tell every breaker's state, since when and why; holds, slots, what is disabled, and the shared store.

        Reading moves nothing; it may be done in any thread, and before the router is opened.
        """
        found, shared = self._life.reading().report(self._life.now), self._life.shared
        return found if shared is None or shared.gate is None else (*found, *shared.gate.report())

    def disable(self, provider: str) -> None:
        """Take a provider out of every chain until `enable`; attempts in flight go on.

        Raises:
            RuntimeError: called neither before opening nor on the router's loop; from another thread use
                `loop.call_soon_threadsafe(router.disable, name)`.
        """
        self._life.able(self._known(provider), wanted=False)

    def enable(self, provider: str) -> None:
        """Put a provider back that was disabled; raises as `disable`."""
        self._life.able(self._known(provider), wanted=True)

    def force(
        self,
        provider: str,
        state: BreakerState,
        *,
        seconds: float | None = None,
        scope: Literal["upstream", "origin"] = "upstream",
        resolution: Resolution | None = None,
    ) -> None:
        """Force the breakers that a provider depends on, for all who share them (semantics §4.2).

        Args:
            provider: its name.
            state: "open" admits nothing, and one probe when its time is over; "closed" is opened by no evidence, only
                by a hint or an answer that is enough; "observe" tells what it would refuse for evidence, and admits.
            seconds: how long; None: until another word, `reset`, or another `breaker_state` of a reloaded file.
            scope: its upstream's breakers, or its origin's.
            resolution: of the upstream, this one only; None: all.

        Raises: as `disable`; ValueError: no such provider, or a value that may not stand there.
        """
        member = Member.of(self._known(provider), self._life.providers[provider])
        self._life.obey(force_order(member, state, seconds=seconds, scope=scope, resolution=resolution))

    def reset(self, provider: str) -> None:
        """Forget what was found of a provider's upstream, origin and account, hints, holds and forces included.

        What is in flight is no evidence any more; learned times stay, and so does `disable`. Raises as `disable`.
        """
        self._life.obey(*reset_orders(Member.of(self._known(provider), self._life.providers[provider])))

    def _known(self, provider: str) -> str:
        if provider not in self._life.providers:
            raise ValueError(f"there is no provider {provider!r}; there are {', '.join(sorted(self._life.providers))}")
        return provider
