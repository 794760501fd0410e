"""Waiting, waking, starting and giving up in any order: places are neither lost nor given twice."""

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from pixroute.outcome import HealthSignal

VERDICTS = st.sampled_from([HealthSignal.SUCCESS, HealthSignal.SUCCESS, HealthSignal.HARD, HealthSignal.NEUTRAL])


class LineMachine(RuleBasedStateMachine):
    """Two providers of a sick upstream, one of them with two slots."""

    def __init__(self, world):
        super().__init__()
        self.w = world(max_failures=2)
        self.narrow = self.w.keys("narrow", max_in_flight=2)
        self.w.call(self.narrow, HealthSignal.HARD, times=2)
        self.waiting, self.woken, self.live = [], [], []

    @rule(both=st.booleans())
    def wait(self, both):
        """A request stands in line, for one provider or for both."""
        keys = [self.narrow, self.w.http] if both else [self.narrow]
        waiter = self.w.health.wait(keys, lambda: self.woken.append(waiter))
        self.waiting.append((waiter, keys))

    @precondition(lambda self: self.woken)
    @rule()
    def start(self):
        """A woken request plans: it starts where it may, and closes."""
        waiter = self.woken.pop(0)
        keys = next(keys for other, keys in self.waiting if other is waiter)
        admitting = [key for key in keys if self.w.status(key, waiter).admits]
        if admitting:
            self.live.append(self.w.admit(admitting[0], waiter))
        self.give_up(waiter)

    @precondition(lambda self: self.waiting)
    @rule(which=st.integers(0, 50))
    def give_up_any(self, which):
        """A request goes away, woken or not."""
        waiter, _ = self.waiting[which % len(self.waiting)]
        self.woken = [other for other in self.woken if other is not waiter]
        self.give_up(waiter)

    def give_up(self, waiter):
        """Close a waiter."""
        self.waiting = [(other, keys) for other, keys in self.waiting if other is not waiter]
        waiter.close()

    @precondition(lambda self: self.live)
    @rule(which=st.integers(0, 50), verdict=VERDICTS)
    def end(self, which, verdict):
        """An attempt ends."""
        self.w.end(self.live.pop(which % len(self.live)), verdict)

    @rule(seconds=st.integers(1, 60))
    def time(self, seconds):
        """Time passes."""
        self.w.loop.run_until(self.w.now + seconds)

    @rule()
    def newcomer(self):
        """A request that never waited starts if it may."""
        if self.w.status(self.narrow).admits:
            self.live.append(self.w.admit(self.narrow))

    @invariant()
    def limits_hold(self):
        """Never more than two slots, nor more live than a half-open breaker allows (I7)."""
        entry, breaker = self.w.entry("narrow"), self.w.health._route(self.narrow).upstream.breaker
        places = breaker.places(self.w.now)

        assert entry.in_flight <= 2
        assert places is None or places >= 0

    @invariant()
    def nobody_waits_who_could_start(self):
        """Once places are passed on, whoever is not woken could not be admitted."""
        self.w.health.pass_on()
        for waiter, keys in self.waiting:
            assert waiter.woken or not any(self.w.status(key).admits for key in keys)

    def teardown(self):
        """When all have ended or gone, every place is free and every promise redeemed (I4)."""
        for call in self.live:
            self.w.end(call, HealthSignal.NEUTRAL)
        for waiter, _ in self.waiting:
            waiter.close()
        route = self.w.health._route(self.narrow)
        assert (route.bulkhead.used, route.bulkhead.promised, route.upstream.promised) == (0, 0, 0)
        assert route.upstream.breaker.in_flight == 0
        assert not self.w.health._line.queues


@pytest.mark.slow  # a hundred histories of dozens of steps
def test_places_are_neither_lost_nor_given_twice(world):
    """Over random histories limits hold, nobody waits who could start, and nothing leaks."""
    run_state_machine_as_test(
        lambda: LineMachine(world),
        settings=settings(
            max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
