"""25 MB pictures in JSON over loopback, one and sixteen, beside `await response.json()` and `b64decode`.

CPU, memory and stalls are measured apart: a ticker is CPU, and memory once used is not given back.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from callers import ask, bare, post_and_decode, routed
from measure import Figure, apart, cpu, forget_peak, longest_stall, ratios, resident, take_turns
from upstream import upstream

SIZE = 25_000_000
MIB = 1024**2
Ask = Callable[[], Awaitable[object]]


def run(*, quick: bool) -> list[Figure]:
    """Everything about one picture, then about sixteen at once."""
    rounds = 3 if quick else 9
    few = 1 if quick else 7
    with upstream(SIZE) as origin:
        place = f"{origin}/at-once"
        ours, theirs = asyncio.run(cpu_of(place, rounds))
        still, naive_still = asyncio.run(_stalls(place, rounds, 1))
        computed = asyncio.run(stalls_of(place, rounds))
        many_computed = asyncio.run(stalls_of(place, max(few, 2), 16))
        many_still, naive_many = asyncio.run(_stalls(place, max(few, 2), 16))
        memory = {
            (way, count): tuple(apart(peak, way, place, count) for _ in range(few))
            for way, count in (("routed", 1), ("naive", 1), ("into", 1), ("routed", 16))
        }
    figure = partial(Figure, benchmark="25 MB")
    return [
        figure(name="CPU ÷ naive", unit="×", values=ratios(ours, theirs), target=0.2),
        figure(name="CPU routed", unit="ms", values=_thousands(ours)),
        figure(name="peak memory ÷ picture", unit="×", values=_shares(memory["routed", 1], 1), target=1.1),
        figure(name="peak memory ÷ picture, naive", unit="×", values=_shares(memory["naive", 1], 1)),
        figure(name="peak memory with into=", unit="MiB", values=tuple(b / MIB for b in memory["into", 1]), target=4),
        figure(name="longest stall", unit="ms", values=_thousands(still), target=2),
        figure(name="longest stall, own CPU alone", unit="ms", values=_thousands(computed), target=2),
        figure(name="longest stall, naive", unit="ms", values=_thousands(naive_still)),
        figure(
            name="16 at once: peak memory ÷ pictures", unit="×", values=_shares(memory["routed", 16], 16), target=1.1
        ),
        figure(name="16 at once: longest stall", unit="ms", values=_thousands(many_still), target=20),
        figure(name="16 at once: longest stall, own CPU", unit="ms", values=_thousands(many_computed), target=20),
        figure(name="16 at once: longest stall, naive", unit="ms", values=_thousands(naive_many)),
    ]


async def cpu_of(origin: str, rounds: int, *, naive: bool = True) -> list[tuple[float, ...]]:
    """Give the CPU seconds of a routed request, and of one by hand."""
    async with _ways(origin) as ways:
        return await take_turns(rounds, *(partial(cpu, way) for way in ways[: 1 + naive]))


async def _stalls(origin: str, rounds: int, count: int) -> list[tuple[float, ...]]:
    async with _ways(origin) as ways:
        return await take_turns(rounds, *(partial(_stall, way, count) for way in ways))


async def stalls_of(origin: str, rounds: int, count: int = 1) -> tuple[float, ...]:
    """Give the longest stretch, in seconds, that the loop itself computed in each round."""
    async with routed(origin) as router:
        (found,) = await take_turns(rounds, partial(_stall, partial(ask, router), count, time.thread_time))
    return found


async def _stall(way: Ask, count: int, clock: Callable[[], float] = time.perf_counter) -> float:
    return await longest_stall(asyncio.gather(*(way() for _ in range(count))), clock)


@asynccontextmanager
async def _ways(origin: str) -> AsyncIterator[tuple[Ask, Ask]]:
    async with routed(origin) as router, bare() as session:
        yield partial(ask, router), partial(post_and_decode, session, origin)


def peak(way: str, origin: str, count: int) -> float:
    """Give the most memory above idle, in a process of its own; all pictures are held to the end."""
    return asyncio.run(_peak_of(way, origin, count))


async def _peak_of(way: str, origin: str, count: int) -> float:
    with tempfile.TemporaryDirectory() as folder, upstream() as tiny:
        async with _ways(tiny + "/at-once") as warm:
            for each in warm:
                await each()
        async with routed(origin) as router, bare() as session:
            calls: dict[str, Ask] = {
                "routed": partial(ask, router),
                "into": partial(ask, router, into=Path(folder) / "picture"),
                "naive": partial(post_and_decode, session, origin),
            }
            forget_peak()
            idle = resident()
            pictures = await asyncio.gather(*(calls[way]() for _ in range(count)))
            peak = resident("VmHWM") - idle
            assert len(pictures) == count
    return float(peak)


def _shares(peaks: tuple[float, ...], count: int) -> tuple[float, ...]:
    return tuple(peak / SIZE / count for peak in peaks)


def _thousands(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(1000 * value for value in values)
