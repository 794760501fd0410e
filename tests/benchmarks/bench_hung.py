"""A primary that hangs with 200 waiting: how they come to the fallback, beside a time-out written by hand."""

import asyncio
import time
from functools import partial

import aiohttp
from callers import ask, bare, post, routed
from measure import Figure, longest_stall, ratios, take_turns
from upstream import upstream

WAITING = 200
LATENCY = {"1K": [0.1, 0.2, 0.4]}
PATIENCE = 0.6
"""Seconds after which the breaker calls a call overdue (1.5 × P99), and after which the hand-written way gives up."""


def run(*, quick: bool) -> list[Figure]:
    """Every round has a new router, which does not know yet that its primary hangs."""
    rounds = 3 if quick else 9
    walls: list[float] = []
    stalls: tuple[list[float], list[float]] = ([], [])
    with upstream() as origin:
        ours, theirs = asyncio.run(_measure(origin, rounds, walls, stalls))
    still, theirs_still = ([1000 * stall for stall in one[1:]] for one in stalls)
    figure = partial(Figure, benchmark="hung")
    return [
        figure(name=f"CPU of {WAITING} ÷ time-out by hand", unit="×", values=ratios(ours, theirs)),
        figure(name="until all have their picture", unit="s", values=tuple(walls[1:])),
        figure(name="longest stall", unit="ms", values=tuple(still)),
        figure(name="longest stall, by hand", unit="ms", values=tuple(theirs_still)),
    ]


async def _measure(
    origin: str, rounds: int, walls: list[float], stalls: tuple[list[float], list[float]]
) -> list[tuple[float, ...]]:
    silent, healthy = f"{origin}/silent", f"{origin}/at-once"

    async def fall_back() -> float:
        async with routed(silent, healthy, latency=LATENCY) as router:
            began, began_wall = time.process_time(), time.perf_counter()
            waiting = [asyncio.ensure_future(ask(router)) for _ in range(WAITING)]
            stalls[0].append(await longest_stall(asyncio.wait(waiting)))
            walls.append(time.perf_counter() - began_wall)
            assert all(task.result().fell_back for task in waiting)
            return time.process_time() - began

    async def by_hand() -> float:
        async with bare() as session:
            began = time.process_time()
            waiting = [asyncio.ensure_future(_give_up(session, silent, healthy)) for _ in range(WAITING)]
            stalls[1].append(await longest_stall(asyncio.wait(waiting)))
            return time.process_time() - began

    return await take_turns(rounds, fall_back, by_hand)


async def _give_up(session: aiohttp.ClientSession, silent: str, healthy: str) -> bytes:
    try:
        async with asyncio.timeout(PATIENCE):
            return await post(session, silent)
    except TimeoutError:
        return await post(session, healthy)
