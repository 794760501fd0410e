"""What is remembered between requests: scopes, slots, waiting and timers."""

import pytest

from pixroute.health.latency import ENOUGH
from pixroute.health.scopes import Block
from pixroute.health.states import OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import REACTIONS, FailureKind, HealthSignal

SUCCESS, HARD, THROTTLE, NEUTRAL = HealthSignal.SUCCESS, HealthSignal.HARD, HealthSignal.THROTTLE, HealthSignal.NEUTRAL
AUTH = REACTIONS[FailureKind.AUTH].hold


class TestScopes:
    """An attempt needs slot, account, origin and upstream to admit, all or none."""

    def test_all_is_well_at_first(self, world):
        """Nothing known is nothing against it."""
        w = world()

        status = w.status(w.http)

        assert status.admits
        assert (status.block, status.reason, status.throttled, status.why) == (None, None, False, "")

    def test_providers_of_one_upstream_share_its_breaker(self, world):
        """The HTTP port and the HTTPS endpoint share their fate, another upstream does not."""
        w = world()

        w.call(w.http, HARD, times=5)

        assert [w.status(keys).admits for keys in (w.http, w.https, w.other)] == [False, False, True]
        assert w.status(w.https).why == "breaker open (streak)"

    def test_another_resolution_has_its_own_breaker(self, world):
        """4K may be overloaded while 1K is not."""
        w = world()

        w.call(w.http, HARD, times=5)

        assert w.status(w.keys("http", origin="http://one:1", resolution="1K")).admits

    def test_an_origins_breaker_closes_one_way_to_the_upstream(self, world):
        """A port that refuses connections does not speak for the other endpoint."""
        w = world()

        w.call(w.http, NEUTRAL, HARD, times=5)
        status = w.status(w.http)

        assert (status.admits, status.block, status.reason) == (False, Block.OPEN, None)
        assert status.why == "breaker open (origin)"
        assert status.until == w.entry("http://one:1").until
        assert w.status(w.https).admits

    def test_until_is_the_latest_of_all_that_keeps_it(self, world):
        """Upstream open and account held: it may start when both have ended."""
        w = world()
        w.health.status(w.http, 0)
        w.health.open_now(w.http, OpenReason.FORBIDDEN, 300, 0)
        w.health.hold("first", AUTH, 0)

        held = w.status(w.http)

        assert (held.block, held.until, held.reason) == (Block.HOLD, 300, OpenReason.FORBIDDEN)

    def test_half_open_and_full_has_no_known_end(self, world):
        """While the probe is out nobody can say when."""
        w = world()
        w.call(w.http, HARD, times=5)
        w.loop.run_until(40)
        w.admit(w.https)

        status = w.status(w.http)

        assert (status.block, status.until) == (Block.HALF_OPEN_FULL, None)
        assert status.reason is OpenReason.STREAK

    def test_a_place_at_the_upstream_is_not_taken_when_the_origin_refuses(self, world):
        """All or none: the refused attempt took nothing."""
        w = world()
        w.call(w.http, NEUTRAL, HARD, times=5)

        with pytest.raises(AssertionError):
            w.admit(w.http)

        assert w.entry("banana 4K").in_flight == 0

    def test_throttled_tells_hedges_to_stay_away(self, world):
        """After a 429 the upstream is throttled, though closed."""
        w = world()
        w.call(w.http, THROTTLE)

        status = w.status(w.https)

        assert (status.admits, status.throttled) == (True, True)

    def test_an_admission_is_settled_once(self, world):
        """A second settlement is an error."""
        w = world()
        admission = w.admit(w.http)
        w.end(admission)

        with pytest.raises(KeyError):
            w.end(admission)


class TestEveryResolution:
    """A hint or MODEL_GONE acts on all resolutions of an upstream, other answers on the one asked."""

    def small(self, w):
        """Give the same upstream at 1K."""
        return w.keys("http", resolution="1K")

    @pytest.mark.parametrize("known", [True, False], ids=["known before", "asked for only later"])
    def test_a_hint_pauses_all(self, world, known):
        """A resolution nobody had asked for yet waits too."""
        w = world()
        if known:
            w.call(self.small(w))
        w.call(w.http, THROTTLE, hint=20)

        status = w.status(self.small(w))

        assert (status.block, status.reason, status.until) == (Block.OPEN, OpenReason.HINT, 20)

    @pytest.mark.parametrize("known", [True, False], ids=["known before", "asked for only later"])
    def test_a_missing_model_opens_all(self, world, known):
        """The model is missing at any size."""
        w = world()
        if known:
            w.call(self.small(w))
        w.call(w.http, NEUTRAL, opens=(OpenReason.MODEL_GONE, 3600), every_resolution=True)

        status = w.status(self.small(w))

        assert (status.block, status.reason, status.until) == (Block.OPEN, OpenReason.MODEL_GONE, 3600)

    def test_undersized_pictures_open_their_own(self, world):
        """4K comes too small, 1K may not."""
        w = world()

        w.call(w.http, NEUTRAL, opens=(OpenReason.UNDERSIZED, 3600))

        assert w.status(w.http).reason is OpenReason.UNDERSIZED
        assert w.status(self.small(w)).admits

    def test_an_answer_of_an_older_generation_opens_nothing(self, world):
        """It was asked before the breaker opened and recovered."""
        w = world(half_open_max=2)
        late = w.admit(w.http)
        w.call(w.http, HARD, times=5)
        w.loop.run_until(40)
        w.call(w.http)

        w.end(late, NEUTRAL, opens=(OpenReason.FORBIDDEN, 300))

        assert w.status(w.http).admits


class TestHolds:
    """An account is held for all its providers."""

    def test_a_bad_key_holds_its_account_and_no_other(self, world):
        """Siblings with the same key are not asked either."""
        w = world()

        w.call(w.http, NEUTRAL, hold=AUTH)

        blocks = [w.status(keys).block for keys in (w.http, w.https, w.other)]
        assert blocks == [Block.HOLD, Block.HOLD, None]
        assert w.status(w.http).until == 30
        assert w.status(w.http).why == "account held"

    def test_a_changed_secret_ends_it(self, world):
        """The next question after the change is admitted."""
        w = world()
        secret = ["old"]
        w.call(w.http, NEUTRAL, hold=AUTH, credential=lambda: secret[0])
        before = w.status(w.http).block

        secret[0] = "new"

        assert before is Block.HOLD
        assert w.status(w.http).admits

    def test_a_success_ends_its_doubling(self, world):
        """A key that worked since is held 30 s again."""
        w = world()
        w.call(w.http, NEUTRAL, hold=AUTH)
        w.loop.run_until(30)
        w.call(w.http)

        w.call(w.http, NEUTRAL, hold=AUTH)

        assert w.status(w.http).until == 60


class TestDisabled:
    """`router.disable(name)` and `enable(name)`."""

    def test_a_disabled_provider_is_not_asked_until_it_is_enabled(self, world):
        """It alone; what is in flight goes on."""
        w = world()
        admission = w.admit(w.http)
        w.health.disable("http")
        during = w.status(w.http).block, w.status(w.https).block
        w.end(admission)

        w.health.enable("http")

        assert during == (Block.DISABLED, None)
        assert w.status(w.http).admits

    def test_who_waits_for_it_is_woken_when_it_is_enabled(self, world):
        """Enabling is a place."""
        w = world()
        w.health.disable("http")
        woken = []
        w.health.wait([w.http], lambda: woken.append(1))

        w.health.enable("http")

        assert woken == [1]


class TestSlots:
    """`max_in_flight` per provider: a full one makes the request wait, in order of arrival."""

    def full(self, w, limit=2):
        """Give a provider with all its slots taken, and the admissions."""
        keys = w.keys("narrow", max_in_flight=limit)
        return keys, [w.admit(keys) for _ in range(limit)]

    def test_no_more_than_the_limit(self, world):
        """The third waits for a slot; its siblings do not."""
        w = world()
        keys, _ = self.full(w)

        status = w.status(keys)

        assert (status.block, status.until, status.why) == (Block.SLOT, None, "all slots taken")
        assert w.status(w.http).admits

    def test_a_slot_can_be_kept_beyond_the_settlement(self, world):
        """A thread that cannot be stopped keeps its slot; releasing twice frees once."""
        w = world()
        keys, (first, _) = self.full(w)
        w.end(first, keep_slot=True)
        kept = w.status(keys).block

        first.release_slot()
        first.release_slot()

        assert kept is Block.SLOT
        assert w.entry("narrow").in_flight == 1

    def test_one_slot_wakes_one_in_order_of_arrival(self, world):
        """The first who came, and only it."""
        w = world()
        keys, admissions = self.full(w)
        woken = []
        for number in range(5):
            w.health.wait([keys], lambda number=number: woken.append(number))
        w.end(admissions[0])
        first = list(woken)

        w.end(admissions[1])

        assert first == [0]
        assert woken == [0, 1]

    def test_a_promised_slot_is_not_for_newcomers(self, world):
        """Until the woken one has planned, its slot is its own."""
        w = world()
        keys, admissions = self.full(w)
        waiter = w.health.wait([keys], lambda: None)

        w.end(admissions[0])

        assert waiter.woken
        assert w.status(keys).block is Block.SLOT
        assert w.status(keys, waiter).admits
        w.admit(keys, waiter)
        waiter.close()
        assert w.status(keys).block is Block.SLOT

    def test_what_is_not_used_is_passed_on(self, world):
        """A woken waiter that closes without starting wakes the next."""
        w = world()
        keys, admissions = self.full(w)
        woken = []
        waiters = [w.health.wait([keys], lambda number=number: woken.append(number)) for number in range(2)]
        w.end(admissions[0])

        waiters[0].close()
        waiters[0].close()

        assert woken == [0, 1]

    def test_who_gave_up_is_not_woken(self, world):
        """A closed waiter takes no place; closing again does nothing."""
        w = world()
        keys, admissions = self.full(w)
        woken = []
        waiters = [w.health.wait([keys], lambda number=number: woken.append(number)) for number in range(2)]

        waiters[0].close()
        waiters[0].close()
        w.end(admissions[0])

        assert woken == [1]

    def test_who_waits_again_keeps_its_place_in_line(self, world):
        """A request that had to plan again is not sent to the end."""
        w = world()
        keys, admissions = self.full(w)
        woken = []
        waiters = [w.health.wait([keys], lambda number=number: woken.append(number)) for number in range(3)]
        waiters[1].close()
        waiters[0].close()
        w.health.wait([keys], lambda: woken.append("first again"), waiters[0].order)

        w.end(admissions[0])
        w.end(admissions[1])

        assert woken == ["first again", 2]

    def test_a_place_goes_to_the_earliest_who_can_use_it(self, world):
        """Who waits for another provider, or for two, stands in the same order."""
        w = world()
        narrow, admissions = self.full(w)
        other = w.keys("narrow too", upstream="other", max_in_flight=1)
        elsewhere = w.admit(other)
        woken = []
        w.health.wait([other], lambda: woken.append("other"))
        w.health.wait([narrow, other], lambda: woken.append("either"))
        w.health.wait([narrow], lambda: woken.append("narrow"))

        w.end(admissions[0])
        w.end(admissions[1])
        w.end(elsewhere)

        assert woken == ["either", "narrow", "other"]

    def test_waiters_who_cannot_use_a_place_do_not_keep_it_from_a_newcomer(self, world):
        """A full provider's queue does not close its upstream."""
        w = world()
        keys, _ = self.full(w)
        w.health.wait([keys], lambda: None)

        assert w.status(w.http).admits


class TestHerd:
    """Never a herd that plans again at once: as many are woken as may be admitted, in order of arrival."""

    @pytest.mark.slow  # ten thousand waiters
    def test_ten_thousand_wait_for_a_half_open_breaker(self, world):
        """One is woken at the end of the open period, then as many as each success allows, then all."""
        w = world()
        w.call(w.http, HARD, times=5)
        woken = []
        waiters = [w.health.wait([w.http], lambda number=number: woken.append(number)) for number in range(10_000)]
        w.loop.run_until(9.9)
        assert woken == []
        w.loop.run_until(13)
        assert woken == [0]

        running, seen, steps = [], 0, []
        while len(woken) < 10_000:
            for number in woken[seen:]:
                running.append(w.admit(w.http, waiters[number]))
                waiters[number].close()
            seen = len(woken)
            w.end(running.pop(0))
            steps.append(len(woken) - seen)

        assert steps == [2, 3, 5, 9, 17, 10_000 - 37]
        assert woken == list(range(10_000))

    def test_what_is_in_flight_never_exceeds_what_is_allowed(self, world):
        """1, 2, 4, 8, 16, 32 live in the half-open generation."""
        w = world()
        w.call(w.http, HARD, times=5)
        woken = []
        waiters = [w.health.wait([w.http], lambda number=number: woken.append(number)) for number in range(100)]
        w.loop.run_until(40)
        live, most = [w.admit(w.http, waiters[0])], []
        while w.entry("banana 4K").state is State.HALF_OPEN:
            seen = len(woken)
            w.end(live.pop(0))
            live += [w.admit(w.http, waiters[number]) for number in woken[seen:]]
            most.append(len(live))

        assert most[:5] == [2, 4, 8, 16, 32]

    def test_newcomers_do_not_overtake_who_waits_for_a_probe(self, world):
        """At the very instant of reopening, before the timer has fired, the place is the first waiter's."""
        w = world()
        w.call(w.http, HARD, times=5)
        woken = []
        w.health.wait([w.http], lambda: woken.append(1))

        w.loop.now = 40.0
        newcomer = w.status(w.http)

        assert newcomer.block is Block.HALF_OPEN_FULL
        assert woken == [1]

    def test_a_hint_that_ends_wakes_all_in_order(self, world):
        """A closed breaker without slots admits everybody."""
        w = world()
        w.call(w.http, THROTTLE, hint=20)
        woken = []
        for number in range(100):
            w.health.wait([w.http], lambda number=number: woken.append(number))

        w.loop.run_until(20)

        assert woken == list(range(100))

    def test_three_seconds_without_failure_wake_more(self, world):
        """The ramp by time has its timer while somebody waits."""
        w = world()
        w.call(w.http, HARD, times=5)
        woken = []
        waiters = [w.health.wait([w.http], lambda number=number: woken.append(number)) for number in range(10)]
        w.loop.run_until(40)
        w.admit(w.http, waiters[0])
        waiters[0].close()

        w.loop.run_until(43)

        assert woken == [0, 1]

    def test_a_success_at_another_resolution_wakes_who_waits(self, world):
        """Both were opened by silence; the probe at 1K speaks for 4K, whose own opening would last longer."""
        w = world()
        small = w.keys("http", resolution="1K")
        hung = [w.admit(keys) for keys in (small, w.http) for _ in range(3)]
        w.loop.run_until(150)
        w.loop.run_until(w.entry("banana 1K").until)
        probe = w.admit(small)
        woken = []
        w.health.wait([w.http], lambda: woken.append(w.now))
        before = list(woken)

        w.end(probe)

        assert (before, woken) == ([], [w.now])
        for admission in hung:
            w.end(admission, HealthSignal.NEUTRAL)

    def test_a_promise_of_a_breaker_that_opened_again_is_void(self, world):
        """Between wake and plan a hint came: the woken one is told to wait."""
        w = world()
        w.call(w.http, HARD, times=5)
        waiter = w.health.wait([w.http], lambda: None)
        w.loop.run_until(40)

        w.health.hint(w.http, 60, 40)

        assert waiter.woken
        assert w.status(w.http, waiter).until == 100

    def test_a_waiter_may_start_within_its_wake(self, world):
        """Whoever plans at once takes its place before the next is looked at."""
        w = world()
        keys = w.keys("narrow", max_in_flight=1)
        running = w.admit(keys)
        started = []

        def start(number):
            waiter = waiters[number]
            started.append((number, w.admit(keys, waiter)))
            waiter.close()

        waiters = [w.health.wait([keys], lambda number=number: start(number)) for number in range(3)]

        w.end(running)

        assert [number for number, _ in started] == [0]


class TestTimers:
    """One timer per breaker, only when needed."""

    def test_overdue_calls_open_without_anybody_asking(self, world):
        """At 1.5·P99 of the third, by the registry's own timer."""
        w = world()
        for second in (0, 10, 20):
            w.loop.run_until(second)
            w.admit(w.http)

        w.loop.run_until(1000)

        assert [(change.at, change.key, change.state, change.reason) for change in w.changes] == [
            (170, "banana 4K", "open", "overdue")
        ]

    def test_nothing_fires_for_an_idle_breaker(self, world):
        """After the last call one timer may still fire, then none."""
        w = world()
        w.call(w.http, times=3)

        w.loop.run_until(10_000)

        assert w.loop.fired <= 1
        assert w.loop.pending == []

    def test_nothing_fires_for_an_open_breaker_that_nobody_waits_for(self, world):
        """It is half-open when somebody asks."""
        w = world()
        w.call(w.http, HARD, times=5)

        w.loop.run_until(10_000)

        assert w.loop.fired <= 1
        assert w.status(w.http).admits
        assert w.changes[-1].state == "half-open"

    def test_a_hint_that_comes_earlier_than_the_timer_is_not_missed(self, world):
        """Calls in flight had it look at 150 s; a hint ends at 20."""
        w = world()
        w.admit(w.http)
        w.call(w.http, THROTTLE, hint=20)
        woken = []
        w.health.wait([w.http], lambda: woken.append(w.now))

        w.loop.run_until(30)

        assert woken == [20]

    def test_a_hint_on_a_sibling_is_no_pause_of_the_machine(self, world):
        """Every resolution's timer follows the hint, so that its calls are overdue in time."""
        w = world()
        small = w.keys("http", resolution="1K")
        for _ in range(3):
            w.admit(small)
        w.loop.run_until(50)
        w.call(w.http, THROTTLE, hint=20)

        w.loop.run_until(200)

        assert (150, "banana 1K", "overdue") in [(change.at, change.key, change.reason) for change in w.changes]

    def test_a_paused_machine_opens_nothing(self, world):
        """Whoever finds the pause takes it off; then the timers fire, behind the answers that had come."""
        w = world()
        calls = [w.admit(w.http) for _ in range(5)]

        w.loop.now = 2000.0
        w.health.leave_out(2000)
        w.loop.run_until(2000)
        for call in calls:
            w.end(call)

        assert w.changes == []

    def test_a_loop_that_fires_a_little_early_is_taken_at_its_word(self, world):
        """Loops fire early by their clock's resolution; another timer for the same instant would spin."""
        w = world()
        for _ in range(3):
            w.admit(w.http)
        w.loop.early = 1e-9

        w.loop.run_until(150)

        assert w.loop.fired == 1
        assert w.changes[0].reason == "overdue"

    def test_closing_cancels_all(self, world):
        """Nothing is left on the loop."""
        w = world()
        w.admit(w.http)
        w.admit(w.other)

        w.health.close()

        assert w.loop.pending == []


class TestLatency:
    """Latencies go by provider and resolution."""

    def test_each_has_its_own(self, world):
        """One object per provider and resolution, from its table."""
        w = world()
        table = Quantiles(1, 2, 3)

        latency = w.health.latency(w.http, table)

        assert latency.quantiles == table
        assert w.health.latency(w.http, Quantiles(4, 5, 6)) is latency
        assert w.health.latency(w.https, table) is not latency

    def test_it_is_frozen_while_the_breaker_is_not_closed(self, world):
        """Successes of a sick upstream are no measure."""
        w = world()
        table = Quantiles(1, 2, 3)
        latency = w.health.latency(w.http, table)
        w.call(w.http, HARD, times=5)

        for _ in range(ENOUGH):
            latency.add(100)

        assert latency.quantiles == table


class TestReport:
    """`router.health()` tells every breaker's state, since when and why."""

    def test_every_scope_is_listed(self, world):
        """Origins, upstreams with resolution, accounts held, providers."""
        w = world()
        w.call(w.http, HARD, times=5)
        w.health.hold("second", AUTH, 0)
        w.health.disable("https")
        w.status(w.https)

        lines = [(entry.scope, entry.key, entry.state) for entry in w.health.report(0)]

        assert lines == [
            ("origin", "http://one:1", "closed"),
            ("origin", "https://one", "closed"),
            ("upstream", "banana 4K", "open"),
            ("account", "second", "held"),
            ("provider", "http", "enabled"),
            ("provider", "https", "disabled"),
        ]

    def test_a_breaker_tells_why_and_until_when(self, world):
        """Reason, since, until and how often it opened."""
        w = world(max_open_refused=600)
        w.loop.run_until(5)
        w.call(w.http, HARD, times=5)

        entry = w.entry("banana 4K")

        assert (entry.reason, entry.since, entry.k, entry.in_flight) == (OpenReason.STREAK, 5, 1, 0)
        assert 35 <= entry.until <= 41

    def test_what_never_changed_has_no_since(self, world):
        """None, not minus infinity, which JSON cannot say."""
        w = world()
        w.call(w.http)

        assert w.entry("banana 4K").since is None
