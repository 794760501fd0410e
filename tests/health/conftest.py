"""A breaker with a clock of its own, and a loop that is only a heap of timers."""

import heapq
import itertools
from collections.abc import Callable
from random import Random

import pytest

from pixroute.events import BreakerChanged
from pixroute.health.admission import Settlement
from pixroute.health.breaker import Breaker
from pixroute.health.registry import Health
from pixroute.health.scopes import Keys
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import BreakerPolicy

EXPECTED = Quantiles(50, 80, 100)
SURE = 1.0


class Patient:
    """A breaker, its clock, and the shortest words for what happens to it."""

    def __init__(self, *, jitter=0.0, silence=True, **policy):
        self.now = 0.0
        self.breaker = Breaker(BreakerPolicy(**policy), jitter=lambda: jitter, silence=silence)
        self._ids = itertools.count()

    def at(self, seconds):
        """Go on to this time, looking at the breaker whenever it asks to be looked at."""
        while self.breaker.next_check <= seconds:
            self.now = max(self.now, self.breaker.next_check)
            self.breaker.evaluate(self.now)
        self.now = seconds
        return self

    def pause(self, seconds):
        """Let the machine sleep for so many seconds."""
        self.now += seconds
        self.breaker.leave_out(seconds)
        return self

    def after(self, seconds):
        """Go on by so many seconds."""
        return self.at(self.now + seconds)

    def start(self, evidence=None, *, request=None, expected=EXPECTED, timeout=100.0, survival=lambda _: SURE):
        """Admit a call of a new request."""
        number = next(self._ids)
        return self.breaker.admit(
            self.now,
            request=request or f"request-{number}",
            evidence=number if evidence is None else evidence,
            expected=expected,
            timeout=timeout,
            survival=survival,
        )

    def end(self, token, verdict=HealthSignal.SUCCESS, hint=None):
        """Settle a call."""
        self.breaker.settle(token, verdict, self.now, hint=hint)

    def call(self, verdict=HealthSignal.SUCCESS, *, evidence=None, times=1, hint=None, timeout=100.0):
        """Start and end calls in the same instant."""
        for _ in range(times):
            self.end(self.start(evidence, timeout=timeout), verdict, hint)
        return self

    @property
    def view(self):
        """The breaker's view now."""
        return self.breaker.view(self.now)

    @property
    def state(self):
        """Its state now."""
        return self.view.state

    @property
    def reason(self):
        """Its reason now."""
        return self.view.reason

    def is_open_for(self, reason):
        """Tell whether it is open for this reason."""
        return (self.state, self.reason) == (State.OPEN, reason)

    def half_open(self, reason=OpenReason.STREAK):
        """Bring a fresh breaker to half-open: opened by quick answers, by silence, or by one answer."""
        if reason is OpenReason.STREAK:
            self.call(HealthSignal.HARD, times=self.breaker.policy.max_failures)
        elif reason is OpenReason.OVERDUE:
            self.hung = [self.start() for _ in range(self.breaker.policy.max_overdue)]
            self.at(self.breaker.next_check)
        else:
            self.breaker.open_now(reason, 30, self.now)
        assert self.is_open_for(reason)
        self.at(self.view.until)
        assert self.state is State.HALF_OPEN
        return self


@pytest.fixture
def patient():
    """Make a breaker with its clock; arguments are the policy's."""
    return Patient


class Loop:
    """`clock` and `call_at` without a loop: timers fire when time is moved."""

    def __init__(self):
        self.now = 0.0
        self.fired = 0
        self.early = 0.0
        self._timers = []
        self._count = itertools.count()

    def clock(self):
        """Give the time."""
        return self.now

    def call_at(self, when, callback):
        """Remember a callback."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (when, next(self._count), timer))
        return timer

    @property
    def pending(self):
        """When the timers fire that were not cancelled."""
        return [when for when, _, timer in self._timers if timer.callback]

    def run_until(self, time):
        """Move time, firing what is due."""
        while self._timers and self._timers[0][0] <= time:
            when, _, timer = heapq.heappop(self._timers)
            if timer.callback:
                self.now = max(self.now, when - self.early)
                self.fired += 1
                timer.callback()
        self.now = time


class Timer:
    """A callback that can be cancelled."""

    def __init__(self, callback: Callable[[], None]):
        self.callback = callback

    def cancel(self):
        """Let it not fire."""
        self.callback = None


class World:
    """A registry on a loop that is only timers, with three providers of two upstreams."""

    def __init__(self, **policy):
        self.loop = Loop()
        self.changes: list[BreakerChanged] = []
        self.policy = BreakerPolicy(**policy)
        self.health = Health(
            clock=self.loop.clock, call_at=self.loop.call_at, random=Random(7), on_change=self.changes.append
        )
        self.http = self.keys("http", origin="http://one:1")
        self.https = self.keys("https", origin="https://one")
        self.other = self.keys("other", upstream="other", account="second", origin="https://two")
        self._ids = itertools.count()

    @property
    def now(self):
        """The loop's time."""
        return self.loop.now

    def keys(self, provider, **changes):
        """Make keys of upstream `banana` at 4K without an origin, but for the changes."""
        values = {"upstream": "banana", "account": "first", "origin": None, "resolution": "4K"}
        return Keys(provider=provider, **(values | changes))

    def status(self, keys, waiter=None):
        """Ask for the status now."""
        return self.health.status(keys, self.now, waiter)

    def admit(self, keys, waiter=None, evidence=None):
        """Admit a new request, which must be possible."""
        assert self.status(keys, waiter).admits
        number = next(self._ids)
        return self.health.admit(
            keys,
            self.now,
            policy=self.policy,
            request=f"request-{number}",
            evidence=number if evidence is None else evidence,
            expected=EXPECTED,
            timeout=100,
            waiter=waiter,
        )

    def end(self, admission, upstream=HealthSignal.SUCCESS, origin=HealthSignal.SUCCESS, **more):
        """Settle an attempt."""
        said = {name: more.pop(name) for name in ("hint", "hold", "opens", "every_resolution") if name in more}
        admission.settle(Settlement(upstream, origin, **said), self.now, **more)

    def call(self, keys, upstream=HealthSignal.SUCCESS, origin=HealthSignal.SUCCESS, times=1, **more):
        """Admit and settle in the same instant."""
        for _ in range(times):
            self.end(self.admit(keys), upstream, origin, **more)

    def entry(self, key):
        """Find a line of the report."""
        return next(entry for entry in self.health.report(self.now) if entry.key == key)


@pytest.fixture
def world():
    """Make a registry with its loop; arguments are the breakers' policy."""
    return World
