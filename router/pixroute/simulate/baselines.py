"""What others do, as their users' guides describe it: small loops of our own over the same simulated providers.

They get everything but the policy as we do: the chain, the time-outs by resolution, the callers' patience.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from math import inf

from attrs import Factory, define

from pixroute.group import names_of
from pixroute.outcome import FailureKind
from pixroute.request import Resolution
from pixroute.simulate.callers import SimulatedRequest
from pixroute.simulate.contestant import Notes, Opening
from pixroute.simulate.draw import stream
from pixroute.simulate.world import World

LONG = 600.0
"""The time-out that general-purpose clients come with, in seconds."""


class Loop:
    """What the baselines have in common: one call with a time-out, told as None (a picture) or a kind of failure."""

    def __init__(self, world: World, seed: int) -> None:
        self.notes = Notes()
        self.world = world
        self.providers = list(names_of(world.scenario.steps))
        self.random = stream(seed, "baseline")

    async def aclose(self) -> None:
        """Hash the calls, for there are no events."""
        text = "\n".join(map(repr, self.world.calls))
        self.notes.digest = blake2b(text.encode(), digest_size=16).hexdigest()

    async def attempt(self, provider: str, order: SimulatedRequest, timeout: float) -> FailureKind | None:
        """Call once."""
        try:
            async with asyncio.timeout(timeout):
                answer = await self.world.call(provider, order, self._sent(provider, order.resolution))
        except TimeoutError:
            return FailureKind.TIMEOUT
        return answer.kind

    def _sent(self, provider: str, asked: Resolution) -> Resolution:
        made = self.world.scenario.upstreams[self.world.scenario.providers[provider].upstream].latency
        return asked if asked in made else next(iter(made))

    def opened(self, provider: str, order: SimulatedRequest, reason: str) -> None:
        """Note that a provider is left out from now on."""
        upstream = self.world.scenario.providers[provider].upstream
        self.notes.openings.append(Opening(_now(), order.process, upstream, reason))


class ThreeRetries(Loop):
    """One provider, 600 s a call, three retries after 0.5, 1, 2 s, as vendors' client libraries do."""

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Ask the first provider up to four times."""
        for number in range(4):
            if await self.attempt(self.providers[0], order, LONG) is None:
                return self.providers[0]
            await asyncio.sleep(0.5 * 2**number * (1 - 0.25 * self.random.random()))
        return None


class PlainChain(Loop):
    """The chain in order, each with its full time-out; no reserve, no memory."""

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Ask each once."""
        for provider in self.providers:
            if await self.attempt(provider, order, self.world.scenario.timeouts[order.resolution]) is None:
                return provider
        return None


@define
class _Counted:
    """A counting breaker: opened at `failures` in a row, `until` a time, then one trial."""

    failures: int = 0
    until: float = -inf
    trying: bool = False


class CountOfFive(Loop):
    """The chain behind textbook breakers: five failures in a row open for 30 s, then one trial call."""

    limit, lasts = 5, 30.0

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self._breakers: dict[tuple[int, str], _Counted] = {}

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Ask each whose breaker lets it."""
        for provider in self.providers:
            breaker = self._breakers.setdefault((order.process, provider), _Counted())
            if _now() < breaker.until or breaker.trying:
                continue
            if await self._guarded(breaker, provider, order) is None:
                return provider
        return None

    async def _guarded(self, breaker: _Counted, provider: str, order: SimulatedRequest) -> FailureKind | None:
        breaker.trying = trial = breaker.failures >= self.limit
        self.notes.probes += trial
        try:
            kind = await self.attempt(provider, order, self.world.scenario.timeouts[order.resolution])
        finally:
            if trial:
                breaker.trying = False
        if kind is None:
            breaker.failures = 0
            return None
        self.notes.wasted_probes += trial
        breaker.failures += 1
        if breaker.failures >= self.limit and _now() >= breaker.until:
            breaker.until = _now() + self.lasts
            self.opened(provider, order, "count")
        return kind


@define
class _Minute:
    """A provider's outcomes in the present minute, and until when it cools down."""

    minute: int = -1
    outcomes: Counter[bool] = Factory(Counter)
    until: float = -inf


class RatioCooldown(Loop):
    """The common router: two retries within the model's providers, then the fallback model, 600 s a call.

    A provider cools down for 5 s on a 429, a time-out, or when more than half of at least five calls of the present
    minute failed.
    """

    retries, lasts, enough = 2, 5.0, 5

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        places = world.scenario.providers
        self._models = [
            [name for name in self.providers if places[name].upstream == upstream]
            for upstream in dict.fromkeys(place.upstream for place in places.values())
        ]
        self._minutes: dict[tuple[int, str], _Minute] = {}

    async def ask(self, order: SimulatedRequest) -> str | None:
        """Ask each model's providers, any that is not cooling down."""
        for providers in self._models:
            for number in range(1 + self.retries):
                ready = self._ready(providers, order.process)
                if not ready:
                    break
                provider = self.random.choice(ready)
                kind = await self.attempt(provider, order, LONG)
                self._count(provider, order, kind)
                if kind is None:
                    return provider
                await asyncio.sleep(0.5 * 2**number)
        return None

    def _ready(self, providers: Sequence[str], process: int) -> list[str]:
        return [name for name in providers if _now() >= self._minute(process, name).until]

    def _minute(self, process: int, provider: str) -> _Minute:
        return self._minutes.setdefault((process, provider), _Minute())

    def _count(self, provider: str, order: SimulatedRequest, kind: FailureKind | None) -> None:
        seen, minute = self._minute(order.process, provider), int(_now() // 60)
        if seen.minute != minute:
            seen.minute, seen.outcomes = minute, Counter()
        seen.outcomes[kind is not None] += 1
        at_once = kind in (FailureKind.RATE_LIMITED, FailureKind.TIMEOUT)
        mostly = seen.outcomes.total() >= self.enough and seen.outcomes[True] > seen.outcomes[False]
        if kind is not None and (at_once or mostly) and _now() >= seen.until:
            seen.until = _now() + self.lasts
            self.opened(provider, order, "ratio")


def _now() -> float:
    return asyncio.get_running_loop().time()
