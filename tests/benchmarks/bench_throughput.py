"""Many at once: CPU and wall time of a request for a tiny picture at 64 and 512 in flight, beside bare aiohttp."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from callers import ask, bare, post, routed
from measure import Figure, cpu_at_once, ratios, take_turns
from upstream import upstream

TARGET = 2.4
PATIENT = {"breaker": {"overdue_after": 1e6}}
"""The upstream takes microseconds and then the queue of this machine a thousand times that: no breaker's business."""


def run(*, quick: bool) -> list[Figure]:
    """The upstream answers at once, so all that is measured is this machine."""
    figures = []
    with upstream() as origin:
        for at_once in (64, 512):
            times = 4 * at_once if quick else 8 * at_once
            ours, theirs, per_second = asyncio.run(_measure(f"{origin}/at-once", 7 if quick else 11, times, at_once))
            name = f"{at_once} at once"
            figures += [
                Figure(
                    benchmark="throughput",
                    name=f"{name}: CPU ÷ aiohttp",
                    unit="×",
                    values=ratios(ours, theirs),
                    target=TARGET,
                ),
                Figure(benchmark="throughput", name=f"{name}: routed a second", unit="", values=per_second),
            ]
    return figures


async def _measure(
    origin: str, rounds: int, times: int, at_once: int
) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    walls: list[float] = []

    async def measured(call: Callable[[], Awaitable[object]], kept: list[float]) -> float:
        spent, wall = await cpu_at_once(call, times, at_once)
        kept.append(1 / wall)
        return spent

    async with routed(origin, policy=PATIENT) as router, bare() as session:
        ours, theirs = await take_turns(
            rounds,
            partial(measured, partial(ask, router), walls),
            partial(measured, partial(post, session, origin), []),
        )
    return ours, theirs, tuple(walls[1:])
