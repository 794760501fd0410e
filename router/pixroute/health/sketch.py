"""Times as counts in fixed buckets, which many processes can add up: 128 of them, each 8 % longer than the last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from math import log
from typing import Any

from attrs import frozen

from pixroute.health.statement import Unreadable

BUCKETS = 128
SHORTEST = 0.25
"""Seconds; what is shorter counts as this, what is longer than an hour as that."""
STEP = 1.0775
MOST = 200
"""Times in the sketch of one process."""

Counts = tuple[tuple[int, int], ...]
"""Buckets with what they hold, in order."""


@frozen
class TimesTold:
    """What one process tells of a provider's times: of calls that succeeded, and of those that ended otherwise."""

    successes: Counts
    censored: Counts


def sketch(seconds: Iterable[float]) -> Counts:
    """Count times by bucket."""
    return tuple(sorted(Counter(map(_bucket, seconds)).items()))


def times(counts: Counts) -> list[float]:
    """Give the times back, each as the middle of its bucket: at most 4 % wrong."""
    return [SHORTEST * STEP ** (bucket + 0.5) for bucket, count in counts for _ in range(count)]


def write_times(told: TimesTold) -> str:
    """Give its text."""
    return json.dumps({"v": 1, "successes": told.successes, "censored": told.censored}, separators=(",", ":"))


@lru_cache(1024)
def read_times(text: str) -> TimesTold:
    """Read a text.

    Raises:
        Unreadable: it is none.
    """
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("it is no JSON") from None
    if not isinstance(table, dict):
        raise Unreadable("it is no table")
    return TimesTold(_counts(table, "successes"), _counts(table, "censored"))


def _bucket(seconds: float) -> int:
    return max(0, min(BUCKETS - 1, int(log(max(seconds, SHORTEST) / SHORTEST) / log(STEP))))


def _counts(table: Mapping[str, Any], name: str) -> Counts:
    value = table.get(name, [])
    if not isinstance(value, list) or len(value) > BUCKETS:
        raise Unreadable(f"{name} are no counts")
    counts: dict[int, int] = {}
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or any(type(one) is not int for one in pair):
            raise Unreadable(f"{name} are no counts")
        bucket, count = pair
        if not 0 <= bucket < BUCKETS or not 0 < count <= MOST or bucket in counts:
            raise Unreadable(f"{name} are no counts")
        counts[bucket] = count
    if sum(counts.values()) > MOST:
        raise Unreadable(f"{name} are too many")
    return tuple(sorted(counts.items()))
