"""The default chain, scripted: two siblings of one upstream and a faster fallback on the same account."""

import asyncio
from itertools import pairwise
from types import SimpleNamespace

import pytest

from pixroute import Capabilities, Policy, RequestFailed
from pixroute.testing import Act, FakeProvider, fake_router, run_virtual

BANANA = (120.0, 170.0, 250.0)
SEEDREAM = (18.0, 27.0, 40.0)


def banana(*script: Act, name: str = "http", plaintext: bool = False, **options) -> FakeProvider:
    scheme = "http" if name == "http" else "https"
    return FakeProvider(
        *script,
        upstream="apiyi/nano-banana-pro",
        account="apiyi",
        origin=f"{scheme}://api.apiyi.com",
        price="0.09",
        latency=BANANA,
        plaintext=plaintext,
        capabilities=Capabilities(resolutions={"1K", "2K", "4K"}, references=14),
        **options,
    )


def seedream(*script: Act, account: str = "apiyi", **options) -> FakeProvider:
    return FakeProvider(
        *script,
        upstream="apiyi/seedream-4.5",
        account=account,
        origin="https://api.apiyi.com",
        price="0.04",
        latency=SEEDREAM,
        capabilities=Capabilities(resolutions={"2K", "4K"}, references=10),
        **options,
    )


class Walk:
    """One request through a chain on virtual time: what was sent when, and what came of it."""

    def __init__(self, record, result, error, elapsed):
        self.record, self.result, self.error, self.elapsed = record, result, error, elapsed

    @property
    def sent(self) -> list[tuple[int, str, str]]:
        """(whole second of the start, provider, kind or 'picture')."""
        return [(round(a.started), a.provider, str(a.kind or "picture")) for a in self.record.attempts]

    @property
    def verdicts(self) -> dict[str, str]:
        """What the last decision found of each provider."""
        return {name: verdict.name for name, verdict in self.record.decisions[-1].verdicts.items()}


@pytest.fixture
def fakes():
    """Makers of the default chain's providers."""
    return SimpleNamespace(banana=banana, seedream=seedream)


@pytest.fixture
def walk():
    """Walk one 4K request through the default chain with the given scripts."""

    def walk_(http=(), https=(), seed=(), *, chain=None, policy=None, before=None, **ask) -> Walk:
        providers = chain or {
            "banana-http": banana(*http, plaintext=True),
            "banana-https": banana(*https, name="https"),
            "seedream": seedream(*seed),
        }

        async def main() -> Walk:
            async with fake_router(policy=policy or Policy(), **providers) as router:
                if before is not None:
                    await before(router)
                began = asyncio.get_running_loop().time()
                result = error = None
                try:
                    result = await router.generate("a lighthouse", size=ask.pop("size", "4K"), **ask)
                except RequestFailed as raised:
                    error = raised
                elapsed = asyncio.get_running_loop().time() - began
                return Walk((result or error).record, result, error, elapsed)

        return run_virtual(main())

    return walk_


def service_time(quantiles, random):
    """Draw a time through P50, P95 and P99, straight lines between, half of P50 at the least."""
    p50, p95, p99 = quantiles
    share = random.random()
    points = [(0.0, 0.5 * p50), (0.5, p50), (0.95, p95), (0.99, p99), (1.0, 1.3 * p99)]
    for (low, at_low), (high, at_high) in pairwise(points):
        if share <= high:
            return at_low + (at_high - at_low) * (share - low) / (high - low)
    return points[-1][1]


async def traffic(router, *, every: float, requests: int, size: str = "4K", prompt: str | None = None, **ask):
    """Ask at a steady pace, each time for something else unless a prompt is given; give results and errors."""

    async def one(number: int):
        await asyncio.sleep(number * every)
        try:
            return await router.generate(prompt or f"picture {number}", size=size, **ask)
        except RequestFailed as error:
            return error

    return await asyncio.gather(*(one(number) for number in range(requests)))


@pytest.fixture
def load():
    """Traffic and service times."""
    return SimpleNamespace(traffic=traffic, service_time=service_time, BANANA=BANANA, SEEDREAM=SEEDREAM)
