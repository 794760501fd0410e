"""What routing costs in CPU: a request for a tiny picture, from `generate` to result, beside a bare aiohttp post."""

import asyncio
from functools import partial

from callers import ask, bare, post, routed
from measure import Figure, cpu, ratios, take_turns
from upstream import upstream

TARGET = 2.0


def run(*, quick: bool) -> list[Figure]:
    """One request at a time, breakers closed, nobody observing."""
    with upstream() as origin:
        ours, theirs = asyncio.run(_measure(f"{origin}/at-once", 7 if quick else 15, 300 if quick else 1000))
    return [
        Figure(benchmark="overhead", name="CPU ÷ aiohttp", unit="×", values=ratios(ours, theirs), target=TARGET),
        Figure(benchmark="overhead", name="CPU routed", unit="µs", values=tuple(1e6 * one for one in ours)),
        Figure(benchmark="overhead", name="CPU aiohttp", unit="µs", values=tuple(1e6 * one for one in theirs)),
    ]


async def _measure(origin: str, rounds: int, times: int) -> list[tuple[float, ...]]:
    async with routed(origin) as router, bare() as session:
        return await take_turns(
            rounds, partial(cpu, partial(ask, router), times), partial(cpu, partial(post, session, origin), times)
        )
