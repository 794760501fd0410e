"""How long the real models take (upstreams §3.4)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

LatencyTable = Mapping[str, tuple[float, float, float]]
"""P50, P95 and P99 in seconds by resolution; "other" for those left out."""
OTHERS = (20.0, 40.0, 60.0)
# family -> resolution -> P50, P95, P99 in seconds
LATENCIES: dict[str, dict[str, tuple[float, float, float]]] = {
    "banana": {"1K": (45.0, 90.0, 150.0), "2K": (65.0, 120.0, 180.0), "4K": (120.0, 170.0, 250.0)},
    "seedream": {"2K": (11.0, 17.0, 25.0), "4K": (18.0, 27.0, 40.0)},
}


def resolution(width: int, height: int) -> str:
    """Class an asked size: 1K up to 2.1 megapixels, 2K up to 8.4, 4K above."""
    pixels = width * height
    return "1K" if pixels <= 2_100_000 else "2K" if pixels <= 8_400_000 else "4K"


def draw_latency(family: str, width: int, height: int, random: "Random", table: LatencyTable | None = None) -> float:
    """Draw seconds of work from the line through a table's quantiles (0.6·P50 at least, 1.2·P99 at most).

    Without a table it is the family's.
    """
    asked, known = resolution(width, height), table or LATENCIES.get(family, {})
    p50, p95, p99 = known.get(asked) or known.get("other") or OTHERS
    points = [(0.0, 0.6 * p50), (0.5, p50), (0.95, p95), (0.99, p99), (1.0, 1.2 * p99)]
    quantile = random.random()
    (q0, t0), (q1, t1) = next(pair for pair in pairwise(points) if quantile <= pair[1][0])
    return t0 + (t1 - t0) * (quantile - q0) / (q1 - q0)
