"""What each feature of a routed request costs: one after the other is left out, and then all of them.

    python tests/benchmarks/ablation.py [--rounds 15] [--times 300]

The ways take turns; of each the least CPU time of all rounds counts, beside a bare aiohttp post's. Prints a table in
Markdown, which stands in docs/decisions/overhead.md. What is left out is left out by putting something that does
nothing in its place, so it is a bound from below of what a leaner way to have it could save.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from attrs import evolve
from callers import ask, bare, post, routed
from measure import cpu, take_turns
from upstream import upstream

from pixroute.health.registry import Health
from pixroute.http import provider as http_provider
from pixroute.http.attempt import HttpAttempt
from pixroute.http.call import Details
from pixroute.http.provider import HttpProvider
from pixroute.http.wire import insides
from pixroute.http.wire.clock import Clock, Limit
from pixroute.http.wire.wire import Wire
from pixroute.picture import PictureInfo
from pixroute.routing import attempt, attempts, run, validate
from pixroute.routing.chain import PreparedProvider
from pixroute.routing.emitter import Emitter
from pixroute.routing.ending import Decisions
from pixroute.routing.plan import plan
from pixroute.routing.record import AttemptRecord
from pixroute.routing.view import Plan, Start, View

Patches = Sequence[tuple[object, str, object]]


def _nothing(*_: object, **__: object) -> None:
    return None


def _same(value: Any, *_: object) -> Any:
    return value


def _no_admission() -> SimpleNamespace:
    """Give one that takes no place, and settles nothing."""
    return SimpleNamespace(settle=_nothing, release_slot=_nothing, excuse=_nothing, probes=(), is_stale=False)


def _remembered() -> Callable[[View], Plan]:
    """Plan once, and say the same ever after: the first provider of the chain, with all the time there is."""
    kept: list[Plan] = []

    def planned(view: View) -> Plan:
        if not kept:
            decided = plan(view)
            assert isinstance(decided.action, Start)
            kept.append(evolve(decided, action=evolve(decided.action, ends_at=view.now + 1e6)))
        return kept[0]

    return planned


def _one_view() -> Callable[[run.Run], View]:
    """Look at breakers, money and times once, and say the same ever after."""
    kept: list[View] = []
    look = run.Run._view

    def seen(one: run.Run) -> View:
        if not kept:
            kept.append(look(one))
        one._budget_seconds = 1e6
        return kept[0]

    return seen


def _one_record() -> Callable[[attempt.Attempt, float], AttemptRecord]:
    kept: list[AttemptRecord] = []
    write = attempts.record_of

    def written(one: attempt.Attempt, began: float) -> AttemptRecord:
        if not kept:
            kept.append(write(one, began))
        return kept[0]

    return written


def _features() -> Mapping[str, Patches]:
    info, no_details, admission = PictureInfo(format="png", width=4096, height=4096), Details(), _no_admission()
    return {
        "secrets looked for in what came": [
            (http_provider, "shown", _same),
            (http_provider, "without_secrets", _same),
            (HttpAttempt, "note", lambda self, **facts: self._attempt.note(**facts)),
        ],
        "the answer read for a refusal, a price, details": [
            (HttpProvider, "_refusal", _nothing),
            (http_provider, "stated_price", _nothing),
            (HttpProvider, "_details", lambda *_: no_details),
        ],
        "the picture looked at": [(validate, "inspect", lambda *_: info), (validate, "judge", _nothing)],
        "times learned": [(attempt, "learn", _nothing), (PreparedProvider, "timed", _same)],
        "breakers, evidence, slots": [
            (Health, "admit", lambda *_, **__: admission),
        ],
        "what the planner is shown, and a plan": [
            (run.Run, "_view", _one_view()),
            (run, "plan", _remembered()),
        ],
        "record and decisions": [
            (attempts, "record_of", _one_record()),
            (Decisions, "add", lambda *_: True),
            (Decisions, "as_recorded", lambda _: ()),
        ],
        "events": [(Emitter, name, _nothing) for name in ("start", "skips", "begin", "finish", "end")],
        "limits: connect, send, first byte, stall, time-out": [
            (Clock, "limit", _nothing),
            (Limit, "moved_to", _nothing),
            (Wire, "_note", _nothing),
        ],
        "the connection looked at before it is used": [(insides, "_unread", lambda *_: False)],
    }


async def _without(patches: Patches, work: Callable[[], Awaitable[float]]) -> float:
    with ExitStack() as stack:
        for owner, name, instead in patches:
            stack.enter_context(patch.object(owner, name, instead))
        return await work()


async def _measure(origin: str, rounds: int, times: int) -> dict[str, float]:
    async with routed(origin) as router, bare() as session:
        for _ in range(200):  # so that there is something learned, and remembered
            await ask(router)
        features = _features()
        ways: dict[str, Patches] = {"as it is": (), **features}
        ways["all of these"] = [one for patches in features.values() for one in patches]
        routed_once = partial(cpu, partial(ask, router), times)
        found = await take_turns(
            rounds,
            partial(cpu, partial(post, session, origin), times),
            *[partial(_without, patches, routed_once) for patches in ways.values()],
        )
    return dict(zip(["bare aiohttp", *ways], map(min, found), strict=True))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=300)
    given = parser.parse_args()
    with upstream() as origin:
        found = asyncio.run(_measure(f"{origin}/at-once", given.rounds, given.times))
    theirs, whole = found.pop("bare aiohttp"), found["as it is"]
    print("| without | CPU | saved | ÷ aiohttp |\n|---|---|---|---|")
    for name, spent in found.items():
        print(f"| {name} | {1e6 * spent:.0f} µs | {1e6 * (whole - spent):.0f} µs | {spent / theirs:.2f} × |")


if __name__ == "__main__":
    main()
