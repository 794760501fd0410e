"""When a fault was noticed, what alarms were false, and when the primary served again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import inf

from pixroute.simulate.fault import SimulatedFault
from pixroute.simulate.run import SimulationRun

ECHO = 900.0
"""Seconds after a fault in which an opening is still its echo, not a false alarm."""
UNHEALTHY_KINDS = ("hang", "overloaded", "error", "refused", "invalid")


def _sickening(run: SimulationRun) -> Iterator[SimulatedFault]:
    for fault in run.scenario.faults_on(run.scenario.primaries):
        if fault.kind in UNHEALTHY_KINDS and fault.share >= 0.5:
            yield fault


def detections(run: SimulationRun) -> Iterator[tuple[float, float]]:
    """Give, for each process and each fault of the primary, when it was noticed and what was lost until then."""
    primaries = run.scenario.primaries
    for fault in _sickening(run):
        for process in range(run.scenario.processes):
            opened = [each.at for each in run.notes.openings if each.process == process and each.upstream in primaries]
            first = min((at for at in opened if fault.start <= at < fault.end), default=inf)
            if first < inf:
                yield (
                    first - fault.start,
                    sum(
                        call.upstream in primaries and fault.start <= call.started < first and call.kind is not None
                        for call in run.calls
                    )
                    / run.scenario.processes,
                )


def false_opens(run: SimulationRun) -> int:
    """Count the openings that no fault of their upstream explains."""
    faults_on = run.scenario.faults_on
    return sum(
        not any(fault.start <= each.at < fault.end + ECHO for fault in faults_on(frozenset({each.upstream})))
        for each in run.notes.openings
    )


def recovery(run: SimulationRun) -> float | None:
    """Give the seconds from the last fault's end to a minute in which the primary makes four of five pictures."""
    end = max((fault.end for fault in _sickening(run)), default=inf)
    if end >= run.scenario.seconds:
        return None
    made: Counter[int] = Counter()
    by_primary: Counter[int] = Counter()
    for each in run.ends:
        if each.order.at >= end and each.provider is not None:
            minute = int((each.order.at - end) // 60)
            made[minute] += 1
            by_primary[minute] += run.scenario.providers[each.provider].upstream in run.scenario.primaries
    return next((60.0 * minute for minute in sorted(made) if by_primary[minute] >= 0.8 * made[minute]), None)
