"""How a late loop and a paused machine are found, with a clock of the test's own."""

import pytest

from pixroute.routing.heartbeat import BEAT, SLOW_BEAT, Heartbeat


class Bench:
    """A heartbeat, its clock and its one timer."""

    def __init__(self, *, observed=True):
        self.now, self.busy, self.timer = 100.0, True, None
        self.pauses, self.lags = [], []
        self.heart = Heartbeat(
            clock=lambda: self.now,
            call_at=self._call_at,
            busy=lambda: self.busy,
            observed=lambda: observed,
            on_pause=self.pauses.append,
            on_lag=lambda at, seconds: self.lags.append((at, seconds)),
        )
        self.heart.start()

    def _call_at(self, when, call):
        self.timer = (when, call)
        return self

    def cancel(self):
        """Forget the timer."""
        self.timer = None

    def ring(self, late=0.0):
        """Let the timer fire, so much too late."""
        when, call = self.timer
        self.timer, self.now = None, when + late
        call()


@pytest.mark.parametrize(("late", "told"), [(0.0, False), (0.24, False), (0.25, True), (3.0, True), (60.0, True)])
def test_lateness_is_told_from_a_quarter_of_a_second_on(late, told):
    """As it was measured."""
    bench = Bench()

    bench.ring(late)

    assert bench.lags == ([(bench.now, pytest.approx(late))] if told else [])


@pytest.mark.parametrize(("late", "pauses"), [(5.0, []), (5.5, [5.5])])
def test_a_pause_is_more_than_five_seconds(late, pauses):
    """A busy loop is late by less, and its time is everybody's."""
    bench = Bench()

    bench.ring(late)

    assert bench.pauses == pauses


def test_whoever_asks_first_finds_the_pause_and_it_is_told_once():
    """A timer that was due before the beat asks, and sees ages that are right already."""
    bench = Bench()
    before = bench.heart.awake()
    bench.now += BEAT + 600

    awake = bench.heart.awake()
    bench.ring(600)

    assert bench.pauses == [600]
    assert awake - before == pytest.approx(BEAT)
    assert bench.lags == [(bench.now, pytest.approx(600))]


def test_it_beats_only_while_something_is_in_flight():
    """What nobody waits for is no pause."""
    bench = Bench()
    bench.busy = False
    bench.ring()
    assert bench.timer is None

    bench.now += 1000
    bench.heart.start()

    assert bench.pauses == []
    assert bench.timer is not None


def test_unobserved_it_beats_seldom():
    """Only pauses are looked for then."""
    assert Bench(observed=False).timer[0] == 100 + SLOW_BEAT == 101
    assert Bench(observed=True).timer[0] == 100 + BEAT == 100.25


def test_stopping_ends_it():
    """As when the router closes."""
    bench = Bench()

    bench.heart.stop()

    assert bench.timer is None


def test_a_second_start_looks_and_sets_no_other_timer():
    """A request that comes while another is in flight finds the pause that has just ended."""
    bench = Bench()
    timer = bench.timer
    bench.now += BEAT + 600

    bench.heart.start()

    assert bench.pauses == [600]
    assert bench.timer is timer


def test_the_next_beat_is_counted_from_the_one_before():
    """As long as something is in flight; it is late by its own lateness alone."""
    bench = Bench()

    bench.ring(3)
    assert bench.timer[0] == pytest.approx(100 + BEAT + 3 + BEAT)
    bench.ring(0.1)

    assert [seconds for _, seconds in bench.lags] == [3]


def test_a_second_pause_before_the_beat_is_counted_from_the_end_of_the_first():
    """The time between is everybody's, and both are left out."""
    bench = Bench()
    before = bench.heart.awake()
    bench.now += BEAT + 600
    bench.heart.look()
    bench.now += 3
    bench.heart.look()
    assert bench.pauses == [600]

    bench.now += BEAT - 3 + 50

    assert bench.heart.awake() - before == pytest.approx(BEAT + BEAT)
    assert bench.pauses == [600, 50]


def test_stopping_before_it_began_or_twice_does_nothing():
    """A router that served nobody closes as well."""
    bench = Bench()
    bench.busy = False
    bench.ring()

    bench.heart.stop()
    bench.heart.stop()

    assert bench.timer is None


def test_once_stopped_no_time_is_a_pause():
    """Nobody waits."""
    bench = Bench()
    bench.heart.stop()
    bench.now += 1000

    assert bench.heart.look() == bench.now
    assert bench.heart.awake() == bench.now
    assert bench.pauses == []
