"""A provider of the router whose upstream is simulated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pixroute.content import Content
from pixroute.latency import Latency, Quantiles
from pixroute.outcome import Delivered, Failure, FailureKind, Outcome, Stage, Success
from pixroute.provider import AttemptContext, Capabilities, Identity, Price, ProviderSettings
from pixroute.request import ImageRequest, Resolution
from pixroute.simulate.callers import SimulatedRequest
from pixroute.simulate.world import World
from pixroute.testing.fake import blank_png


class SimulatedProvider:
    """Asks the world; `orders` holds, by the prompt, the requests under way."""

    model: str | None = None
    advice: Mapping[FailureKind, str] = {}

    def __init__(
        self,
        name: str,
        world: World,
        orders: Mapping[str, SimulatedRequest],
        settings: ProviderSettings | None = None,
    ) -> None:
        place = world.scenario.providers[name]
        upstream = world.scenario.upstreams[place.upstream]
        self.settings = settings or ProviderSettings()
        self.identity = Identity(upstream=place.upstream, account=place.account, origin=place.origin)
        known = {size: price for size in upstream.latency if (price := world.scenario.price_of(name, size)) is not None}
        self.price = Price(amounts=known) if known else None
        self.latency = Latency(table={size: Quantiles(*times) for size, times in upstream.latency.items()})
        self._capabilities = Capabilities(resolutions=frozenset(upstream.latency))
        self._name = name
        self._world = world
        self._orders = orders

    def capabilities(self) -> Capabilities:
        """Tell what it makes."""
        return self._capabilities

    def credential(self) -> str:
        """Tell its account, which never changes."""
        return self.identity.account

    async def start(self) -> None:
        """Nothing to get ready."""

    async def aclose(self) -> None:
        """Nothing to let go."""

    async def generate(self, request: ImageRequest, attempt: AttemptContext) -> Outcome:
        """Ask the world."""
        attempt.reached(Stage.WAIT)
        answer = await self._world.call(self._name, self._orders[request.prompt], request.resolution)
        if answer.kind is None:
            return _picture(request.resolution)
        connected = answer.kind is not FailureKind.CONNECT
        return Failure(
            kind=answer.kind,
            message=f"simulated {answer.kind}",
            stage=Stage.WAIT if connected else Stage.CONNECT,
            hint=answer.hint,
            answered=connected and answer.kind is not FailureKind.PROXY_CUT,
        )


@cache
def _picture(resolution: Resolution) -> Success:
    side = {"1K": 1024, "2K": 2048, "4K": 4096}[resolution]
    return Success(pictures=(Delivered(content=Content(blank_png(side, side))),))
