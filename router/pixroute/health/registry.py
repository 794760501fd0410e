"""What is remembered between requests, and the timers that keep it true."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from math import inf
from random import Random

from pixroute.events import BreakerChanged
from pixroute.health.admission import Admission
from pixroute.health.breaker import Breaker
from pixroute.health.bulkhead import Bulkhead
from pixroute.health.force import Forced, OperatorOrder
from pixroute.health.holds import Holds
from pixroute.health.in_flight import AdmissionToken
from pixroute.health.latency import LearnedLatency
from pixroute.health.report import HealthEntry, breaker_entry, hold_entry, provider_entry
from pixroute.health.scopes import AdmissionStatus, HealthRoute, Keys, Scope, Timer
from pixroute.health.states import OpenReason, State
from pixroute.health.upstream import UpstreamHealth
from pixroute.health.waiting import Line, Waiter
from pixroute.latency import Quantiles
from pixroute.outcome import Hold
from pixroute.policy import BreakerPolicy
from pixroute.request import RESOLUTIONS


class Health:
    """Breakers, holds, latencies, slots and who waits for them: shared by all requests of a router.

    Args:
        clock: the loop's time in seconds.
        call_at: the loop's `call_at`.
        random: for the jitter of openings.
        on_change: told every change of a breaker.
        after_a_turn: calls when all that had arrived at the loop is handled.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        call_at: Callable[[float, Callable[[], None]], Timer],
        random: Random,
        on_change: Callable[[BreakerChanged], None],
        after_a_turn: Callable[[Callable[[], None]], None] = lambda call: call(),
    ) -> None:
        self._clock = clock
        self._call_at = call_at
        self._random = random
        self._on_change = on_change
        self._after_a_turn = after_a_turn
        self._heard = -inf
        self._routes: dict[Keys, HealthRoute] = {}
        self._upstreams: dict[str, UpstreamHealth] = {}
        self._origins: dict[str, Scope] = {}
        self._slots: dict[str, Bulkhead] = {}
        self.latencies: dict[Keys, LearnedLatency] = {}
        self.holds = Holds()
        self._disabled: set[str] = set()
        self._line = Line(self.pass_on)
        self._passing = False

    # -- asking

    def status(self, keys: Keys, now: float, waiter: Waiter | None = None) -> AdmissionStatus:
        """Tell whether an attempt may start now; places promised to woken waiters are not for others."""
        self.pass_on()
        route = self._routes.get(keys) or self._route(keys)
        promised = waiter is not None and waiter.promise is route
        return route.status(now, enabled=keys.provider not in self._disabled, promised=promised)

    def latency(self, keys: Keys, table: Quantiles, least: Quantiles | None = None) -> LearnedLatency:
        """Give the times of a provider and resolution, which learn while the upstream's breaker is closed."""
        latency = self.latencies.get(keys)
        if latency is None:
            breaker = self._route(keys).upstream.breaker
            latency = self.latencies[keys] = LearnedLatency(
                table, least=least, learns=lambda: breaker.state is State.CLOSED
            )
        return latency

    def in_flight(self, provider: str) -> int:
        """Count a provider's attempts under way in this process."""
        slots = self._slots.get(provider)
        return 0 if slots is None else slots.used

    def learned(self, keys: Keys) -> LearnedLatency | None:
        """Give the times of a provider and resolution if anybody has asked for them."""
        return self.latencies.get(keys)

    def report(self, now: float) -> tuple[HealthEntry, ...]:
        """Describe every breaker, hold and provider."""
        upstreams = [scope for upstream in self._upstreams.values() for scope in upstream.scopes.values()]
        return (
            *(breaker_entry("origin", scope, now) for scope in self._origins.values()),
            *(breaker_entry("upstream", scope, now) for scope in upstreams),
            *(hold_entry(account, until) for account, until in self.holds.active(now).items()),
            *(provider_entry(name, slots, enabled=name not in self._disabled) for name, slots in self._slots.items()),
        )

    def copied(self, now: float) -> Health:
        """Give a copy that stands still at `now`, for whoever reads: what is asked of it moves nothing here.

        It may be made in any thread: each step is one that no other thread can come between.
        """
        copy = still(now)
        vars(copy).update(
            _origins={name: scope.copied() for name, scope in list(self._origins.items())},
            _upstreams={name: upstream.copied() for name, upstream in list(self._upstreams.items())},
            _slots={name: slots.copied() for name, slots in list(self._slots.items())},
            latencies=dict(self.latencies),
            holds=self.holds.copied(),
            _disabled=set(self._disabled),
        )
        return copy

    # -- acting

    def admit(
        self,
        keys: Keys,
        now: float,
        *,
        policy: BreakerPolicy,
        request: str,
        evidence: Hashable,
        expected: Quantiles,
        timeout: float,
        waiter: Waiter | None = None,
    ) -> Admission:
        """Take slot, origin and upstream, all or none: only after `status` admits, with no await between.

        Args:
            keys: where the attempt goes.
            now: seconds on the loop's clock.
            policy: the breakers' from now on.
            request: the id by which overdue calls are counted.
            evidence: the request's fingerprint, by which outcomes are counted.
            expected: the call's usual times.
            timeout: the attempt's time-out in seconds.
            waiter: whose promised place is taken.
        """
        route = self._routes.get(keys) or self._route(keys)
        survival = (self.latencies.get(keys) or LearnedLatency(expected)).survival
        if waiter is not None:
            waiter.drop_promise()
        route.bulkhead.take()
        tokens: list[AdmissionToken] = []
        admission = Admission(self, route, tokens)
        try:
            for scope in route.scopes:
                scope.breaker.policy = policy
                take = scope.breaker.admit
                took = take(
                    now, request=request, evidence=evidence, expected=expected, timeout=timeout, survival=survival
                )
                tokens.append(took)
            self._arm(*route.scopes)
        except BaseException:
            admission.give_back(slot=True)
            raise
        return admission

    def settled(self, route: HealthRoute) -> None:
        """See to the timers and to whoever waits, after an outcome on this route."""
        self._arm(*route.scopes)
        self.pass_on()

    def hint(self, keys: Keys, seconds: float, now: float) -> None:
        """Pause every resolution of an upstream, as its provider asked."""
        upstream = self._upstreams[keys.upstream]
        upstream.hint(seconds, now)
        self._arm(*upstream.scopes.values())

    def open_now(
        self, keys: Keys, reason: OpenReason, seconds: float, now: float, *, every_resolution: bool = False
    ) -> None:
        """Open an upstream for one answer that is enough."""
        sick = self._upstreams[keys.upstream] if every_resolution else self._route(keys).upstream.breaker
        sick.open_now(reason, seconds, now)

    def hold(self, account: str, hold: Hold, now: float, credential: Callable[[], str] | None = None) -> None:
        """Ask an account no more for a time, or until the fingerprint that `credential` gives changes."""
        self.holds.place(account, hold, now, credential)

    def served(self, account: str) -> None:
        """Forget an account's holds: it was served."""
        if self.holds:
            self.holds.forget(account)

    def disable(self, provider: str) -> None:
        """Ask a provider no more; what is in flight goes on."""
        self._disabled.add(provider)

    def enable(self, provider: str) -> None:
        """Ask a provider again."""
        self._disabled.discard(provider)
        self.pass_on()

    def obey(self, order: OperatorOrder, now: float) -> None:
        """Do as an operator says, also to breakers that nobody has asked for yet."""
        scopes: list[Scope] = []
        if order.scope == "account":
            self.holds.forget(order.key)
        elif order.scope == "origin":
            scopes = [self._origin(order.key)]
        else:
            upstream = self._upstreams.setdefault(order.key, UpstreamHealth(order.key))
            wanted = RESOLUTIONS if order.resolution is None else [order.resolution]
            scopes = [upstream.scope(each, self._scope, now) for each in wanted]
            if order.act == "reset" and order.resolution is None:
                upstream.forget()
        for scope in scopes:
            match order.act:
                case "release":
                    scope.breaker.release(now)
                case "reset":
                    scope.breaker.reset(now)
                case Forced() as forced:
                    scope.breaker.force(forced, now + order.seconds, now)
        self._arm(*scopes)
        self.pass_on()

    def changed(self, provider: str, max_in_flight: int | None) -> None:
        """Take note that a provider has other settings: it learns its times anew; what is in flight keeps its slot."""
        self.latencies = {keys: latency for keys, latency in self.latencies.items() if keys.provider != provider}
        if provider in self._slots:
            self._slots[provider].limit = max_in_flight
            self.pass_on()

    # -- other processes

    def breakers(self) -> Iterator[tuple[str, str, Breaker]]:
        """Give every breaker with the name of its origin or upstream, and the resolution; an origin's is empty."""
        yield from ((name, "", scope.breaker) for name, scope in self._origins.items())
        for name, upstream in self._upstreams.items():
            yield from ((name, resolution, scope.breaker) for resolution, scope in upstream.scopes.items())

    def heard(self) -> None:
        """See to the timers and to whoever waits, after others were heard."""
        self._arm(*self._scopes())
        self.pass_on()

    def spare(self, provider: str, places: int | None) -> None:
        """Take note how many places of a provider the fleet has left; None: not known to be few."""
        if provider in self._slots:
            self._slots[provider].spare = places
        self.pass_on()

    def waits_at(self, provider: str) -> bool:
        """Tell whether anybody waits for a place at a provider."""
        return self._line.waits_at(provider)

    def defer(self, admission: Admission, until: float) -> None:
        """Probe no more until then what this admission was to probe: another process does."""
        admission.defer(until)
        self._call_at(until, self.pass_on)

    # -- waiting

    def wait(self, keys: Sequence[Keys], wake: Callable[[], None], order: int | None = None) -> Waiter:
        """Stand in line for the first place on any of these; `wake` is called once, when one is promised.

        Args:
            keys: in order of preference.
            wake: must not block.
            order: of an earlier waiter of the same request, which keeps its place in line.
        """
        waiter = self._line.join(tuple(self._route(each) for each in keys), wake, order)
        self._arm(*self._line.scopes())
        return waiter

    def arrive(self) -> int:
        """Give a place in line to who may have to wait later: the `order` of `wait`."""
        return self._line.arrive()

    def pass_on(self) -> None:
        """Wake, in order of arrival, everybody who can be admitted now."""
        if self._passing or not self._line.queues:
            return
        self._passing = True
        try:
            while (found := self._first(self._clock())) is not None:
                waiter, route = found
                waiter.wake(route)
        finally:
            self._passing = False
        self._arm(*self._line.scopes())

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off the age of everything in flight."""
        for scope in self._scopes():
            scope.breaker.leave_out(pause)

    def close(self) -> None:
        """Cancel the timers."""
        for scope in self._scopes():
            if scope.timer is not None:
                scope.timer.cancel()

    def _scopes(self) -> Iterator[Scope]:
        yield from self._origins.values()
        for upstream in self._upstreams.values():
            yield from upstream.scopes.values()

    def _first(self, now: float) -> tuple[Waiter, HealthRoute] | None:
        for waiter in self._line.heads():
            for route in waiter.routes:
                if route.status(now, enabled=route.keys.provider not in self._disabled, promised=False).admits:
                    return waiter, route
        return None

    # -- timers

    def _arm(self, *scopes: Scope) -> None:
        """Have breakers looked at when time alone may change them, if anybody would notice."""
        for scope in scopes:
            due = scope.breaker.next_check
            if due < scope.fires_at and (scope.breaker.watching or self._line.waits_for(scope)):
                if scope.timer is not None:
                    scope.timer.cancel()
                scope.fires_at = due
                scope.timer = self._call_at(due, partial(self._fire, scope))

    def _fire(self, scope: Scope) -> None:
        now = max(self._clock(), scope.fires_at)  # a loop may fire early by its clock's resolution
        scope.timer, scope.fires_at = None, inf
        self._after_a_turn(partial(self._judge, scope, now))

    def _judge(self, scope: Scope, fired: float) -> None:
        self._heard = max(self._heard, fired)
        scope.breaker.evaluate(max(self._clock(), fired))
        self._arm(scope)
        self.pass_on()

    # -- what is created when first asked for

    def _route(self, keys: Keys) -> HealthRoute:
        route = self._routes.get(keys)
        if route is None:
            slots = self._slots.setdefault(keys.provider, Bulkhead(keys.max_in_flight))
            origin = None if keys.origin is None else self._origin(keys.origin)
            named = self._upstreams.setdefault(keys.upstream, UpstreamHealth(keys.upstream))
            upstream = named.scope(keys.resolution, self._scope, self._clock())
            route = self._routes[keys] = HealthRoute(keys, slots, self.holds, upstream, origin)
        return route

    def _origin(self, name: str) -> Scope:
        if name not in self._origins:
            self._origins[name] = self._scope(name, silence=False)
        return self._origins[name]

    def _scope(self, key: str, *, silence: bool = True) -> Scope:
        def tell() -> None:
            self._on_change(
                BreakerChanged(
                    at=breaker.changed_at,
                    key=key,
                    scope="upstream" if silence else "origin",
                    state=breaker.state,
                    reason=breaker.reason,
                    until=None if breaker.until == inf else breaker.until,
                    forced=breaker.forced,
                    by_operator=breaker.by_operator,
                )
            )

            self._arm(scope)  # a sibling's probe may have moved it, and nobody else looks

        breaker = Breaker(
            BreakerPolicy(),
            jitter=self._random.random,
            silence=silence,
            on_change=tell,
            heard=lambda: self._heard,
        )
        scope = Scope(key, breaker)
        return scope


class _Never:
    """A timer that nobody set."""

    def cancel(self) -> None:
        """Do nothing."""


def still(now: float = 0.0, *, disabled: Iterable[str] = ()) -> Health:
    """Give a health in which no time passes and of which nobody is told."""
    health = Health(
        clock=lambda: now,
        call_at=lambda _at, _call: _Never(),
        random=Random(0),  # noqa: S311 - never drawn from but for an opening that only a copy sees
        on_change=lambda _event: None,
    )
    for name in disabled:
        health.disable(name)
    return health
