"""The breaker against a model that keeps everything and looks at every instant."""

from collections import Counter
from math import inf

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, event, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pixroute.health.breaker import Breaker
from pixroute.health.force import Forced
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import BreakerPolicy

POLICY = BreakerPolicy(max_failures=3, min_requests=4, half_open_max=8, stall="off")
EXPECTED = Quantiles(50, 80, 100)
TIMEOUT = 200.0
WINDOW = 400.0
ENDED_BY_LATE_SUCCESS = frozenset({OpenReason.OVERDUE, OpenReason.STALL, OpenReason.RATE})
BAD = (HealthSignal.HARD, HealthSignal.THROTTLE)
SICK = (OpenReason.STREAK, OpenReason.RATE, OpenReason.OVERDUE)

runs: Counter[str] = Counter()


class Call:
    """An admission, as the model sees it."""

    def __init__(self, token, request, started, generation):
        self.token = token
        self.request = request
        self.started = started
        self.generation = generation


class Model:
    """Semantics §4 in the plainest words: a log of outcomes, a list of calls, no shortcuts."""

    def __init__(self):
        self.now = 0.0
        self.state, self.reason, self.until, self.allowed = State.CLOSED, None, -inf, 0
        self.generation = self.k = 0
        self.healthy_since, self.hinted_until, self.ramp_from = -inf, -inf, inf
        self.answered = self.proven = False
        self.before = 0
        self.calls: list[Call] = []
        self.log: list[tuple[float, int, HealthSignal]] = []
        self.forced, self.forced_until, self.judged_from = None, inf, -inf
        self.spared_until = -inf
        self.told: list[tuple[float, OpenReason]] = []

    @property
    def live(self):
        """The calls of this generation."""
        return [call for call in self.calls if call.generation == self.generation]

    @property
    def room(self):
        """How many its state admits; None for no limit."""
        return {State.CLOSED: None, State.OPEN: 0, State.HALF_OPEN: self.allowed - len(self.live)}[self.state]

    @property
    def places(self):
        """How many may be admitted; None for no limit."""
        if self.forced is Forced.OBSERVE and not (self.state is State.OPEN and self.is_told):
            return None
        return self.room

    @property
    def until_told(self):
        """Until when a hint or one answer keeps it, and which."""
        return max([(self.now, OpenReason.HINT), (self.hinted_until, OpenReason.HINT), *self.told])

    @property
    def is_told(self):
        """Whether more than evidence keeps it open."""
        return self.reason not in SICK or self.until_told[0] > self.now

    def instants(self):
        """Everything that time alone will do, as (when, what)."""
        if self.forced is not None:
            yield self.forced_until, self.end_force
        if self.state is State.OPEN:
            yield self.until, self.reopen
        overdue = sorted(call.started + 150 for call in self.live)
        judged = self.forced is not Forced.CLOSED
        if len(overdue) >= 3 and judged:
            yield max(self.judged_from, self.spared_until, overdue[2]), self.look
        if self.state is State.HALF_OPEN and self.live:
            if self.allowed == 1 and judged:
                yield (
                    max(self.judged_from, self.live[0].started + 120),
                    lambda: self.sicken(OpenReason.OVERDUE, answered=False),
                )
            if self.answered:
                yield self.ramp_from + 3, self.ramp

    def go_to(self, time):
        """Let time act, one instant after another."""
        while (first := min(self.instants(), key=lambda pair: pair[0], default=None)) and first[0] <= time:
            self.now = max(self.now, first[0])
            first[1]()
        self.now = time

    def look(self):
        """Open for overdue calls that are, with what failed within P95, a quarter of all that should have ended."""
        overdue = sum(call.started + 150 <= self.now for call in self.live)
        last = {request: (at, verdict) for at, request, verdict in self.log}
        recent = [verdict for at, verdict in last.values() if at >= self.now - 80]
        bad = sum(verdict in BAD for verdict in recent)
        if 4 * (overdue + bad) >= overdue + len(recent):
            self.sicken(OpenReason.OVERDUE, answered=False)
        else:
            self.spared_until = self.now + 1

    def reopen(self):
        """End an open period."""
        if self.reason is OpenReason.HINT:
            self.state, self.reason = State.CLOSED, None
        elif self.forced is Forced.CLOSED:
            self.state, self.reason, self.healthy_since = State.CLOSED, None, self.now
        else:
            self.state, self.allowed, self.proven = State.HALF_OPEN, 1, False
        self.until = -inf

    def end_force(self):
        """Judge again, from now on."""
        self.forced, self.forced_until, self.judged_from = None, inf, self.now

    def clear_up(self):
        """Close, unless a hint or one answer keeps it."""
        until, reason = self.until_told
        if until > self.now:
            self.state, self.reason, self.until = State.OPEN, reason, until
        elif self.state is not State.CLOSED:
            self.state, self.reason, self.until, self.healthy_since = State.CLOSED, None, -inf, self.now

    def force(self, forced, until):
        """Do as an operator says."""
        held = self.state is State.OPEN and self.reason is OpenReason.FORCED
        self.judged_from = self.now if self.forced is Forced.CLOSED else self.judged_from
        self.forced, self.forced_until = forced, until
        if forced is Forced.OPEN:
            self.forced, self.forced_until = None, inf
            self.until = self.until_told[0]
            self.open(OpenReason.FORCED, until, answered=True)
        elif forced is Forced.CLOSED or held:
            self.clear_up()

    def release(self):
        """End what was forced."""
        if self.state is State.OPEN and self.reason is OpenReason.FORCED:
            if self.until_told[0] > self.now:
                self.clear_up()
            else:
                self.reopen()
        elif self.forced is not None:
            self.end_force()

    def reset(self):
        """Begin as new."""
        self.forced, self.forced_until = None, inf
        self.state, self.reason, self.until, self.hinted_until = State.CLOSED, None, -inf, -inf
        self.generation += 1
        self.k, self.healthy_since = 0, -inf
        self.told.clear()
        self.log.clear()

    def ramp(self):
        """Three seconds without failure."""
        self.ramp_from += 3
        self.allowed = max(self.allowed, self.before // 8)
        self.double()

    def double(self):
        """Admit twice as many; at 8 (here) it is closed."""
        self.allowed *= 2
        if self.allowed >= 8:
            self.state, self.reason, self.healthy_since = State.CLOSED, None, self.now

    def sicken(self, reason, *, answered, refused=False):
        """Open for 30·2^k, at most 120; after a quick refusal 10."""
        if self.forced is Forced.CLOSED:
            return
        if self.now - self.healthy_since >= 600:
            self.k = 0
        longest = 10 if refused else 120
        self.open(reason, self.now + min(30 * 2**self.k, longest), answered=answered)
        if 30 * 2**self.k < longest:
            self.k += 1

    def open(self, reason, until, *, answered):
        """Begin a generation."""
        if self.state is State.CLOSED:
            self.before = len(self.calls)
        self.generation += 1
        self.log.clear()
        self.healthy_since = inf
        self.state, self.reason, self.answered = State.OPEN, reason, answered
        self.until = max(self.until, until)

    @property
    def again(self):
        """Why a half-open one opens again."""
        return OpenReason.STREAK if self.reason is OpenReason.FORCED else self.reason

    def hint(self, until):
        """Wait for what the provider asked."""
        self.hinted_until = max(self.hinted_until, until)
        if self.state is State.CLOSED:
            self.state, self.reason = State.OPEN, OpenReason.HINT
        elif self.state is State.HALF_OPEN:
            self.open(self.again, until, answered=self.answered)
        self.until = max(self.until, until)

    def start(self, call):
        """Admit."""
        if not self.live:
            self.ramp_from = self.now
        self.calls.append(call)

    def end(self, call, verdict, *, hinted):  # noqa: C901 - the plainest words, in one place
        """Settle."""
        self.calls.remove(call)
        answered, refused = self.now - call.started <= 100, self.now - call.started <= 10
        if call.generation != self.generation:
            wrongly = self.state is State.OPEN and self.reason in ENDED_BY_LATE_SUCCESS
            if verdict is HealthSignal.SUCCESS and wrongly and self.now >= self.hinted_until:
                self.reopen()
        elif self.state is State.HALF_OPEN:
            if verdict is HealthSignal.SUCCESS:
                if not self.proven:
                    self.proven, self.allowed = True, max(self.allowed, self.before // 8)
                self.double()
            elif verdict in BAD and self.allowed > 1 and self.proven:
                self.allowed = max(self.allowed // 2, len(self.live), 1)
                self.ramp_from = self.now
            elif verdict in BAD:
                self.sicken(self.again, answered=answered, refused=refused)
        elif verdict is not HealthSignal.NEUTRAL:
            pause = self.state is State.OPEN
            if pause and verdict in BAD and (hinted or verdict is HealthSignal.THROTTLE):
                return
            self.log.append((self.now, call.request, verdict))
            if verdict in BAD and (reason := self.sickness(refused=refused)):
                self.sicken(reason, answered=answered, refused=refused)

    def sickness(self, *, refused):
        """Look through the log for a row of failures, or a rate."""
        row, working = {}, [call.started for call in self.live if refused and call.started <= self.now - 10]
        for at, request, verdict in self.log:
            row = (
                {**{k: v for k, v in row.items() if k != request}, request: at} if verdict is HealthSignal.HARD else {}
            )
        recent = [at for at in row.values() if at >= self.now - 7200]
        if len(recent) >= 3 and not any(started >= recent[0] for started in working):
            return OpenReason.STREAK
        last = {request: (at, verdict) for at, request, verdict in self.log}
        recent = [verdict for at, verdict in last.values() if at >= self.now - WINDOW]
        bad = sum(verdict in BAD for verdict in recent)
        everybody = len(recent) + sum(started >= self.now - WINDOW for started in working)
        return OpenReason.RATE if len(recent) >= 4 and bad * 2 >= everybody else None


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, breaker and model agree."""

    @initialize()
    def begin(self):
        """Start with a closed breaker."""
        self.model = Model()
        self.breaker = Breaker(POLICY, jitter=lambda: 0.0)
        self.half_open = False
        self.was = (State.CLOSED, -inf)
        self.early = False
        self.numbers = 0

    @rule(seconds=st.sampled_from([0.5, 1, 9, 10, 29, 30, 45, 70, 100, 150, 600, 1500]))
    def wait(self, seconds):
        """Let time pass; the owner's timer fires when it should."""
        end = self.model.now + seconds
        while self.breaker.next_check <= end:
            self.breaker.evaluate(self.breaker.next_check)
        self.model.go_to(end)

    @precondition(lambda self: self.model.state is State.OPEN and self.model.until < inf)
    @rule()
    def wait_to_the_end(self):
        """Go to the end of the open period."""
        self.wait(self.model.until - self.model.now)

    @precondition(lambda self: self.model.places is None or self.model.places > 0)
    @rule(evidence=st.one_of(st.none(), st.integers(-3, -1)), count=st.integers(1, 4))
    def start(self, evidence, count):
        """Admit some calls, of new requests or of one of three that come again."""
        for _ in range(count if self.model.places is None else min(count, self.model.places)):
            self.numbers += 1
            request = self.numbers if evidence is None else evidence
            token = self.breaker.admit(
                self.model.now,
                request=str(self.numbers),
                evidence=request,
                expected=EXPECTED,
                timeout=TIMEOUT,
                survival=lambda _: 1.0,
            )
            beyond = self.model.room is not None and self.model.room <= 0  # admitted only because it is observed
            generation = -1 if beyond else self.model.generation
            self.model.start(Call(token, request, self.model.now, generation))
            assert token.generation == self.breaker.generation

    @precondition(lambda self: self.model.calls)
    @rule(
        which=st.integers(0, 100), verdict=st.sampled_from(HealthSignal), hint=st.sampled_from([None, None, None, 20])
    )
    def end(self, which, verdict, hint):
        """Settle any call in flight, with a hint where a refusal may carry one."""
        call = self.model.calls[which % len(self.model.calls)]
        hint = hint if verdict in BAD else None
        self.early = verdict is HealthSignal.SUCCESS
        self.breaker.settle(call.token, verdict, self.model.now, hint=hint)
        self.model.end(call, verdict, hinted=hint is not None)
        if hint is not None:
            self.model.hint(self.model.now + hint)
        self.model.go_to(self.model.now)

    @precondition(lambda self: len(self.model.calls) >= 2)
    @rule(verdict=st.sampled_from([HealthSignal.SUCCESS, HealthSignal.HARD]))
    def end_all(self, verdict):
        """Settle everything in flight alike: an outage, or its end."""
        for _ in range(len(self.model.calls)):
            self.end(0, verdict, None)

    @precondition(lambda self: self.numbers)
    @rule(seconds=st.sampled_from([5, 300]))
    def open_now(self, seconds):
        """One answer is enough."""
        self.breaker.open_now(OpenReason.FORBIDDEN, seconds, self.model.now)
        model = self.model
        model.told.append((model.now + seconds, OpenReason.FORBIDDEN))
        if model.state is not State.OPEN or model.now + seconds > model.until:
            model.open(OpenReason.FORBIDDEN, model.now + seconds, answered=True)

    @rule(forced=st.sampled_from(Forced), seconds=st.sampled_from([20, 200, inf]))
    def force(self, forced, seconds):
        """An operator says what it is to be."""
        self.breaker.force(forced, self.model.now + seconds, self.model.now)
        self.model.force(forced, self.model.now + seconds)
        self.by_operator()

    @rule()
    def release(self):
        """An operator takes back what was forced."""
        self.breaker.release(self.model.now)
        self.model.release()
        self.by_operator()

    @rule()
    def reset(self):
        """An operator has it begin as new."""
        self.breaker.reset(self.model.now)
        self.model.reset()
        self.by_operator()

    def by_operator(self):
        """Take note that `until` may be another, and let time act."""
        self.early = True
        self.was = (State.CLOSED, -inf)
        self.model.go_to(self.model.now)

    @invariant()
    def agrees_with_the_model(self):
        """State, reason, until, allowed, places and calls in flight are the model's."""
        view, model = self.breaker.view(self.model.now), self.model
        self.half_open |= view.state is State.HALF_OPEN

        assert (view.state, view.reason, view.places) == (model.state, model.reason, model.places)
        assert view.until == (model.until if model.state is State.OPEN else None)
        assert view.allowed == (model.allowed if model.state is State.HALF_OPEN else None)
        assert self.breaker.in_flight == len(model.calls)
        held = model.state is State.OPEN and model.reason is OpenReason.FORCED
        assert view.forced is (Forced.OPEN if held else model.forced)

    @invariant()
    def never_more_live_than_allowed(self):
        """I7: nothing is admitted to an open breaker, at most `allowed` of its generation live half-open."""
        view = self.breaker.view(self.model.now)

        assert view.places is None or view.places >= 0

    @invariant()
    def until_never_moves_earlier(self):
        """I8: but for early half-open, an open breaker's `until` only grows, and it opens no sooner."""
        view = self.breaker.view(self.model.now)
        state, until = self.was
        if state is State.OPEN and self.model.now < until:
            assert view.state is State.OPEN or self.early
            assert view.until is None or view.until >= until
        self.was = view.state, view.until if view.until is not None else -inf
        self.early = False

    def teardown(self):
        """Settle all that is left: every token once (I3)."""
        if hasattr(self, "model"):
            for call in list(self.model.calls):
                self.breaker.settle(call.token, HealthSignal.NEUTRAL, self.model.now)
                with pytest.raises(KeyError):
                    self.breaker.settle(call.token, HealthSignal.NEUTRAL, self.model.now)
            assert self.breaker.in_flight == 0
            runs["all"] += 1
            runs["half-open"] += self.half_open
            event(f"reached half-open: {self.half_open}")


@pytest.mark.slow  # hundreds of histories of dozens of steps
def test_the_breaker_agrees_with_its_model():
    """Over random histories they agree at every step, and the histories reach half-open often enough to mean it."""
    runs.clear()

    run_state_machine_as_test(
        BreakerMachine,
        settings=settings(
            max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )

    share = runs["half-open"] / runs["all"]
    print(f"{share:.0%} of {runs['all']} histories reached half-open")
    assert share > 0.3
