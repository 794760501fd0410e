"""The upstreams: how long work takes, who waits in line, what is billed. They know nothing of policies.

Work that was taken is done and billed, whether or not the caller still waits for it (upstreams §9).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from heapq import heapreplace
from math import exp, inf, log, sqrt

from attrs import define, frozen

from pixroute.outcome import Billing, FailureKind
from pixroute.request import Resolution
from pixroute.simulate.callers import SimulatedRequest
from pixroute.simulate.draw import Spells, draw, draw_normal, stream
from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.scenario import Scenario, Times

Z95, Z99 = 1.6449, 2.3263


@frozen
class SimulatedAnswer:
    """What an upstream will say, and when (inf: never); `kind` None is a picture. `billed`: what it will charge."""

    at: float
    kind: FailureKind | None = None
    hint: float | None = None
    billed: bool = False


@define
class SimulatedCall:
    """A call as the upstream's books and the caller's tell it.

    `kind` None is a picture; CANCELLED: the caller gave up, for which the books may still have `billed` it.
    """

    order: int
    provider: str
    upstream: str
    started: float
    price: float
    billed: bool
    ended: float = inf
    kind: FailureKind | None = None
    billing: Billing = Billing.AMBIGUOUS


class World:
    """All upstreams of a scenario and the books of every call."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.calls: list[SimulatedCall] = []
        self._upstreams = {name: _Works(scenario, name, seed) for name in scenario.upstreams}

    async def call(self, provider: str, order: SimulatedRequest, resolution: Resolution) -> SimulatedAnswer:
        """Ask a provider and wait for its answer, in the loop's time."""
        loop = asyncio.get_running_loop()
        works = self._upstreams[self.scenario.providers[provider].upstream]
        answer = works.take(provider, order, resolution, loop.time())
        price = float(self.scenario.price_of(provider, resolution) or 0)
        call = SimulatedCall(order.number, provider, works.name, loop.time(), price, answer.billed)
        self.calls.append(call)
        try:
            if answer.at == inf:
                await loop.create_future()
            await asyncio.sleep(answer.at - loop.time())
        except asyncio.CancelledError:
            call.kind = FailureKind.CANCELLED
            raise
        else:
            call.kind = answer.kind
            call.billing = _billing(answer)
        finally:
            call.ended = loop.time()
        return answer

    def foresee(self, provider: str, order: SimulatedRequest, resolution: Resolution) -> SimulatedAnswer:
        """Tell what a call that began now would be answered, without making it."""
        works = self._upstreams[self.scenario.providers[provider].upstream]
        return works.foresee(provider, order, resolution, asyncio.get_running_loop().time())


def _billing(answer: SimulatedAnswer) -> Billing:
    if answer.kind is FailureKind.PROXY_CUT:
        return Billing.AMBIGUOUS
    return Billing.BILLED if answer.billed else Billing.FREE


class _Works:
    """One upstream: a line before `capacity` places, and its faults."""

    def __init__(self, scenario: Scenario, name: str, seed: int) -> None:
        self.name = name
        self._own = scenario.upstreams[name]
        self._seed = seed
        self._faults = list(enumerate(scenario.faults))
        self._spells = Spells(stream(seed, "spells", name), self._own.spells)
        self._free_at = [0.0] * self._own.capacity
        self._asked: Counter[int] = Counter()
        self._lately: deque[float] = deque()

    def take(self, provider: str, order: SimulatedRequest, resolution: Resolution, now: float) -> SimulatedAnswer:
        """Take a call: refuse it, or put it in line and tell when its answer will come."""
        self._asked[order.number] += 1
        faults = self._striking(provider, order, now)
        for fault in faults:
            if (refusal := self._refusal(fault, now)) is not None:
                return refusal
        if order.poison:
            return SimulatedAnswer(now + 3.0, FailureKind.SERVER_ERROR)
        if self._free_at[0] - now > self._own.longest_line:
            return SimulatedAnswer(now + 1.0, FailureKind.OVERLOADED)
        finish = max(now, self._free_at[0]) + self._seconds(order, resolution, faults, now)
        heapreplace(self._free_at, finish)
        return self._served(faults, provider, order.process, now, finish)

    def foresee(self, provider: str, order: SimulatedRequest, resolution: Resolution, now: float) -> SimulatedAnswer:
        """Take the call as `take` does, and give its place back."""
        asked, free_at, lately = self._asked[order.number], self._free_at[:], self._lately.copy()
        try:
            return self.take(provider, order, resolution, now)
        finally:
            self._asked[order.number], self._free_at, self._lately = asked, free_at, lately

    def _striking(self, provider: str, order: SimulatedRequest, now: float) -> list[SimulatedFault]:
        return [
            fault
            for number, fault in self._faults
            if fault.strikes(provider, self.name)
            and fault.hits(order.process)
            and fault.active(now)
            and (
                fault.share >= 1
                or draw(self._seed, "fault", number, order.number, self._asked[order.number]) < fault.share
            )
        ]

    def _refusal(self, fault: SimulatedFault, now: float) -> SimulatedAnswer | None:
        match fault.kind:
            case "refused":
                return SimulatedAnswer(now + 0.01, FailureKind.CONNECT)
            case "overloaded":
                return SimulatedAnswer(now + fault.after, FailureKind.OVERLOADED, fault.hint)
            case "error":
                return SimulatedAnswer(now + fault.after, FailureKind.SERVER_ERROR, fault.hint)
            case "hang":
                return SimulatedAnswer(inf, billed=fault.bills)
            case "throttle" if self._too_many(fault.per_minute, now):
                return SimulatedAnswer(now + 0.3, FailureKind.RATE_LIMITED, fault.hint)
        return None

    def _too_many(self, per_minute: int, now: float) -> bool:
        while self._lately and self._lately[0] <= now - 60:
            self._lately.popleft()
        if len(self._lately) >= per_minute:
            return True
        self._lately.append(now)
        return False

    def _seconds(
        self, order: SimulatedRequest, resolution: Resolution, faults: list[SimulatedFault], now: float
    ) -> float:
        own = draw_normal(self._seed, "work", self.name, order.number, self._asked[order.number])
        score = sqrt(self._own.common) * self._spells.at(now) + sqrt(1 - self._own.common) * own
        times, factor = self._own.latency[resolution], 1.0
        for fault in faults:
            if fault.kind == "slow":
                times, factor = fault.latency or times, factor * fault.factor
        return round(factor * seconds_at(score, times), 3)

    def _served(
        self, faults: list[SimulatedFault], provider: str, process: int, now: float, finish: float
    ) -> SimulatedAnswer:
        for fault in faults:
            if fault.kind == "cut" and finish - now > fault.after:
                return SimulatedAnswer(now + fault.after, FailureKind.PROXY_CUT, billed=True)
            if fault.kind == "invalid":
                return SimulatedAnswer(finish, FailureKind.EMPTY, billed=True)
        for _, fault in self._faults:
            if (
                fault.kind == "hang"
                and fault.strikes(provider, self.name)
                and fault.hits(process)
                and fault.active(finish)
                and fault.share >= 1
            ):
                return SimulatedAnswer(inf, billed=fault.bills)
        return SimulatedAnswer(finish, billed=True)


def seconds_at(score: float, times: Times) -> float:
    """Give the time at a normal score: log-normal through P50 and P95, and on through P95 and P99."""
    p50, p95, p99 = times
    if score < Z95:
        return p50 * exp(score / Z95 * log(p95 / p50))
    return p95 * exp((score - Z95) / (Z99 - Z95) * log(p99 / p95))
