"""What one decision over three providers takes."""

import asyncio
import time
from functools import partial

from attrs import evolve
from measure import Figure, take_turns

from pixroute.health.scopes import ADMITS
from pixroute.latency import Quantiles
from pixroute.outcome import Failure, FailureKind
from pixroute.policy import Policy
from pixroute.routing.plan import plan
from pixroute.routing.view import Candidate, Past, Start, Tried, View

TARGETS = {"first": 10.0, "beside a silent attempt": 15.0, "after a failure": 15.0}


def run(*, quick: bool) -> list[Figure]:
    """At the first decision, when a fallback may join a silent attempt, and after a failure."""
    views = {"first": _first(), "beside a silent attempt": _silent(), "after a failure": _failed()}
    assert all(isinstance(plan(view).action, Start) for view in views.values())
    ways = [partial(_microseconds, view, 500 if quick else 3000) for view in views.values()]
    found = asyncio.run(take_turns(9 if quick else 25, *ways))
    return [
        Figure(benchmark="planner", name=f"one decision, {name}", unit="µs", values=values, target=TARGETS[name])
        for name, values in zip(views, found, strict=True)
    ]


async def _microseconds(view: View, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        if view.tried:
            Past.of(view.tried, view.round)  # a view reads its attempts when it is made
        plan(view)
    return 1e6 * (time.process_time() - began) / times


def _first() -> View:
    return View(
        now=0.0,
        deadline=900.0,
        candidates=(_candidate("http", "google"), _candidate("https", "google"), _candidate("seedream", "ark")),
        statuses=(ADMITS,) * 3,
        policy=Policy(),
    )


def _silent() -> View:
    tried = Tried(index=0, round=0, started=0.0, ends_at=600.0, join_at=225.0, join_free_at=225.0)
    return evolve(_first(), now=225.0, tried=(tried,))


def _failed() -> View:
    failure = Failure(kind=FailureKind.OVERLOADED, message="The provider answered 503.", status=503)
    tried = Tried(
        index=0,
        round=0,
        started=0.0,
        ends_at=600.0,
        join_at=225.0,
        join_free_at=225.0,
        ended=2.0,
        failure=failure,
        may_be_billed=False,
    )
    return evolve(_first(), now=2.0, tried=(tried,))


def _candidate(name: str, upstream: str) -> Candidate:
    return Candidate(
        name=name,
        upstream=upstream,
        account=upstream,
        timeout=600.0,
        expected=Quantiles(50.0, 120.0, 150.0),
        hedge_after=225.0,
    )
