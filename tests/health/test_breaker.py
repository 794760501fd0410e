"""The breaker, sentence by sentence (semantics §4)."""

from math import inf

import pytest
from attrs import fields

from pixroute.health.breaker import Breaker
from pixroute.health.evidence import MOST_REQUESTS
from pixroute.health.states import BreakerView, OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal
from pixroute.policy import BreakerPolicy

SUCCESS, HARD, THROTTLE, NEUTRAL = HealthSignal.SUCCESS, HealthSignal.HARD, HealthSignal.THROTTLE, HealthSignal.NEUTRAL


def hung(age):
    """A provider that is sure to answer within 10 s."""
    return 1.0 if age < 10 else 1e-4


class TestStreak:
    """5 requests in a row failed hard, within 2 h."""

    def test_five_requests_in_a_row_open(self, patient):
        """The fifth hard failure opens, not the fourth."""
        p = patient().call(HARD, times=4)
        before = p.state

        p.call(HARD)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.STREAK)

    @pytest.mark.parametrize("between", [SUCCESS, THROTTLE])
    def test_anything_else_ends_the_row(self, patient, between):
        """Five hard failures with something else among them are no row."""
        p = patient(min_requests=99).call(HARD, times=4).call(between).call(HARD, times=4)

        assert p.state is State.CLOSED

    def test_a_neutral_outcome_does_not_end_the_row(self, patient):
        """A neutral outcome says nothing, for better or worse."""
        p = patient().call(HARD, times=4).call(NEUTRAL).call(HARD)

        assert p.is_open_for(OpenReason.STREAK)

    def test_one_request_is_one_piece_of_evidence(self, patient):
        """A poison prompt tried a hundred times closes nobody's provider."""
        p = patient().call(HARD, times=100, evidence="poison")

        assert p.state is State.CLOSED

    def test_a_row_is_five_within_two_hours(self, patient):
        """Four failures, and a fifth 2 h after the first: no row yet."""
        p = patient(min_requests=99).call(HARD).at(3600).call(HARD, times=3).at(7201).call(HARD)
        before = p.state

        p.call(HARD)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.STREAK)

    def test_a_request_that_fails_again_does_not_shelter_older_ones(self, patient):
        """What is older than 2 h leaves the row, wherever the same prompt stood in it."""
        p = (
            patient(min_requests=99)
            .call(HARD, evidence="again")
            .at(10)
            .call(HARD)
            .at(7000)
            .call(HARD, evidence="again")
        )

        p.at(7300).call(HARD, times=3)
        before = p.state

        assert before is State.CLOSED
        assert p.call(HARD).is_open_for(OpenReason.STREAK)


class TestRate:
    """At least half of at least 6 requests hard or throttled, settled within W = max(300, 2·T)."""

    def test_half_of_six_opens(self, patient):
        """Three good and three bad are enough, throttled ones included."""
        p = patient().call(SUCCESS, times=3).call(HARD).call(THROTTLE)
        before = p.state

        p.call(HARD)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.RATE)

    def test_half_of_more_than_six_opens_too(self, patient):
        """Four of eight."""
        p = patient().call(SUCCESS, times=4).call(THROTTLE, times=3)
        before = p.state

        p.call(THROTTLE)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.RATE)

    def test_less_than_half_does_not(self, patient):
        """Three bad of seven: closed."""
        p = patient().call(SUCCESS, times=4).call(THROTTLE, times=3)

        assert p.state is State.CLOSED

    def test_less_than_six_do_not(self, patient):
        """Five throttled requests are too few."""
        assert patient().call(THROTTLE, times=5).state is State.CLOSED

    def test_the_last_outcome_of_a_request_counts_once(self, patient):
        """A request that failed and was retried with success is a success."""
        p = patient()
        for number in range(20):
            p.call(THROTTLE, evidence=number).call(SUCCESS, evidence=number)

        assert p.state is State.CLOSED

    @pytest.mark.parametrize(
        ("timeout", "silence", "window"),
        [(100, True, 300), (600, True, 1200), (600, False, 300)],
        ids=["never under 300 s", "twice the time-out", "an origin's is 300 s"],
    )
    def test_what_was_settled_before_the_window_does_not_count(self, patient, timeout, silence, window):
        """Five bad ones count with a sixth a window later, and not after it."""
        states = []
        for gap in (window, window + 1):
            p = patient(silence=silence).call(THROTTLE, times=5, timeout=timeout)
            states.append(p.after(gap).call(THROTTLE, timeout=timeout).state)

        assert states == [State.OPEN, State.CLOSED]

    def test_a_success_never_opens(self, patient):
        """Five of six may have failed: what comes now is good news."""
        p = patient().call(THROTTLE, times=5).call(SUCCESS)

        assert p.state is State.CLOSED

    def test_neutral_outcomes_are_no_evidence(self, patient):
        """Short deadlines and refused prompts open nothing, and do not hide failures."""
        p = patient().call(NEUTRAL, times=50)
        before = p.state

        p.call(THROTTLE, times=6)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.RATE)

    def test_memory_is_bounded(self, patient):
        """However many requests the window sees, a fixed number is remembered."""
        p = patient().call(SUCCESS, times=MOST_REQUESTS + 100)

        assert p.breaker._evidence.rate(0) == (0, MOST_REQUESTS)


class TestRetried:
    """A failure that a retry may make good is evidence only if the retry does not come."""

    @pytest.mark.parametrize(("again", "state"), [(False, State.OPEN), (True, State.CLOSED)])
    def test_it_counts_from_a_time_on_unless_it_is_asked_again(self, patient, again, state):
        """Four failures and a fifth that was to be retried."""
        p = patient()
        p.breaker.settle(p.start("retried"), HARD, 0, counts_from=1)
        p.at(0.5)
        if again:
            p.start("retried")

        p.at(2).call(HARD, times=4)

        assert p.state is state

    def test_until_then_it_is_neutral(self, patient):
        """A fifth in a row opens nothing yet."""
        p = patient().call(HARD, times=4)

        p.breaker.settle(p.start(), HARD, 0, counts_from=1)

        assert p.state is State.CLOSED

    def test_a_probe_that_fails_has_failed_whoever_asks_again(self, patient):
        """Its question was whether a call succeeds: nothing is suspended while half-open."""
        p = patient().half_open()

        p.breaker.settle(p.start(), HARD, p.now, counts_from=p.now + 1)

        assert p.is_open_for(OpenReason.STREAK)


class TestRefusals:
    """Refusals come in seconds, pictures in minutes: what is being worked on counts beside a refusal."""

    @pytest.mark.parametrize(("second", "state"), [(110.9, State.OPEN), (111, State.CLOSED), (150, State.CLOSED)])
    def test_five_refusals_are_no_row_while_a_call_since_the_first_is_being_worked_on(self, patient, second, state):
        """It was not refused within 10 s, so it will not be."""
        p = patient().at(100).call(HARD).at(101)
        p.start()

        p.at(second).call(HARD, times=4)

        assert p.state is state

    def test_a_row_that_was_spared_opens_with_the_next_refusal_when_that_call_has_ended(self, patient):
        """It is six by then."""
        p = patient().at(100).call(HARD).at(101)
        working = p.start()
        p.at(120).call(HARD, times=4)
        p.end(working, NEUTRAL)
        before = p.state

        p.call(HARD)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.STREAK)

    def test_a_call_from_before_the_row_says_nothing_of_it(self, patient):
        """It was accepted before the refusals began."""
        p = patient().at(99)
        p.start()

        p.at(100).call(HARD).at(120).call(HARD, times=4)

        assert p.is_open_for(OpenReason.STREAK)

    @pytest.mark.parametrize(("seconds", "state"), [(10, State.CLOSED), (10.1, State.OPEN)])
    def test_a_failure_that_took_longer_is_no_refusal(self, patient, seconds, state):
        """It was being worked on itself, and failed."""
        p = patient().at(100).call(HARD).at(101)
        p.start()
        p.at(120).call(HARD, times=3)
        last = p.start()

        p.after(seconds).end(last, HARD)

        assert p.state is state

    @pytest.mark.parametrize(("working", "state"), [(0, State.OPEN), (1, State.CLOSED)])
    def test_the_rate_counts_calls_being_worked_on_as_well(self, patient, working, state):
        """Three of six are half, three of seven are not."""
        p = patient().at(100)
        for _ in range(working):
            p.start()

        p.at(120).call(SUCCESS, times=3).call(THROTTLE, times=3)

        assert p.state is state

    def test_the_rate_does_not_count_calls_from_before_its_window(self, patient):
        """They are older than what is settled in it."""
        p = patient(max_overdue=99).at(100)
        p.start()

        p.at(401).call(SUCCESS, times=3).call(THROTTLE, times=3)

        assert p.is_open_for(OpenReason.RATE)

    def test_the_rate_of_slow_failures_counts_settled_calls_only(self, patient):
        """Whoever fails after minutes is not saved by others that have not failed yet."""
        p = patient().at(100)
        p.start()
        slow = p.start()
        p.at(120).call(SUCCESS, times=3).call(THROTTLE, times=2)

        p.end(slow, THROTTLE)

        assert p.is_open_for(OpenReason.RATE)


class TestFlows:
    """The short answer of nearly every call: closed, nothing due, nothing throttled."""

    def test_a_healthy_breaker_flows(self, patient):
        """Also with calls in flight."""
        p = patient()
        p.start()

        assert p.breaker.flows(p.now)

    def test_not_when_it_is_to_be_looked_at(self, patient):
        """From the instant at which time alone may open it."""
        p = patient()
        p.start()

        p.now = p.breaker.next_check - 0.5
        p.breaker.evaluate(p.now)

        assert p.breaker.flows(p.now)
        assert not p.breaker.flows(p.breaker.next_check)
        assert not p.breaker.flows(p.breaker.next_check + 0.25)

    def test_not_before_silence_was_listened_to(self, patient):
        """A second after the last look, the next looks again: it may open."""
        p = patient(stall="open")
        p.start(survival=hung)
        p.start(survival=hung)

        assert p.breaker.flows(0.9)
        assert not p.breaker.flows(1)
        assert not p.breaker.flows(1.5)

    def test_not_when_it_is_open_or_throttled(self, patient):
        """Until a success; until it is closed again."""
        p = patient().call(THROTTLE)

        assert not p.breaker.flows(p.now)
        assert p.call(SUCCESS).breaker.flows(p.now)
        assert not patient().call(HARD, times=5).breaker.flows(p.now)


class TestOverdue:
    """At least 3 requests in flight older than 1.5·P99."""

    def test_three_overdue_requests_open_at_the_earliest_instant(self, patient):
        """At 1.5·P99 of the third, by the clock alone."""
        p = patient()
        for second in (0, 10, 20):
            p.at(second).start()
        p.at(169)
        before = p.state

        p.at(170)

        assert before is State.CLOSED
        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.since == 170

    def test_two_do_not(self, patient):
        """However old they are."""
        p = patient()
        p.start()
        p.start()

        assert p.at(10_000).state is State.CLOSED

    def test_they_are_no_evidence_beside_enough_that_succeed(self, patient):
        """Three of thirteen within P95 are a slow spell; three of twelve are a quarter."""
        for successes, state in ((10, State.CLOSED), (9, State.OPEN)):
            p = patient()
            for _ in range(3):
                p.start()

            p.at(149).call(SUCCESS, times=successes)

            assert p.at(150).state is state

    def test_many_in_flight_need_more_than_three_overdue(self, patient):
        """A share of them: of a hundred calls three slow ones are chance."""
        p = patient(overdue_share=0.1)
        for _ in range(3):
            p.start()
        p.at(100)
        for _ in range(97):
            p.start()

        assert p.at(249).state is State.CLOSED
        assert p.at(250).is_open_for(OpenReason.OVERDUE)

    def test_they_are_looked_at_again_while_the_successes_grow_old(self, patient):
        """Every second: what succeeded longer than P95 ago speaks for nobody."""
        p = patient()
        for _ in range(3):
            p.start()
        p.at(140).call(SUCCESS, times=10)

        assert p.at(220).state is State.CLOSED
        assert p.at(221).is_open_for(OpenReason.OVERDUE)

    def test_what_failed_lately_weighs_with_them(self, patient):
        """A loser older than P99 was as silent as they are."""
        p = patient(max_failures=99)
        losers = [p.start() for _ in range(2)]
        p.at(10)
        for _ in range(3):
            p.start()
        p.at(150).call(SUCCESS, times=12)
        for loser in losers:
            p.end(loser, HARD)

        assert p.at(160).is_open_for(OpenReason.OVERDUE)

    def test_a_single_probe_that_is_slow_needs_no_company(self, patient):
        """Its question was whether a call succeeds."""
        p = patient(overdue_rate=1.0)
        p.half_open(OpenReason.OVERDUE)
        p.start()

        assert p.at(p.now + 120).is_open_for(OpenReason.OVERDUE)

    def test_requests_are_counted_not_their_attempts(self, patient):
        """Three attempts of one request are one request in flight."""
        p = patient()
        for _ in range(3):
            p.start(request="the same")

        assert p.at(1000).state is State.CLOSED

    def test_the_same_prompt_in_three_requests_is_three_requests(self, patient):
        """Overdue counts ids, not fingerprints."""
        p = patient()
        for _ in range(3):
            p.start("the same prompt")

        assert p.at(150).is_open_for(OpenReason.OVERDUE)

    def test_each_is_measured_by_its_own_p99(self, patient):
        """A provider that is usually slower is overdue later."""
        p = patient()
        for _ in range(3):
            p.start(expected=Quantiles(100, 160, 200))

        assert p.at(299).state is State.CLOSED
        assert p.at(300).is_open_for(OpenReason.OVERDUE)

    def test_one_that_ends_in_time_is_not_overdue(self, patient):
        """Two left over are two."""
        p = patient()
        tokens = [p.start() for _ in range(3)]
        p.at(140)

        p.end(tokens[0], NEUTRAL)

        assert p.at(1000).state is State.CLOSED

    def test_the_next_check_is_never_later_than_overdue_can_come_true(self, patient):
        """After a check too early the next is exact."""
        p = patient()
        early = p.start()
        p.at(50)
        p.end(early)
        for _ in range(3):
            p.start()

        first = p.breaker.next_check
        p.at(first)

        assert first <= 200
        assert p.breaker.next_check == 200

    def test_an_origin_knows_no_overdue(self, patient):
        """Silence is the upstream's, not the origin's."""
        p = patient(silence=False)
        for _ in range(5):
            p.start()

        assert p.at(10_000).state is State.CLOSED

    def test_a_paused_machine_is_not_evidence(self, patient):
        """What was in flight meanwhile may have been answered then: its silence says nothing any more."""
        p = patient()
        for _ in range(3):
            p.start()

        p.at(100).pause(900)

        assert p.state is State.CLOSED
        assert p.at(5000).state is State.CLOSED

    def test_what_starts_after_a_pause_is_evidence(self, patient):
        """A provider that hangs is found out by the next three."""
        p = patient()
        p.start()
        p.pause(900)
        for _ in range(3):
            p.start()

        assert p.at(1049).state is State.CLOSED
        assert p.at(1050).is_open_for(OpenReason.OVERDUE)

    def test_silence_is_judged_when_all_that_had_arrived_is_settled(self, patient):
        """A loop that was busy finds the answers and the overdue calls at once: the answers come first."""
        p = patient()
        heard = [0.0]
        p.breaker._heard = lambda: heard[0]
        calls = [p.start() for _ in range(4)]
        p.now = 152.0
        p.end(calls[0])
        after_the_first = p.state

        heard[0] = 152.0

        assert after_the_first is State.CLOSED
        assert p.is_open_for(OpenReason.OVERDUE)


class TestStall:
    """The likelihood that a healthy provider would have returned nothing falls under 1e-6."""

    def start_hung(self, p, count=3):
        """Start calls of a provider that should have answered within 10 s."""
        for _ in range(count):
            p.start(survival=hung)

    @pytest.mark.parametrize(
        ("stall", "state"), [("open", State.OPEN), ("observe", State.CLOSED), ("off", State.CLOSED)]
    )
    def test_what_follows_is_the_policys(self, patient, stall, state):
        """It opens, is only observed, or is not looked for."""
        p = patient(stall=stall)
        self.start_hung(p)

        p.at(20)
        p.start()
        p.at(22)

        assert p.state is state
        assert (p.breaker.stalled_since == 20) == (stall == "observe")

    def test_its_reason_is_stall(self, patient):
        """A breaker opened by silence says so."""
        p = patient(stall="open")
        self.start_hung(p)
        p.at(20)
        p.start()

        assert p.at(21).is_open_for(OpenReason.STALL)

    def test_what_silence_opened_is_closed_by_pictures_not_by_time(self, patient):
        """A call that says nothing for ten seconds more proves nothing."""
        p = patient(stall="open")
        self.start_hung(p)
        p.at(20)
        p.start()
        p.at(21)
        p.at(p.view.until)
        p.start()

        p.after(20)

        assert (p.state, p.view.allowed) == (State.HALF_OPEN, 1)

    def test_one_silent_call_is_never_enough(self, patient):
        """The floor of the survival, 1e-4, makes it two calls at least."""
        p = patient(stall="open")
        self.start_hung(p, 1)

        p.at(100)
        p.start()

        assert p.at(149).breaker.stalled_since is None

    def test_a_look_opens_it_so_that_nobody_is_admitted_on_what_was_true_before(self, patient):
        """It used to open between the look and the admission, which then found no place."""
        p = patient(stall="open")
        self.start_hung(p)
        p.now = 20
        first = p.view.places
        p.now = 21.5

        assert first is None
        assert p.view.places == 0
        assert p.reason is OpenReason.STALL

    @pytest.mark.parametrize(("calls", "waits"), [(2, 1.0), (1000, 1.0), (3000, 3.0)])
    def test_a_look_that_costs_more_is_had_less_often(self, patient, calls, waits):
        """It asks every call in flight: after a second for each thousand of them."""
        p = patient()
        for _ in range(calls):
            p.start()
        p.now = 10
        p.breaker.evaluate(p.now)

        assert not p.breaker.flows(10 + waits)
        assert p.breaker.flows(10 + waits - 0.001)

    def test_a_success_ends_the_silence(self, patient):
        """An answer within the second in which it looked hung: no stall."""
        p = patient(stall="open")
        self.start_hung(p)
        answer = p.at(20).start()
        suspected = p.breaker.stalled_since

        p.end(answer, SUCCESS)

        assert suspected == 20
        assert p.breaker.stalled_since is None
        assert p.at(24).state is State.CLOSED

    def test_it_becomes_likely_again_when_the_silent_calls_end(self, patient):
        """Calls that ended otherwise are no silence."""
        p = patient(stall="open")
        tokens = [p.start(survival=hung) for _ in range(3)]
        p.at(20)
        for token in tokens:
            p.end(token, NEUTRAL)

        p.at(21).start()

        assert p.breaker.stalled_since is None

    def test_a_pause_of_the_machine_is_no_silence(self, patient):
        """Neither the calls' ages nor the time since the last success grow by it."""
        p = patient(max_overdue=2)
        calls = [p.start(survival=lambda age: 0.5 ** (age / 10)) for _ in range(10)]
        p.at(100).call(SUCCESS)

        p.pause(900)
        p.breaker.evaluate(1000)

        assert calls[0].started == 900
        assert p.breaker.stalled_since is None

    def test_an_origin_knows_no_stall(self, patient):
        """Silence is the upstream's."""
        p = patient(silence=False, stall="open")
        self.start_hung(p)

        p.at(20).start()

        assert p.at(30).breaker.stalled_since is None


class TestOneAnswer:
    """FORBIDDEN, MODEL_GONE and UNDERSIZED open at once, for their own time."""

    @pytest.mark.parametrize("reason", [OpenReason.FORBIDDEN, OpenReason.MODEL_GONE, OpenReason.UNDERSIZED])
    def test_one_is_enough(self, patient, reason):
        """It opens for the seconds given, and is half-open after."""
        p = patient().at(10)

        p.breaker.open_now(reason, 3600, 10)

        assert p.is_open_for(reason)
        assert p.view.until == 3610
        assert p.at(3610).state is State.HALF_OPEN

    def test_the_longer_time_names_the_reason(self, patient):
        """A missing model outlasts a row of failures; a shorter word changes nothing."""
        p = patient().call(HARD, times=5)
        p.breaker.open_now(OpenReason.MODEL_GONE, 3600, 0)
        longer = p.view

        p.breaker.open_now(OpenReason.FORBIDDEN, 300, 1)

        assert (longer.reason, longer.until) == (OpenReason.MODEL_GONE, 3600)
        assert (p.view.reason, p.view.until) == (OpenReason.MODEL_GONE, 3600)


class TestOpen:
    """Open lasts 30·2^k, at most `max_open`, after a quick refusal `max_open_refused`; 10 min closed reset k."""

    def test_every_opening_lasts_twice_as_long_up_to_ten_minutes(self, patient):
        """30, 60, 120, 240, 480, 600, 600 s."""
        p = patient(max_open=600, max_open_refused=600).call(HARD, times=5)
        lasted = [p.view.until - p.now]
        for _ in range(6):
            p.at(p.view.until).call(HARD)
            lasted.append(p.view.until - p.now)

        assert lasted == [30, 60, 120, 240, 480, 600, 600]

    def test_an_outage_of_weeks_is_survived(self, patient):
        """However often it opens again, it opens for ten minutes."""
        p = patient(max_open=600, max_open_refused=600).half_open()
        for _ in range(1100):
            p.call(HARD).at(p.view.until)

        assert p.call(HARD).view.until - p.now == pytest.approx(600)

    def test_silence_costs_a_probe_each_time_so_it_waits_two_minutes_at_most(self, patient):
        """30, 60, 120, 120 s."""
        p = patient().half_open(OpenReason.OVERDUE)
        lasted = []
        for _ in range(3):
            p.start()
            p.after(120)
            lasted.append(p.view.until - p.now)
            p.at(p.view.until)

        assert lasted == [60, 120, 120]

    def test_a_refusal_is_free_so_it_waits_ten_seconds(self, patient):
        """However often it refuses: nobody pays for asking again."""
        p = patient().call(HARD, times=5)
        lasted = [p.view.until - p.now]
        for _ in range(3):
            p.at(p.view.until).call(HARD)
            lasted.append(p.view.until - p.now)

        assert lasted == [10, 10, 10, 10]

    def test_jitter_adds_up_to_a_fifth(self, patient):
        """Half of the jitter is a tenth of the time."""
        assert patient(jitter=0.5).call(HARD, times=5).view.until == 11

    @pytest.mark.parametrize(("closed", "lasts"), [(599, 60), (600, 30)])
    def test_the_doubling_is_forgotten_after_ten_minutes_closed(self, patient, closed, lasts):
        """Closed for 10 min, the next opening is the first again."""
        p = patient(half_open_max=2, max_open_refused=600).half_open().call(SUCCESS)

        p.after(closed).call(HARD, times=5)

        assert p.view.until - p.now == lasts

    def test_nothing_is_admitted(self, patient):
        """An open breaker has no places, and asking for one is a bug."""
        p = patient().call(HARD, times=5)

        assert p.view.places == 0
        with pytest.raises(AssertionError):
            p.start()

    def test_evidence_from_before_is_forgotten_when_it_closes(self, patient):
        """A breaker that closed needs five new failures."""
        p = patient(half_open_max=2).half_open().call(SUCCESS)

        assert p.call(HARD, times=4).state is State.CLOSED
        assert p.call(HARD).state is State.OPEN


class TestHint:
    """A hint is clamped to 1–900 s, only ever extends, and closes by itself."""

    @pytest.mark.parametrize("verdict", [THROTTLE, HARD])
    def test_one_is_enough_and_it_closes_by_itself(self, patient, verdict):
        """A 429 or 503 with a hint opens until then; the next opens it again."""
        p = patient().call(verdict, hint=20)
        opened = p.view
        p.at(20)
        closed = p.state

        p.call(verdict, hint=20)

        assert (opened.state, opened.reason, opened.until) == (State.OPEN, OpenReason.HINT, 20)
        assert closed is State.CLOSED
        assert p.is_open_for(OpenReason.HINT)

    @pytest.mark.parametrize(("seconds", "lasts"), [(0.1, 1), (1, 1), (900, 900), (86_400, 900)])
    def test_it_is_clamped(self, patient, seconds, lasts):
        """Never less than a second nor more than a quarter of an hour."""
        assert patient().call(THROTTLE, hint=seconds).view.until == lasts

    def test_it_only_ever_extends(self, patient):
        """A longer one extends, a shorter changes nothing."""
        p = patient()
        tokens = [p.start() for _ in range(3)]
        ends = []
        for token, seconds in zip(tokens, (20, 60, 10), strict=True):
            p.end(token, THROTTLE, seconds)
            ends.append(p.view.until)

        assert ends == [20, 60, 60]

    @pytest.mark.parametrize(("verdict", "hint"), [(THROTTLE, None), (THROTTLE, 20), (HARD, 20)])
    def test_a_burst_of_refusals_is_one_pause(self, patient, verdict, hint):
        """Fifty in flight that are refused after the hint opened it make no sickness of it."""
        p = patient()
        tokens = [p.start() for _ in range(50)]
        p.end(tokens[0], THROTTLE, 20)
        for token in tokens[1:]:
            p.end(token, verdict, hint)

        assert p.is_open_for(OpenReason.HINT)
        assert p.at(20).state is State.CLOSED

    def test_it_is_no_sickness_so_what_is_in_flight_stays_evidence(self, patient):
        """Calls that hang while the provider asks to wait are overdue all the same."""
        p = patient()
        for _ in range(3):
            p.start()
        p.at(140).call(THROTTLE, hint=60)

        p.at(150)

        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.until == 200

    def test_failures_that_are_no_refusals_open_for_good_meanwhile(self, patient):
        """Five broken replies during a pause are a row."""
        p = patient()
        tokens = [p.start() for _ in range(6)]
        p.end(tokens[0], THROTTLE, 20)
        for token in tokens[1:]:
            p.end(token, HARD)

        assert p.is_open_for(OpenReason.STREAK)

    def test_a_success_meanwhile_does_not_cut_it_short(self, patient):
        """The provider has said when to come back."""
        p = patient()
        token = p.start()
        p.call(THROTTLE, hint=20)

        p.end(token, SUCCESS)

        assert p.is_open_for(OpenReason.HINT)

    def test_many_hints_one_after_another_are_a_rate(self, patient):
        """Six requests refused in turn are more than a pause."""
        p = patient()
        for _ in range(6):
            p.call(THROTTLE, hint=2).at(p.now + 2)

        assert p.reason is OpenReason.RATE

    def test_on_a_breaker_open_for_another_reason_it_extends_and_leaves_the_reason(self, patient):
        """A sick upstream stays sick, a while longer."""
        p = patient()
        late = p.start()
        p.call(HARD, times=5)

        p.end(late, THROTTLE, 100)

        assert p.is_open_for(OpenReason.STREAK)
        assert p.view.until == 100
        assert p.at(100).state is State.HALF_OPEN

    def test_on_a_half_open_breaker_it_opens_again_and_leaves_the_reason(self, patient):
        """Half-open again when the hint ends, no longer for it the next time."""
        p = patient(max_open_refused=600).half_open()

        p.breaker.hint(50, p.now)

        assert p.is_open_for(OpenReason.STREAK)
        assert p.view.until == 80
        assert p.at(80).state is State.HALF_OPEN
        assert p.breaker.doublings(80) == 1

    def test_a_late_success_does_not_end_what_a_hint_extended(self, patient):
        """Early half-open waits for the hint."""
        p = patient()
        tokens = [p.start() for _ in range(3)]
        p.at(150)
        p.end(tokens[0], THROTTLE, 60)

        p.end(tokens[1], SUCCESS)

        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.until == 210

    def test_a_late_success_ends_it_from_the_instant_at_which_the_hint_does(self, patient):
        """The opening itself would last longer."""
        p = patient()
        tokens = [p.start() for _ in range(3)]
        p.at(150)
        p.end(tokens[0], THROTTLE, 10)

        p.at(160).end(tokens[1], SUCCESS)

        assert p.state is State.HALF_OPEN


class TestThrottled:
    """Whether a hedge should stay away."""

    def test_while_a_hint_lasts(self, patient):
        """A 503 with a hint, too."""
        p = patient().call(HARD, hint=20)

        assert p.breaker.throttled(19)
        p.at(20)
        assert not p.breaker.throttled(20)

    def test_since_a_refusal_until_it_delivers_or_the_window_has_passed(self, patient):
        """A success ends it, and so do 300 s."""
        p = patient().call(THROTTLE)
        during = p.breaker.throttled(299), p.breaker.throttled(300)

        p.call(SUCCESS)

        assert during == (True, False)
        assert not p.breaker.throttled(1)


class TestHalfOpen:
    """Half-open admits `allowed` = 1 request at a time, doubling per success; at 64 it is closed."""

    def test_one_request_at_a_time(self, patient):
        """The second is not admitted while the first is in flight."""
        p = patient().half_open()
        before = p.view

        p.start()

        assert (before.allowed, before.places) == (1, 1)
        assert (p.view.allowed, p.view.places) == (1, 0)

    def test_every_success_doubles_and_sixty_four_is_closed(self, patient):
        """2, 4, 8, 16, 32, closed."""
        p = patient().half_open()
        ramp = [p.call(SUCCESS).view.allowed for _ in range(6)]

        assert ramp == [2, 4, 8, 16, 32, None]
        assert p.state is State.CLOSED
        assert p.view.places is None

    @pytest.mark.parametrize("verdict", [HARD, THROTTLE])
    def test_a_failure_of_the_probe_opens_it_again_for_twice_as_long(self, patient, verdict):
        """And a 429 fails a probe."""
        p = patient(max_open_refused=600).half_open()

        p.call(verdict)

        assert p.is_open_for(OpenReason.STREAK)
        assert p.view.until - p.now == 60

    @pytest.mark.parametrize("verdict", [HARD, THROTTLE])
    def test_a_failure_on_the_ramp_halves_it(self, patient, verdict):
        """8, 4, 2, 1, and then it opens: a third refused is no reason to begin again."""
        p = patient().half_open().call(SUCCESS, times=3)
        ramp = [p.call(verdict).view.allowed for _ in range(4)]

        assert ramp == [4, 2, 1, None]
        assert p.is_open_for(OpenReason.STREAK)

    def test_until_the_first_success_any_failure_opens_it_again(self, patient):
        """A probe that keeps silent for 7 s ramps to 4 by time; its late failure is the only answer there was."""
        p = patient().half_open(OpenReason.STREAK)
        probe = p.start()
        ramped = p.after(7).view.allowed

        p.end(probe, HARD)

        assert ramped == 4
        assert p.is_open_for(OpenReason.STREAK)

    def test_a_call_too_old_for_a_probe_opens_it_when_the_ramp_falls_back_to_one(self, patient):
        """From then on, not from when it became too old: that lies in the past."""
        p = patient().half_open(OpenReason.OVERDUE).call(SUCCESS)
        old = [p.start(), p.start()]
        p.after(130)

        p.end(old[0], HARD)

        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.since == p.now
        assert p.view.until - p.now == 60

    def test_a_neutral_outcome_gives_the_place_back(self, patient):
        """A cancelled probe neither closes, opens nor leaks."""
        p = patient().half_open()

        p.call(NEUTRAL, times=10)

        assert (p.state, p.view.allowed, p.view.places) == (State.HALF_OPEN, 1, 1)

    def test_answers_opened_it_so_three_seconds_without_failure_double(self, patient):
        """A probe in flight for 18 s without failing closes it: 2, 4, … 64."""
        p = patient().half_open(OpenReason.STREAK)
        p.start()
        ramp = [p.after(3).view.allowed for _ in range(6)]

        assert ramp == [2, 4, 8, 16, 32, None]
        assert p.state is State.CLOSED

    @pytest.mark.parametrize("reason", [OpenReason.FORBIDDEN, OpenReason.MODEL_GONE, OpenReason.UNDERSIZED])
    def test_one_answer_is_an_answer(self, patient, reason):
        """What one answer opened ramps by time too."""
        p = patient().half_open(reason)
        p.start()

        assert p.after(3).view.allowed == 2

    def test_silence_opened_it_so_only_successes_double(self, patient):
        """A probe in flight proves nothing about silence."""
        p = patient().half_open(OpenReason.OVERDUE)
        p.start()

        assert p.after(100).view.allowed == 1

    def test_failures_later_than_p99_are_silence(self, patient):
        """Five time-outs in a row opened it: no ramp by time."""
        p = patient(max_overdue=10)
        tokens = [p.start() for _ in range(5)]
        p.at(101)
        for token in tokens:
            p.end(token, HARD)
        opened = p.reason

        p.at(p.view.until).start()

        assert opened is OpenReason.STREAK
        assert p.after(50).view.allowed == 1

    def test_no_request_no_ramp(self, patient):
        """An hour in which nobody asked proves nothing, nor do cancelled probes; three seconds begin with a probe."""
        p = patient().half_open()
        p.after(3600).call(NEUTRAL).after(3600).start()
        idle = p.view.allowed

        assert idle == 1
        assert p.after(2).view.allowed == 1
        assert p.after(1).view.allowed == 2

    def test_a_probe_older_than_one_and_a_half_p95_opens_it_again(self, patient):
        """At 120 s, k + 1, reason overdue."""
        p = patient().half_open(OpenReason.OVERDUE)
        p.start()
        p.after(119)
        before = p.state

        p.after(1)

        assert before is State.HALF_OPEN
        assert p.is_open_for(OpenReason.OVERDUE)
        assert p.view.until - p.now == 60

    def test_an_origins_probe_is_measured_by_its_own_p95(self, patient):
        """Where a rule needs P95, it is the attempt's own."""
        p = patient(silence=False).half_open()
        p.start(expected=Quantiles(1, 2, 4))

        assert p.after(3).is_open_for(OpenReason.OVERDUE)

    def test_on_the_ramp_slow_calls_are_overdue_by_three(self, patient):
        """With more than one allowed, three requests older than 1.5·P99 open it again."""
        p = patient().half_open(OpenReason.OVERDUE).call(SUCCESS, times=2)
        for _ in range(3):
            p.start()
        p.after(149)
        before = p.state

        p.after(1)

        assert before is State.HALF_OPEN
        assert p.is_open_for(OpenReason.OVERDUE)

    def test_a_paused_machine_hangs_no_probe_and_ramps_nothing(self, patient):
        """The time of a pause is neither a probe's age nor three seconds without failure."""
        p = patient().half_open(OpenReason.OVERDUE)
        p.start()

        p.pause(1000)

        assert p.state is State.HALF_OPEN

        q = patient().half_open(OpenReason.STREAK)
        q.start()

        q.pause(1000)

        assert q.view.allowed == 1


class TestGenerations:
    """Outcomes of an older generation never open or close."""

    def in_flight_then_half_open(self, patient):
        """Give a half-open breaker and the hung calls that opened it."""
        p = patient().half_open(OpenReason.OVERDUE)
        return p, p.hung

    @pytest.mark.parametrize("verdict", [SUCCESS, HARD, THROTTLE, NEUTRAL])
    def test_late_outcomes_do_not_touch_a_half_open_breaker(self, patient, verdict):
        """They neither double, reopen nor take places."""
        p, late = self.in_flight_then_half_open(patient)

        for token in late:
            p.end(token, verdict)

        assert (p.state, p.view.allowed, p.view.places) == (State.HALF_OPEN, 1, 1)

    def test_late_failures_do_not_open_a_breaker_that_closed(self, patient):
        """Fifty calls that hung before say nothing about now."""
        p = patient(half_open_max=2)
        late = [p.start() for _ in range(50)]
        p.at(150).at(p.view.until).call(SUCCESS)
        closed = p.state
        for token in late:
            p.end(token, HARD)

        assert closed is State.CLOSED
        assert p.state is State.CLOSED

    def test_old_calls_are_not_overdue_again(self, patient):
        """A breaker that closed is not opened by what hung before."""
        p, _ = self.in_flight_then_half_open(patient)
        p.call(SUCCESS, times=6)

        assert p.after(10_000).state is State.CLOSED

    def test_calls_of_the_ramp_are_evidence_after_it_closed(self, patient):
        """A generation lasts until the next opening."""
        p = patient().half_open().call(SUCCESS, times=5)
        ramp = [p.start() for _ in range(6)]
        p.end(ramp[0], SUCCESS)
        closed = p.state
        for token in ramp[1:]:
            p.end(token, HARD)

        assert closed is State.CLOSED
        assert p.is_open_for(OpenReason.STREAK)

    @pytest.mark.parametrize("reason", [OpenReason.OVERDUE, OpenReason.RATE, OpenReason.STALL])
    def test_a_late_success_moves_to_half_open_early(self, patient, reason):
        """Opened for silence or rate: it may have been slow only."""
        p = patient(stall="open", max_failures=100)
        tokens = [p.start(survival=hung if reason is OpenReason.STALL else lambda _: 1.0) for _ in range(4)]
        if reason is OpenReason.RATE:
            p.call(HARD, times=6)
        elif reason is OpenReason.STALL:
            p.at(20)
            p.end(tokens.pop(), NEUTRAL)
            p.at(22)
        else:
            p.at(150)
        opened = p.reason

        p.end(tokens[0], SUCCESS)

        assert opened is reason
        assert (p.state, p.view.allowed) == (State.HALF_OPEN, 1)

    @pytest.mark.parametrize("verdict", [HARD, THROTTLE, NEUTRAL])
    def test_a_late_failure_does_not(self, patient, verdict):
        """It is counted where attempts are counted, and nowhere else."""
        p = patient()
        tokens = [p.start() for _ in range(3)]
        p.at(150)
        until = p.view.until

        p.end(tokens[0], verdict)

        assert (p.state, p.view.until) == (State.OPEN, until)

    def test_a_row_of_failures_is_not_ended_by_a_late_success(self, patient):
        """Answers opened it; an answer from before is no news."""
        p = patient()
        late = p.start()
        p.call(HARD, times=5)

        p.end(late, SUCCESS)

        assert p.is_open_for(OpenReason.STREAK)

    def test_what_is_in_flight_is_left_alone_and_settled_once(self, patient):
        """Opening settles nothing; a second settlement is an error."""
        p = patient()
        late = p.start()
        p.call(HARD, times=5)
        in_flight = p.breaker.in_flight

        p.end(late)

        assert in_flight == 1
        assert p.breaker.in_flight == 0
        with pytest.raises(KeyError):
            p.end(late)


class TestOrigin:
    """An origin's breaker knows streak, rate and half-open only."""

    def test_refused_connections_open_and_count_as_answers(self, patient):
        """Five requests refused open it, and three seconds without failure double."""
        p = patient(silence=False).half_open(OpenReason.STREAK)
        p.start()

        assert p.after(3).view.allowed == 2


def test_an_idle_breaker_asks_for_no_check(patient):
    """No timer is needed for a breaker without calls, once its last check has come."""
    p = patient().call(SUCCESS)

    p.at(1000)

    assert p.breaker.next_check == float("inf")


def test_every_change_is_told(patient):
    """Whoever owns it hears of every change of state or reason, once."""
    p = patient(half_open_max=2)
    told = []
    p.breaker._on_change = lambda: told.append((p.breaker.state, p.breaker.reason))

    p.half_open().call(SUCCESS)

    assert told == [(State.OPEN, OpenReason.STREAK), (State.HALF_OPEN, OpenReason.STREAK), (State.CLOSED, None)]


def test_of_two_openings_that_end_together_the_first_names_the_reason(patient):
    """Only the longer of the two would."""
    p = patient()
    p.breaker.open_now(OpenReason.MODEL_GONE, 300, 0)

    p.breaker.open_now(OpenReason.FORBIDDEN, 300, 0)

    assert p.is_open_for(OpenReason.MODEL_GONE)


def test_a_fresh_breaker_watches_nothing_and_always_was_as_it_is(patient):
    """Until something is in flight."""
    p = patient()

    assert (p.breaker.watching, p.view.since) == (False, -inf)
    p.start()
    assert p.breaker.watching is True


def test_the_doubling_is_forgotten_after_ten_calm_minutes(patient):
    """And stays so."""
    p = patient(half_open_max=2, max_open_refused=600).half_open().call(SUCCESS)

    assert p.state is State.CLOSED
    assert [p.breaker.doublings(p.now + seconds) for seconds in (0, 599, 600, 5000)] == [1, 1, 0, 0]


def test_a_ramp_that_is_no_power_of_two_ends_above_it(patient):
    """1, 2, 4, and closed instead of 8."""
    p = patient(half_open_max=5).half_open()

    allowed = [p.call(SUCCESS).view.allowed for _ in range(3)]

    assert (allowed, p.state) == ([2, 4, None], State.CLOSED)


def test_every_opening_begins_a_generation(patient):
    """By which whoever settles an admission knows whether it is still of account."""
    p = patient()
    before = p.breaker.generation

    p.call(HARD, times=5)

    assert p.breaker.generation != before


def test_silence_is_evidence_unless_said_otherwise(patient):
    """An upstream's breaker is the usual one."""
    p = patient()
    p.breaker = Breaker(BreakerPolicy(), jitter=lambda: 0.0)
    for _ in range(3):
        p.start()

    assert p.at(150).is_open_for(OpenReason.OVERDUE)


def test_a_view_is_frozen_and_named():
    """Nobody mixes up its numbers."""
    assert all(field.kw_only for field in fields(BreakerView))


class TestSiblings:
    """The breakers of one upstream's resolutions ask one question: one probe speaks for all of them."""

    @staticmethod
    def pair(patient, **policy):
        """Give two breakers, half-open at the same time after silence, that are each other's siblings."""
        one, other = patient(**policy), patient(**policy)
        one.breaker.siblings, other.breaker.siblings = [other.breaker], [one.breaker]
        one.half_open(OpenReason.OVERDUE)
        other.half_open(OpenReason.OVERDUE)
        return one, other

    def test_one_probe_at_a_time_for_all(self, patient):
        """While one resolution is probed the other admits nothing."""
        one, other = self.pair(patient)
        before = other.view.places

        one.start()

        assert (before, other.view.places) == (1, 0)

    def test_a_probe_that_succeeds_is_a_sign_of_life_for_all(self, patient):
        """The other's opening ends early, into half-open, and admits without a probe of its own first."""
        one, other = self.pair(patient)
        probe = other.start()
        other.end(probe, HARD)
        other.at(one.now)

        one.at(one.view.until or one.now).call(SUCCESS)
        other.now = one.now

        assert (other.state, other.view.allowed) == (State.HALF_OPEN, 1)

    def test_a_probe_that_fails_is_nobody_elses_failure(self, patient):
        """Those it was asked for wait as long as it does, and their own doubling stays."""
        one, other = self.pair(patient)
        doublings = other.breaker.doublings(other.now)

        one.end(one.start(), HARD)

        assert other.is_open_for(OpenReason.OVERDUE)
        assert other.view.until == one.view.until
        assert other.breaker.doublings(other.now) == doublings

    @pytest.mark.parametrize("reason", [OpenReason.FORBIDDEN, OpenReason.MODEL_GONE, OpenReason.UNDERSIZED])
    def test_what_one_answer_opened_is_not_ended_by_a_sibling(self, patient, reason):
        """Another resolution's success says nothing of it."""
        one, other = self.pair(patient)
        other.breaker.open_now(reason, 3600, other.now)

        one.call(SUCCESS)

        assert other.is_open_for(reason)

    def test_a_hint_is_waited_for_whatever_a_sibling_says(self, patient):
        """The provider named a time."""
        one, other = self.pair(patient)
        other.breaker.hint(300, other.now)

        one.call(SUCCESS)

        assert other.state is State.OPEN

    def test_the_first_sign_of_life_admits_an_eighth_of_what_was_in_flight(self, patient):
        """Forty were; five are admitted, and the success itself doubles."""
        p = patient(max_overdue=40)
        p.half_open(OpenReason.OVERDUE)

        assert p.call(SUCCESS).view.allowed == 10
