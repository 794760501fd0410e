"""What runs come to, in figures: from the callers' ends and the upstreams' books, alike for every policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from statistics import fmean

from attrs import evolve, frozen

from pixroute.outcome import Billing
from pixroute.simulate.detection import detections, false_opens, recovery
from pixroute.simulate.run import RequestEnd, SimulationRun
from pixroute.simulate.scenario import HOUR, Scenario

DAY = 24 * HOUR


@frozen
class Times:
    """Quantiles in seconds; None of nothing."""

    p50: float | None
    p95: float | None
    p99: float | None


@frozen(kw_only=True)
class Regret:
    """How far a policy is from the oracle in the same world.

    Args:
        success: share of the requests that the oracle served and the policy did not; 0 is as good.
        dollars: dollars per picture in the upstreams' books, as a multiple of the oracle's.
        p50, p99: seconds to the picture, as multiples of the oracle's; None where either delivered nothing.
    """

    success: float
    dollars: float | None
    p50: float | None
    p99: float | None

    def __str__(self) -> str:
        def times(value: float | None) -> str:
            return "–" if value is None else f"{value:.2f} ×"

        return f"{self.success:.3%}, {times(self.dollars)}, {times(self.p50)}, {times(self.p99)}"


@frozen(kw_only=True)
class Figures:
    """The figures of one policy in one scenario, over all its seeds.

    Args:
        requests: all of them; poison, and callers who went away by design, are not in `success`.
        success: share that got a picture while its caller was there.
        success_by: the same by phase and resolution.
        delivery, error: times to a picture, and to being told that there is none.
        certain, expected, worst: dollars per success: surely billed; in the upstreams' books; all possibly billed.
        wasted: dollars per success, at worst, for calls that delivered nothing.
        possibly_billed: requests by the number of calls that may have been billed.
        most_possibly_billed: the highest number at any instant.
        abandoned: calls billed without a delivered picture, per request.
        amplification, worst_minute: calls per request, and in the worst minute with ten requests.
        detection, sunk: seconds from a fault's start to the first opening, and the calls lost until then.
        opens_per_hour: openings, per process.
        false_opens: openings a day and process that no fault explains.
        recovery: seconds from a fault's end to the first minute in which the primary makes four of five pictures.
        probes, wasted_probes, probe_price: calls while half-open, those in vain, and their dollars at worst.
        primary: share of the pictures that the first provider's upstream made.
        violations: of the invariants.
        cpu: processor seconds per 100,000 requests.
        regret: the distance to the oracle, where that was in the same world.
    """

    policy: str
    requests: int
    success: float
    success_by: Mapping[tuple[str, str], float]
    delivery: Times
    error: Times
    certain: float
    expected: float
    worst: float
    wasted: float
    possibly_billed: Mapping[int, int]
    most_possibly_billed: int
    abandoned: float
    amplification: float
    worst_minute: float
    detection: float | None
    sunk: float | None
    opens_per_hour: float
    false_opens: float
    recovery: float | None
    probes: int
    wasted_probes: int
    probe_price: float
    primary: float
    violations: int
    cpu: float
    regret: Regret | None = None

    @property
    def mean_possibly_billed(self) -> float:
        """Calls that may have been billed, per request."""
        return sum(number * count for number, count in self.possibly_billed.items()) / max(1, self.requests)


def measure(runs: Sequence[SimulationRun]) -> Figures:
    """Take the figures of runs that differ in their seed alone."""
    scenario = runs[0].scenario
    ends = [end for run in runs for end in run.ends]
    calls = [call for run in runs for call in run.calls]
    served = [end for end in ends if end.provider is not None]
    counted = [end for end in ends if not end.order.poison and not end.order.cancels]
    pictures = max(1, len(served))
    billed = sum(call.price for call in calls if call.billing is Billing.BILLED)
    days = len(runs) * scenario.processes * scenario.seconds / DAY
    found = [each for run in runs for each in detections(run)]
    possibly = _possibly_billed(runs)
    return Figures(
        policy=runs[0].policy,
        requests=len(ends),
        success=_share(end.provider is not None for end in counted),
        success_by=_success_by(scenario, counted),
        delivery=_times(end.seconds for end in served),
        error=_times(end.seconds for end in counted if end.provider is None),
        certain=billed / pictures,
        expected=sum(call.price for call in calls if call.billed) / pictures,
        worst=sum(call.price for call in calls if call.billing is not Billing.FREE) / pictures,
        wasted=sum(call.price for call in calls if call.kind and call.billing is not Billing.FREE) / pictures,
        possibly_billed=possibly,
        most_possibly_billed=max(*(run.notes.most_possibly_billed for run in runs), *possibly, 0),
        abandoned=sum(call.billed and call.kind is not None for call in calls) / max(1, len(ends)),
        amplification=len(calls) / max(1, len(ends)),
        worst_minute=max(map(_worst_minute, runs)),
        detection=_mean(delay for delay, _ in found),
        sunk=_mean(sunk for _, sunk in found),
        opens_per_hour=sum(len(run.notes.openings) for run in runs) / (days * 24),
        false_opens=sum(map(false_opens, runs)) / days,
        recovery=_mean(each for run in runs if (each := recovery(run)) is not None),
        probes=sum(run.notes.probes for run in runs),
        wasted_probes=sum(run.notes.wasted_probes for run in runs),
        probe_price=sum(run.notes.probe_price for run in runs),
        primary=_share(scenario.providers[end.provider or ""].upstream in scenario.primaries for end in served),
        violations=sum(len(run.notes.violations) for run in runs),
        cpu=sum(run.cpu for run in runs) / max(1, len(ends)) * 100_000,
    )


def beside(oracle: Figures, policies: Sequence[Figures]) -> list[Figures]:
    """Give the figures with their regret; all are of the same scenario and seeds."""
    return [evolve(each, regret=_regret(each, oracle)) for each in policies]


def _regret(policy: Figures, oracle: Figures) -> Regret:
    return Regret(
        success=max(0.0, oracle.success - policy.success),
        dollars=_ratio(policy.expected, oracle.expected),
        p50=_ratio(policy.delivery.p50, oracle.delivery.p50),
        p99=_ratio(policy.delivery.p99, oracle.delivery.p99),
    )


def _ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else one / other


def _share(values: Iterable[bool]) -> float:
    known = list(values)
    return sum(known) / len(known) if known else 1.0


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return fmean(known) if known else None


def _times(values: Iterable[float]) -> Times:
    known = sorted(values)
    if not known:
        return Times(None, None, None)
    return Times(*(known[ceil(share * len(known)) - 1] for share in (0.5, 0.95, 0.99)))


def _success_by(scenario: Scenario, ends: Sequence[RequestEnd]) -> dict[tuple[str, str], float]:
    asked: Counter[tuple[str, str]] = Counter()
    served: Counter[tuple[str, str]] = Counter()
    for end in ends:
        key = (scenario.phase(end.order.at), end.order.resolution)
        asked[key] += 1
        served[key] += end.provider is not None
    return {key: served[key] / count for key, count in sorted(asked.items())}


def _possibly_billed(runs: Sequence[SimulationRun]) -> dict[int, int]:
    counts: Counter[int] = Counter()
    for run in runs:
        by_order = Counter(call.order for call in run.calls if call.billing is not Billing.FREE)
        counts.update(by_order.values())
        counts[0] += len(run.ends) - len(by_order)
    return dict(sorted(counts.items()))


def _worst_minute(run: SimulationRun) -> float:
    calls = Counter(int(call.started // 60) for call in run.calls)
    arrivals = Counter(int(end.order.at // 60) for end in run.ends)
    return max((calls[minute] / count for minute, count in arrivals.items() if count >= 10), default=0.0)
