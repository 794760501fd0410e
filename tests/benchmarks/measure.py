"""How things are measured: ways take turns in rounds, so that they meet the same machine; ratios are of one round."""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from attrs import frozen

T = TypeVar("T")

TICK = 0.0005


@frozen(kw_only=True)
class Figure:
    """What one thing came to in each round; `target` is the most it may be, None: only told."""

    benchmark: str
    name: str
    unit: str
    values: tuple[float, ...]
    target: float | None = None

    @property
    def quartiles(self) -> tuple[float, float, float]:
        """The lower quartile, the median and the upper quartile."""
        if len(self.values) == 1:
            return self.values * 3
        lower, median, upper = statistics.quantiles(self.values, n=4, method="inclusive")
        return lower, median, upper

    @property
    def meets(self) -> bool | None:
        """Whether the median keeps to the target; None without one."""
        return None if self.target is None else self.quartiles[1] <= self.target


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Divide round by round."""
    return tuple(one / other for one, other in zip(ours, theirs, strict=True))


async def take_turns(rounds: int, *ways: Callable[[], Awaitable[float]]) -> list[tuple[float, ...]]:
    """Measure every way once in each round, the order turned about every time; one round before does not count."""
    found: list[list[float]] = [[] for _ in ways]
    for number in range(rounds + 1):
        order = range(len(ways)) if number % 2 else reversed(range(len(ways)))
        for index in order:
            gc.collect()
            value = await ways[index]()
            if number:
                found[index].append(value)
    return [tuple(values) for values in found]


async def cpu(call: Callable[[], Awaitable[object]], times: int = 1) -> float:
    """Give the CPU seconds of one call, one made after the other."""
    began = time.process_time()
    for _ in range(times):
        await call()
    return (time.process_time() - began) / times


async def cpu_at_once(call: Callable[[], Awaitable[object]], times: int, at_once: int) -> tuple[float, float]:
    """Give the CPU seconds and the wall seconds of one call, so many at once."""
    left = iter(range(times))

    async def caller() -> None:
        for _ in left:
            await call()

    began, began_wall = time.process_time(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(caller())
    return (time.process_time() - began) / times, (time.perf_counter() - began_wall) / times


async def longest_stall(work: Awaitable[object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Give the longest time, in seconds, for which the loop served nobody else meanwhile.

    By `time.thread_time` it is what the loop itself computed in one stretch, whoever else had the processor.
    """
    slept = TICK if clock is time.perf_counter else 0.0
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            began = clock()
            await asyncio.sleep(TICK)
            worst = max(worst, clock() - began - slept)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(10 * TICK)
    worst = 0.0
    await work
    await asyncio.sleep(0)
    ticker.cancel()
    return worst


def apart(function: Callable[..., T], *args: Any) -> T:
    """Call a function in a fresh process: nobody's memory, imports or garbage before it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def resident(field: str = "VmRSS") -> int:
    """Bytes this process has in memory: now (VmRSS), or most since `forget_peak` (VmHWM)."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return 1024 * int(status.split(f"{field}:")[1].split()[0])


def forget_peak() -> None:
    """Let VmHWM begin again with what is resident now."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
