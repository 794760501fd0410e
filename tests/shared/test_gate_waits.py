"""What happens to an attempt while it waits at the gate for what processes share: nothing goes to an open breaker."""

import asyncio
from contextlib import suppress

import pytest

from pixroute import FailureKind, PixrouteError
from pixroute.events import AttemptFinished, AttemptStarted, BreakerChanged
from pixroute.outcome import Stage
from pixroute.policy import BreakerPolicy, Policy, RetryPolicy
from pixroute.shared import Stores
from pixroute.shared.budgets import Budget
from pixroute.simulate.scenario import ScenarioFleet
from pixroute.simulate.store import SimulatedKept, SimulatedStore, SimulatedTold
from pixroute.testing import FakeProvider, fail, fake_router, run_virtual
from pixroute.testing.invariants import Invariants

POLICY = Policy(breaker=BreakerPolicy(open_for=0.2), retry=RetryPolicy(quick=False, rounds=()), give_up_after=0)


class SlowKept(SimulatedKept):
    """A store of money that keeps whoever asks it waiting, once it is slow."""

    slow = False

    async def transact(self, work):
        """Take 0.9 s."""
        if self.slow:
            await asyncio.sleep(0.9)
        return await super().transact(work)


class Waiting:
    """A router whose first provider shows `script`, with money at a slow store; and all that it tells."""

    def __init__(self, *script, store=None):
        store = store or SimulatedStore(ScenarioFleet(shares=True, delay=0), None)
        self.kept, self.events = SlowKept(store, 0), []
        self.one = FakeProvider(*script, upstream="u", latency=(0.5, 1.0, 2.0))
        self.checker = Invariants(providers={"one": self.one})
        self.router = fake_router(
            one=self.one,
            policy=POLICY,
            observers=[self.checker, self.events.append],
            budgets={"team": Budget(limit=9, per="month")},
            shared=Stores(SimulatedTold(store, 0), self.kept),
        )

    def states(self):
        """Give the states that its breaker came to."""
        return [event.state for event in self.events if isinstance(event, BreakerChanged)]

    async def end(self):
        """Close, and look at the invariants."""
        await asyncio.sleep(3)
        health = self.router.health()
        await self.router.aclose()
        self.checker.check_end(health)


async def refused(router, *prompts):
    """Ask for pictures that do not come."""
    for prompt in prompts:
        with suppress(PixrouteError):
            await router.generate(prompt)


def test_a_hint_that_comes_while_an_attempt_waits_for_the_store_keeps_it_back():
    """A hint opens without a new generation: what waited was once sent into the pause all the same."""

    async def main():
        waiting = Waiting(fail(FailureKind.OVERLOADED, 0.4, hint=30.0))
        first = asyncio.ensure_future(refused(waiting.router, "first"))
        await asyncio.sleep(0.1)
        waiting.kept.slow = True
        await asyncio.gather(first, refused(waiting.router, "second"))
        await waiting.end()
        return len(waiting.one.calls), waiting.states()

    assert run_virtual(main()) == (1, ["open"])


def test_an_attempt_that_is_given_up_while_it_waits_for_the_store_was_sent_to_nobody():
    """Its breaker opened and let a probe pass meanwhile; it is told as having begun before that, and never left."""

    async def main():
        waiting = Waiting(fail(FailureKind.SERVER_ERROR, 0.1))
        await refused(waiting.router, *"1234")
        fifth = asyncio.ensure_future(waiting.router.generate("5"))
        await asyncio.sleep(0.05)
        waiting.kept.slow = True
        sixth = asyncio.ensure_future(waiting.router.generate("6"))
        with pytest.raises(PixrouteError):
            await fifth
        await asyncio.sleep(0.5)
        sixth.cancel()
        await asyncio.wait([sixth])
        last = waiting.events[-3:]
        await waiting.end()
        return last, waiting.states()[:2]

    (started, finished, _), states = run_virtual(main())

    assert states == ["open", "half-open"]
    assert isinstance(started, AttemptStarted)
    assert isinstance(finished, AttemptFinished)
    assert finished.stage is Stage.QUEUED
