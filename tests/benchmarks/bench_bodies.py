"""A picture of 25 MB in other bodies than plain JSON: as the body itself, and beside a signature larger than it."""

import asyncio
from functools import partial

from bench_large import SIZE, cpu_of, peak, stalls_of
from measure import Figure, apart, ratios
from upstream import upstream


def run(*, quick: bool) -> list[Figure]:
    """CPU beside `response.json()` and `b64decode` of the same picture, memory and stalls."""
    rounds, few = (3, 1) if quick else (9, 5)
    with upstream(SIZE) as json, upstream(SIZE, "raw") as raw, upstream(SIZE, "signed") as signed:
        _, naive = asyncio.run(cpu_of(f"{json}/at-once", rounds))
        figures = [
            figure
            for name, origin, most in (("raw bytes", raw, 1.1), ("large signature", signed, 1.1))
            for figure in _figures(name, f"{origin}/at-once", rounds, few, most)
        ]
        (bytes_cpu, *_) = asyncio.run(cpu_of(f"{raw}/at-once", rounds, naive=False))
    cpu = Figure(
        benchmark="bodies", name="raw bytes: CPU ÷ naive JSON", unit="×", values=ratios(bytes_cpu, naive), target=0.2
    )
    return [cpu, *figures]


def _figures(name: str, place: str, rounds: int, few: int, most: float) -> list[Figure]:
    figure = partial(Figure, benchmark="bodies")
    still = asyncio.run(stalls_of(place, rounds))
    peaks = tuple(apart(peak, "routed", place, 1) / SIZE for _ in range(few))
    return [
        figure(name=f"{name}: peak memory ÷ picture", unit="×", values=peaks, target=most),
        figure(name=f"{name}: longest stall, own CPU", unit="ms", values=tuple(1000 * s for s in still), target=2),
    ]
