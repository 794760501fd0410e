"""Whatever providers and the store do, the invariants hold in each process of a fleet (semantics §10)."""

import asyncio
import os
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.soak.gates import check, line_of

from pixroute import FailureKind, PixrouteError
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.shared import Stores
from pixroute.shared.budgets import Budget
from pixroute.simulate.scenario import ScenarioFleet
from pixroute.simulate.store import SimulatedKept, SimulatedStore, SimulatedTold
from pixroute.testing import Act, FakeProvider, fail, fake_router, run_virtual
from pixroute.testing.invariants import Invariants

EXAMPLES = int(os.environ.get("PIXROUTE_EXAMPLES", "150"))
"""As in tests/routing/test_invariants.py."""

K = FailureKind
SECONDS = st.sampled_from([0.0, 0.3, 2.0, 12.0, 40.0])


@st.composite
def acts(draw):
    """A picture, a failure that says something of the upstream, or silence."""
    what = draw(st.sampled_from(["picture", "fail", "fail", "hint", "silence"]))
    if what == "silence":
        return Act(seconds=float("inf"))
    if what == "picture":
        return Act(seconds=draw(SECONDS))
    if what == "hint":
        return fail(K.OVERLOADED, draw(SECONDS), hint=draw(st.sampled_from([2.0, 31.0])))
    return fail(draw(st.sampled_from([K.SERVER_ERROR, K.OVERLOADED, K.CONNECT, K.EMPTY])), draw(SECONDS))


WEATHER = st.builds(
    ScenarioFleet,
    shares=st.sampled_from([True]),
    delay=st.sampled_from([0.0, 0.02, 0.3, 0.6]),
    loss=st.sampled_from([0.0, 0.0, 0.3]),
    cut_off=st.sampled_from([0, 0, 1]),
    cut_from=st.just(20.0),
    cut_for=st.just(60.0),
)
ASKS = st.fixed_dictionaries(
    {
        "at": st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.5, 0.9, 1.2, 2.0, 5.2, 6.0, 14.0, 21.0, 70.0]),
        "process": st.integers(0, 2),
        "timeout": st.sampled_from([None, 1.0, 20.0, 60.0]),
        "leaves_after": st.sampled_from([None, None, 0.1, 0.3, 0.7, 5.0]),
    }
)
POLICIES = st.builds(
    Policy,
    breaker=st.builds(
        BreakerPolicy,
        max_failures=st.just(2),
        min_requests=st.just(2),
        max_overdue=st.just(1),
        open_for=st.sampled_from([0.2, 5.0]),  # less, and more, than the store may take
    ),
    retry=st.builds(RetryPolicy, rounds=st.just((5.0,))),
    give_up_after=st.just(20.0),
)


def process(number, scripts, policy, store, places):
    """Give a process's router and what watches it; all know the same upstreams."""
    fakes = {
        name: FakeProvider(
            *script,
            upstream=name,
            account="purse",
            origin=f"https://{name}.test:443",
            latency=(5.0, 8.0, 10.0),
            max_in_flight=places,
            shared=places is not None,
        )
        for name, script in scripts.items()
    }
    checker, told = Invariants(providers=fakes, shared=True), []
    router = fake_router(
        **fakes,
        policy=policy,
        observers=[checker, lambda event: told.append(line) if (line := line_of(event)) else None],
        budgets={"team": Budget(limit=100, per="month")},
        shared=Stores(SimulatedTold(store, number), SimulatedKept(store, number)),
        seed=number,
    )
    return router, checker, told


async def ask(router, number, wish):
    """Ask, and perhaps leave."""
    await asyncio.sleep(wish["at"])
    task = asyncio.ensure_future(router.generate(f"{number}", timeout=wish["timeout"]))
    if wish["leaves_after"] is not None:
        asyncio.get_running_loop().call_later(wish["leaves_after"] + 0.01, task.cancel)
    with suppress(PixrouteError, asyncio.CancelledError):
        await task


@pytest.mark.slow  # many arbitrary histories
@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.lists(st.lists(acts(), min_size=1, max_size=4), min_size=1, max_size=2),
    POLICIES,
    WEATHER,
    st.sampled_from([None, None, 2]),
    st.lists(ASKS, min_size=3, max_size=25),
)
def test_invariants_hold_in_a_fleet(scripts, policy, weather, places, wishes):
    """Every attempt waits at the store for its money, and what is known of health changes meanwhile."""
    named = {f"u{number}": script for number, script in enumerate(scripts)}

    async def main():
        store = SimulatedStore(weather, Random(0))
        fleet = [process(number, named, policy, store, places) for number in range(3)]
        await asyncio.gather(*(ask(fleet[wish["process"]][0], n, wish) for n, wish in enumerate(wishes)))
        await asyncio.sleep(5)
        health = [router.health() for router, *_ in fleet]
        for router, *_ in fleet:
            await router.aclose()
        await asyncio.sleep(5)
        for (_, checker, _), entries in zip(fleet, health, strict=True):
            checker.check_end(entries)
        assert check({f"p{number}": told for number, (*_, told) in enumerate(fleet)}, len(fleet))[0] == []

    run_virtual(main())
