"""What an operator says of a breaker, over what it found itself (semantics §4.2)."""

from math import inf

import pytest

from pixroute.health.force import Forced, OperatorOrder
from pixroute.health.scopes import Block
from pixroute.health.states import OpenReason, State
from pixroute.outcome import HealthSignal, Hold

SUCCESS, HARD, THROTTLE = HealthSignal.SUCCESS, HealthSignal.HARD, HealthSignal.THROTTLE


def force(p, forced, seconds=inf):
    """Force a patient's breaker."""
    p.breaker.force(forced, p.now + seconds, p.now)
    return p


class TestOpen:
    """Nothing is admitted, until its time is over."""

    def test_it_admits_nothing_until_another_word(self, patient):
        """Without a time it stays open for ever."""
        p = force(patient(), Forced.OPEN).at(10**6)

        assert p.is_open_for(OpenReason.FORCED)
        assert (p.view.places, p.view.until, p.view.forced) == (0, inf, Forced.OPEN)

    def test_when_its_time_is_over_one_probe_goes_first(self, patient):
        """As after any opening: the operator's reason may still be true."""
        p = force(patient(), Forced.OPEN, 60).at(60)

        assert (p.state, p.view.places, p.view.forced) == (State.HALF_OPEN, 1, None)

    def test_a_probe_that_fails_then_is_evidence(self, patient):
        """The next opening is the breaker's own, though it began with an operator."""
        p = force(patient(), Forced.OPEN, 60).at(60).call(HARD)

        assert p.is_open_for(OpenReason.STREAK)
        assert p.view.forced is None

    def test_a_late_success_does_not_end_it(self, patient):
        """What was in flight proves nothing about the operator's reason."""
        p = patient()
        token = p.start()

        force(p, Forced.OPEN, 60).at(30).end(token, SUCCESS)

        assert p.is_open_for(OpenReason.FORCED)

    def test_a_hint_outlasts_a_shorter_word(self, patient):
        """The provider's wish counts until its end."""
        p = force(patient().call(THROTTLE, hint=300), Forced.OPEN, 60)

        assert p.view.until == 300

    def test_released_it_probes(self, patient):
        """As if its time were over."""
        p = force(patient(), Forced.OPEN)

        p.breaker.release(p.now)

        assert p.state is State.HALF_OPEN

    def test_released_it_keeps_a_hint(self, patient):
        """A hint is never overridden."""
        p = force(patient().call(THROTTLE, hint=300), Forced.OPEN)

        p.breaker.release(p.now)

        assert p.is_open_for(OpenReason.HINT)
        assert p.view.until == 300


class TestClosed:
    """Evidence opens nothing; what the provider itself said still does."""

    @pytest.mark.parametrize("verdict", [HARD, THROTTLE])
    def test_neither_streak_nor_rate_opens_it(self, patient, verdict):
        """A hundred failures."""
        p = force(patient(), Forced.CLOSED).call(verdict, times=100)

        assert (p.state, p.view.places, p.view.forced) == (State.CLOSED, None, Forced.CLOSED)

    @pytest.mark.parametrize("stall", ["observe", "open"])
    def test_neither_overdue_calls_nor_a_stall_open_it(self, patient, stall):
        """Fifty calls are silent for an hour."""
        p = force(patient(stall=stall), Forced.CLOSED)
        for _ in range(50):
            p.start(survival=lambda age: 1.0 if age < 10 else 1e-4)

        for second in range(60, 3600, 60):
            p.at(second)

        assert p.state is State.CLOSED

    def test_an_open_one_closes_at_once(self, patient):
        """Whatever evidence had opened it."""
        p = force(patient().call(HARD, times=5), Forced.CLOSED)

        assert (p.state, p.view.places) == (State.CLOSED, None)

    def test_a_hint_still_opens_and_keeps_it(self, patient):
        """Before the word or after it."""
        before = force(patient().call(THROTTLE, hint=20), Forced.CLOSED)
        after = force(patient(), Forced.CLOSED).call(THROTTLE, hint=20)

        for p in (before, after):
            assert p.is_open_for(OpenReason.HINT)
            assert p.at(20).state is State.CLOSED

    def test_a_hint_within_an_opening_for_evidence_is_kept(self, patient):
        """The streak is overridden, its hint is not."""
        p = patient().call(HARD, times=4).call(HARD, hint=20)

        force(p, Forced.CLOSED)

        assert p.view.until == 20

    def test_a_gone_model_still_opens_it_and_closes_without_a_probe(self, patient):
        """One answer was enough; when its time is over, evidence opens nothing again."""
        p = force(patient(), Forced.CLOSED)

        p.breaker.open_now(OpenReason.MODEL_GONE, 3600, p.now)

        assert p.is_open_for(OpenReason.MODEL_GONE)
        assert p.at(3600).state is State.CLOSED

    def test_a_gone_model_within_a_longer_opening_is_kept(self, patient):
        """Though the longer of the two had named the reason."""
        p = patient(open_for=900, max_open=900).call(HARD, times=5)
        p.breaker.open_now(OpenReason.FORBIDDEN, 300, p.now)

        force(p, Forced.CLOSED)

        assert p.is_open_for(OpenReason.FORBIDDEN)
        assert p.view.until == 300

    def test_when_its_time_is_over_it_is_judged_again(self, patient):
        """Calls overdue meanwhile open it from then on, not in the past."""
        p = force(patient(), Forced.CLOSED, 500)
        for _ in range(3):
            p.start()

        p.at(499)
        before = p.state
        p.at(500)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.since == 500

    def test_failures_meanwhile_count_when_it_is_over(self, patient):
        """The next one opens."""
        p = force(patient(), Forced.CLOSED, 10).call(HARD, times=9).at(10)
        before = p.state

        p.call(HARD)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.STREAK)


class TestObserve:
    """It finds and tells, and keeps nobody."""

    def test_it_tells_that_it_would_be_open_and_admits(self, patient):
        """Streak, and calls go on."""
        p = force(patient(), Forced.OBSERVE).call(HARD, times=5)

        assert p.is_open_for(OpenReason.STREAK)
        assert p.view.places is None
        p.call(HARD, times=20)
        assert p.at(p.view.until).state is State.HALF_OPEN

    def test_a_hint_is_heeded(self, patient):
        """It is the provider's wish, not evidence."""
        p = force(patient(), Forced.OBSERVE).call(THROTTLE, hint=20)

        assert p.view.places == 0

    def test_what_it_would_not_have_admitted_is_no_probe(self, patient):
        """A failure beyond its one probe does not open it again."""
        p = force(patient(), Forced.OBSERVE).call(HARD, times=5)
        p.at(p.view.until)
        p.start()

        p.call(HARD)

        assert p.state is State.HALF_OPEN

    def test_when_it_is_over_it_refuses(self, patient):
        """What it found holds."""
        p = force(patient(), Forced.OBSERVE, 5).call(HARD, times=5).at(6)

        assert p.view.places == 0


class TestReset:
    """As new."""

    def test_everything_is_forgotten(self, patient):
        """An opening, its doublings, a hint, and what was forced."""
        p = patient().call(HARD, times=4).call(HARD, hint=600)
        force(p, Forced.OPEN)

        p.breaker.reset(p.now)

        assert (p.state, p.view.forced, p.breaker.doublings(p.now)) == (State.CLOSED, None, 0)
        assert not p.breaker.throttled(p.now)
        assert p.call(HARD, times=4).state is State.CLOSED

    def test_what_is_in_flight_is_no_evidence(self, patient):
        """Silent calls of before do not open it again."""
        p = patient()
        for _ in range(3):
            p.start()

        p.breaker.reset(p.now)

        assert p.at(10_000).state is State.CLOSED
        assert p.breaker.in_flight == 3


class TestRegistry:
    """Orders reach all breakers of an upstream, those of later requests too."""

    def test_an_upstream_is_forced_whole_before_anybody_asks(self, world):
        """All its resolutions, and the status says who did it."""
        w = world()

        w.health.obey(OperatorOrder(act=Forced.OPEN, key="banana"), w.now)
        status = w.status(w.http)

        assert (status.block, status.until, status.forced) == (Block.FORCED, inf, Forced.OPEN)
        assert status.why == "breaker forced open"
        report = [(entry.state, entry.forced, entry.until) for entry in w.health.report(w.now) if "banana" in entry.key]
        assert report == [("open", Forced.OPEN, None)] * 4

    def test_one_resolution_alone(self, world):
        """The others admit."""
        w = world()

        w.health.obey(OperatorOrder(act=Forced.OPEN, key="banana", resolution="1K"), w.now)

        assert w.status(w.http).admits
        assert not w.status(w.keys("http", resolution="1K")).admits

    def test_an_origin(self, world):
        """Every provider behind it."""
        w = world()
        keys = w.keys("one", origin="https://one.test:443")

        w.health.obey(OperatorOrder(act=Forced.OPEN, key="https://one.test:443", scope="origin"), w.now)

        assert w.status(keys).block is Block.FORCED

    def test_who_waits_is_woken_by_a_reset(self, world):
        """Its upstream admits again."""
        w, woken = world(), []
        w.health.obey(OperatorOrder(act=Forced.OPEN, key="banana"), w.now)
        waiter = w.health.wait([w.http], lambda: woken.append(True))

        w.health.obey(OperatorOrder(act="reset", key="banana"), w.now)

        assert woken == [True]
        waiter.close()

    def test_a_reset_forgets_what_later_breakers_would_be_told(self, world):
        """A gone model, and a hint, of all resolutions."""
        w = world()
        w.call(w.http, HARD, opens=(OpenReason.MODEL_GONE, 3600), every_resolution=True, hint=600)

        w.health.obey(OperatorOrder(act="reset", key="banana"), w.now)

        assert w.status(w.keys("http", resolution="2K")).admits

    def test_a_hold_is_reset_but_never_forced(self, world):
        """A key that is refused is none of the breaker's business."""
        w = world()
        w.call(w.http, hold=Hold(first=3600, longest=3600))

        w.health.obey(OperatorOrder(act=Forced.CLOSED, key="banana"), w.now)
        forced = w.status(w.http).block
        w.health.obey(OperatorOrder(act="reset", key="first", scope="account"), w.now)

        assert forced is Block.HOLD
        assert w.status(w.http).admits

    def test_an_event_tells_each_word_and_its_end(self, world):
        """With what was said, and that an operator did it."""
        w = world()
        w.status(w.http)

        w.health.obey(OperatorOrder(act=Forced.CLOSED, key="banana", resolution="4K", seconds=60), w.now)
        w.loop.run_until(61)
        w.status(w.http)
        w.health.obey(OperatorOrder(act="reset", key="banana", resolution="4K"), w.now)

        told = [(event.at, event.state, event.forced, event.by_operator) for event in w.changes]
        assert told == [(0, "closed", "closed", True), (60, "closed", None, False), (61, "closed", None, True)]
