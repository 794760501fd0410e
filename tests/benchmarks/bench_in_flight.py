"""What a request holds while it waits: resident memory of 10,000 in flight, routed beside bare aiohttp."""

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from functools import partial

import aiohttp
from callers import ask, bare, post, routed
from measure import Figure, apart, resident
from upstream import upstream

TARGET = 9.0
WAVE = 500


def run(*, quick: bool) -> list[Figure]:
    """Every round is two fresh processes; every request must come back with its picture."""
    rounds, count = (2, 2000) if quick else (7, 10_000)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(apart(_hold, "bare", count))
        ours.append(apart(_hold, "routed", count))
    more = tuple((one - other) / 1024 for (one, _), (other, _) in zip(ours, theirs, strict=True))
    return [
        Figure(benchmark="in flight", name=f"each of {count:,} above aiohttp", unit="KiB", values=more, target=TARGET),
        Figure(benchmark="in flight", name="each, routed", unit="KiB", values=tuple(one / 1024 for one, _ in ours)),
        Figure(benchmark="in flight", name="lost", unit="", values=tuple(lost for _, lost in ours), target=0),
    ]


def _hold(way: str, count: int) -> tuple[float, float]:
    """Give bytes for each request in flight, and how many were lost."""
    with upstream() as origin:
        return asyncio.run(_hold_routed(origin, count) if way == "routed" else _hold_bare(origin, count))


async def _hold_routed(origin: str, count: int) -> tuple[float, float]:
    async with routed(f"{origin}/held") as router, bare() as control:
        return await _hold_all(partial(ask, router), count, control, origin)


async def _hold_bare(origin: str, count: int) -> tuple[float, float]:
    async with bare() as session, bare() as control:
        return await _hold_all(partial(post, session, f"{origin}/held"), count, control, origin)


async def _hold_all(
    call: Callable[[], Awaitable[object]], count: int, control: aiohttp.ClientSession, origin: str
) -> tuple[float, float]:
    idle, tasks = 0, []
    for _ in range(0, count + WAVE, WAVE):  # connections come in waves, for a listener's queue is short
        tasks += [asyncio.ensure_future(call()) for _ in range(WAVE)]
        while await _control(control, f"{origin}/count") < len(tasks):  # noqa: ASYNC110 - told by another process
            await asyncio.sleep(0.05)
        gc.collect()
        idle = idle or resident()  # the first wave has imported and opened everything
    held = resident() - idle
    await _control(control, f"{origin}/release")
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return held / count, float(sum(isinstance(one, BaseException) for one in ended))


async def _control(session: aiohttp.ClientSession, url: str) -> int:
    async with session.post(url) as response:
        return int(json.loads(await response.read()))
