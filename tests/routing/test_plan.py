"""The planner, sentence by sentence (semantics §3)."""

from decimal import Decimal
from math import inf

import pytest
from attrs import evolve, fields

from pixroute.health.scopes import ADMITS, AdmissionStatus, Block
from pixroute.health.states import OpenReason
from pixroute.latency import Quantiles
from pixroute.outcome import Billing, Failure, FailureKind
from pixroute.policy import Policy, RetryPolicy
from pixroute.routing.plan import plan
from pixroute.routing.reserve import default_budget, leave_out, possibly_billed, reserve, worst_cost
from pixroute.routing.view import SLACK, Candidate, Plan, Round, Start, Stop, Tried, Verdict, View, Wait

K, R = FailureKind, Verdict
NOW = 1000.0
RESERVE = 1.25 * 27 + 10  # for Seedream
PAID, FREE = True, False

FULL = AdmissionStatus(admits=False, block=Block.SLOT)
HELD = AdmissionStatus(admits=False, block=Block.HOLD, until=NOW + 100)
PROBING = AdmissionStatus(admits=False, block=Block.HALF_OPEN_FULL)
DISABLED = AdmissionStatus(admits=False, block=Block.DISABLED)
THROTTLED = AdmissionStatus(admits=True, throttled=True)


def opened(seconds=100.0, reason=OpenReason.STREAK):
    """Give the status behind a breaker that is open for so many seconds more."""
    return AdmissionStatus(admits=False, block=Block.OPEN, until=NOW + seconds, reason=reason)


def candidate(name="banana", **fields):
    """Give Banana, who takes minutes."""
    fields = {"upstream": name, "account": name, "abilities": name, "price": Decimal("0.09"), **fields}
    return Candidate(
        **{"name": name, "timeout": 600.0, "expected": Quantiles(120, 170, 250), "hedge_after": 375.0, **fields}
    )


def seedream(name="seedream", **fields):
    """Give Seedream, who takes seconds."""
    return candidate(
        name, **{"expected": Quantiles(18, 27, 40), "hedge_after": 60.0, "price": Decimal("0.04"), **fields}
    )


def ended(index, kind=K.CONNECT, *, ago=0.0, round_=0, paid=None, retry_in=None, **fields):
    """Give an attempt that failed so many seconds ago."""
    failure = Failure(kind=kind, message="failed", **fields)
    return Tried(
        index=index,
        round=round_,
        started=NOW - ago - 5,
        ends_at=NOW + 500,
        join_at=NOW + 300,
        join_free_at=NOW + 300,
        ended=NOW - ago,
        failure=failure,
        may_be_billed=failure.billing is not Billing.FREE if paid is None else paid,
        retry_at=None if retry_in is None else NOW + retry_in,
    )


def live(index, *, age=5.0, join_in=inf, join_free_in=None, paid=PAID):
    """Give an attempt in flight that may be joined in so many seconds."""
    free_in = join_in if join_free_in is None else join_free_in
    return Tried(
        index=index,
        round=0,
        started=NOW - age,
        ends_at=NOW + 500,
        join_at=NOW + join_in,
        join_free_at=NOW + free_in,
        may_be_billed=paid,
    )


def view(
    *candidates,
    statuses=None,
    remaining=1000.0,
    tried=(),
    round_=0,
    jitter=0.0,
    money=None,
    hedge_allowed=True,
    patience=inf,
    **policy,
):
    """Give a view of these candidates, all admitted but for `statuses` by index."""
    return View(
        now=NOW,
        deadline=NOW + remaining,
        candidates=candidates,
        statuses=tuple((statuses or {}).get(index, ADMITS) for index in range(len(candidates))),
        policy=Policy(**policy),
        tried=tuple(tried),
        round=round_,
        round_jitter=jitter,
        money_left=None if money is None else Decimal(money),
        hedge_allowed=hedge_allowed,
        patience=patience,
    )


def chain(**fields):
    """Give a view of the default chain: two siblings, then another upstream on the same account."""
    return view(
        candidate("http", upstream="nano", account="one", abilities="nano"),
        candidate("https", upstream="nano", account="one", abilities="nano"),
        seedream(account="one"),
        **fields,
    )


def verdicts(seen):
    """Give what was found of each provider."""
    return list(plan(seen).verdicts)


class TestTheFirstDecision:
    """Nothing was tried yet."""

    def test_the_first_of_the_chain_starts(self):
        """Everybody is ready, the first is the one the caller prefers."""
        decided = plan(chain(remaining=673.75))

        assert decided == Plan(
            Start(0, join_at=NOW + 375, join_free_at=NOW + 375, ends_at=NOW + 600), (R.READY, R.READY, R.READY)
        )

    @pytest.mark.parametrize("verdict", [R.UNSUPPORTED, R.DISABLED, R.PLAINTEXT])
    def test_who_is_barred_is_passed_over_with_the_reason(self, verdict):
        """Unsupported, disabled, sensitive over plaintext."""
        decided = plan(view(candidate(barred=verdict), seedream()))

        assert decided.verdicts == (verdict, R.READY)
        assert decided.action.index == 1

    @pytest.mark.parametrize(
        ("status", "verdict"),
        [
            (HELD, R.HOLD),
            (opened(), R.OPEN),
            (PROBING, R.PROBING),
            (DISABLED, R.DISABLED),
            (AdmissionStatus(admits=False), R.OPEN),
        ],
        ids=lambda value: getattr(value, "name", ""),
    )
    def test_whom_health_does_not_admit_is_passed_over_with_the_reason(self, status, verdict):
        """Hold, breaker, probe, disabled at run time."""
        decided = plan(view(candidate(), seedream(), statuses={0: status}))

        assert decided.verdicts == (verdict, R.READY)
        assert decided.action.index == 1

    def test_nobody_is_an_end(self):
        """A chain of which nothing can ever start stops at once."""
        assert plan(view(candidate(barred=R.UNSUPPORTED))) == Plan(Stop(), (R.UNSUPPORTED,))


class TestTwoTimes:
    """§3.3: `ends_at`, `join_at`, reserve and the even chance."""

    @pytest.mark.parametrize(
        ("remaining", "join_in", "ends_in"),
        [
            (1000, 375, 600),
            (600, 375, 600),
            (500, 375, 500),
            (400, 400 - RESERVE, 400),
            (240, 240 - RESERVE, 240),
            (120 + RESERVE, 120, 120 + RESERVE),
        ],
    )
    def test_an_attempt_ends_with_the_time_and_is_joined_while_the_reserve_is_left(self, remaining, join_in, ends_in):
        """`ends_at = start + min(T, remaining)`, `join_at = start + min(hedge_after, remaining − reserve)`."""
        action = plan(view(candidate(), seedream(), remaining=remaining)).action

        assert action == Start(0, NOW + join_in, NOW + join_in, NOW + ends_in)

    def test_less_than_an_even_chance_buys_nothing(self):
        """A caller's short time goes straight to the faster fallback."""
        decided = plan(view(candidate(), seedream(), remaining=119))

        assert decided.verdicts == (R.NO_TIME, R.READY)
        assert decided.action == Start(1, NOW + 60, NOW + 60, NOW + 119)

    @pytest.mark.parametrize(
        ("remaining", "kept"), [(119 + RESERVE, RESERVE - 1), (140, 20), (138, 18), (137, 0), (120, 0)]
    )
    def test_a_reserve_never_takes_the_time_of_whom_it_is_kept_beside(self, remaining, kept):
        """It shrinks to what the P50 leaves, and is none where the fallback's own P50 would not fit into it."""
        action = plan(view(candidate(), seedream(), remaining=remaining)).action

        assert action == Start(0, NOW + remaining - kept, NOW + remaining - kept, NOW + remaining)

    @pytest.mark.parametrize("budget", [10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 450, 600, 900])
    def test_unknown_times_forbid_nothing(self, budget):
        """A guess is no measurement: P50 is at most a quarter of the budget, and as much is kept for a fallback."""
        guess = {"timeout": 300.0, "expected": Quantiles(60, 120, 180), "known": False, "hedge_after": 270.0}
        p50 = min(60, budget / 4)

        for fast in (Quantiles(3, 5, 8), Quantiles(p50, 2 * p50, 3 * p50)):
            first = candidate("first", **{**guess, "expected": fast, "known": True})
            seen = evolve(view(first, candidate("other", **guess), remaining=budget), budget=budget)
            kept = min(p50, budget - fast.p50)
            assert reserve(seen, 0, budget) == kept
            assert plan(seen).action == Start(
                0, NOW + min(270, budget - kept), NOW + min(270, budget - kept), NOW + min(300, budget)
            )
        unknown = evolve(view(candidate("a", **guess), candidate("b", **guess), remaining=budget), budget=budget)
        assert plan(unknown).action.index == 0
        assert reserve(unknown, 0, budget) == p50
        late = evolve(unknown, deadline=NOW + p50 - 0.01)
        assert plan(late).verdicts == (R.NO_TIME, R.NO_TIME)

    def test_within_the_slack_of_a_clock_the_time_is_enough(self):
        """A timer that fires early or late by a millisecond changes nothing."""
        assert verdicts(view(candidate(), remaining=120 - SLACK / 2)) == [R.READY]
        assert verdicts(view(candidate(), remaining=120 - SLACK * 2)) == [R.NO_TIME]

    def test_a_reserve_is_dropped_if_no_later_providers_p95_fits(self):
        """Who could not finish needs no time kept."""
        slow = candidate("slow", expected=Quantiles(20, 300, 400))

        assert plan(view(candidate(), slow, remaining=299)).action.join_at == NOW + 299
        assert plan(view(candidate(), slow, remaining=300)).action.join_at == NOW + 120

    def test_the_last_of_the_chain_keeps_nothing(self):
        """It may use all that is left."""
        assert plan(view(candidate(), remaining=130)).action == Start(0, NOW + 130, NOW + 130, NOW + 130)

    def test_nobody_can_finish(self):
        """The error is told at once."""
        assert plan(view(candidate(), seedream(), remaining=5)) == Plan(Stop(), (R.NO_TIME, R.NO_TIME))

    def test_hedge_off_cuts_while_the_reserve_is_left(self):
        """Nobody joins; the attempt ends in time for the fallback to follow."""
        off = candidate(hedge_after=inf)

        assert plan(view(off, seedream(), remaining=400)).action == Start(0, inf, inf, NOW + 400 - RESERVE)
        assert plan(view(off, seedream(), remaining=1000)).action == Start(0, inf, inf, NOW + 600)

    @pytest.mark.parametrize(("factor", "free_in"), [(0.5, 250), (1.0, 250), (1.5, 375)])
    def test_joining_below_p99_is_free_only_from_p99_on(self, factor, free_in):
        """`join_free_at` is when a hedge draws nothing from the budget."""
        action = plan(view(candidate(hedge_after=factor * 250), remaining=2000)).action

        assert (action.join_at, action.join_free_at) == (NOW + factor * 250, NOW + free_in)

    def test_joining_because_of_the_reserve_is_free(self):
        """Both times are cut to what the reserve leaves."""
        action = plan(view(candidate(hedge_after=125), seedream(), remaining=150 + RESERVE)).action

        assert (action.join_at, action.join_free_at) == (NOW + 125, NOW + 150)


class TestReserve:
    """Kept is `1.25·P95 + 10` of the next provider that could still follow."""

    def test_it_is_for_the_next_on_another_upstream(self):
        """A sibling shares the fate of what hangs, so nothing is kept for it; the first of the others counts."""
        seen = view(candidate("a", upstream="u"), candidate("b", upstream="u"), seedream(), candidate("d"))

        assert reserve(seen, 0, 1000) == RESERVE
        assert reserve(seen, 2, 1000) == 1.25 * 170 + 10
        assert reserve(seen, 3, 1000) == 0

    def test_its_size_is_policy(self):
        """Factor and extra."""
        assert reserve(view(candidate(), seedream(), reserve_factor=2, reserve_extra=1), 0, 1000) == 55

    @pytest.mark.parametrize(
        "fields",
        [
            {"statuses": {1: opened()}},
            {"statuses": {1: HELD}},
            {"statuses": {1: PROBING}},
            {"statuses": {1: DISABLED}},
            {"tried": [ended(1, K.CONNECT)]},
            {"tried": [ended(1, K.CONNECT)], "round_": 1},
            {"tried": [ended(1, K.CONNECT, retry_in=1)]},
            {"max_possibly_billed": 1},
            {"max_attempts": 1},
            {"money": "0.12"},
        ],
        ids=[
            "open",
            "held",
            "probing",
            "disabled",
            "failed",
            "failed before",
            "retried",
            "billed",
            "attempts",
            "money",
        ],
    )
    def test_nothing_is_kept_for_whom_health_attempts_or_money_would_not_admit(self, fields):
        """This attempt counts as possibly billed, and its price as spent."""
        assert reserve(view(candidate(), seedream(), **fields), 0, 1000) == 0

    @pytest.mark.parametrize("fields", [{"statuses": {1: FULL}}, {"money": "0.13"}, {"max_attempts": 2}])
    def test_a_full_provider_and_an_exact_sum_still_count(self, fields):
        """A slot comes free, and what fits exactly fits."""
        assert reserve(view(candidate(), seedream(), **fields), 0, 1000) == RESERVE

    def test_it_is_kept_while_the_others_failed(self):
        """Whoever was asked before this one is not the one it is kept for."""
        assert reserve(view(candidate("a"), candidate("b"), seedream(), tried=[ended(0)]), 1, 1000) == RESERVE
        assert reserve(view(candidate("a"), seedream(), candidate("c"), tried=[ended(2)]), 0, 1000) == RESERVE

    def test_nothing_is_kept_for_who_cannot_serve(self):
        """Unsupported, disabled in the file, plaintext."""
        assert reserve(view(candidate(), seedream(barred=R.UNSUPPORTED)), 0, 1000) == 0

    def test_nothing_is_kept_for_whom_an_earlier_failure_excludes(self):
        """Who can do no more than a provider that called the request invalid will not be asked."""
        seen = view(
            candidate("a", abilities=1),
            candidate("b", abilities=2),
            seedream("c", abilities=1),
            tried=[ended(0, K.INVALID)],
        )

        assert reserve(seen, 1, 1000) == 0

    def test_what_costs_nothing_leaves_the_money_for_the_other(self):
        """A free attempt is not counted beside the fallback."""
        local = candidate(price=Decimal(0))

        assert reserve(view(local, seedream(), max_possibly_billed=1, money="0.04"), 0, 1000) == RESERVE

    def test_what_costs_nobody_knows_is_not_subtracted(self):
        """Without a price it could not have started under a limit; the sum stands as it is."""
        assert reserve(view(candidate(price=None), seedream(), money="0.04"), 0, 1000) == RESERVE


class TestDeadline:
    """§3.1: `T + reserve + 30` of the first provider not skipped."""

    def test_of_the_default_chain(self):
        """600 s for the picture, Seedream's reserve, and 30 s."""
        assert default_budget(chain(remaining=inf)) == 600 + RESERVE + 30

    @pytest.mark.parametrize(
        ("first", "fields"),
        [
            ({"barred": R.UNSUPPORTED}, {}),
            ({}, {"statuses": {0: opened()}}),
            ({"price": None}, {"money": "1"}),
            ({"price": Decimal(2)}, {"money": "1"}),
        ],
        ids=["unsupported", "open", "no price", "too dear"],
    )
    def test_who_is_skipped_does_not_count(self, first, fields):
        """The time is that of whoever will be asked."""
        assert default_budget(view(candidate(**first), seedream(timeout=300), **fields)) == 330

    def test_a_full_provider_counts(self):
        """It is waited for."""
        assert default_budget(view(candidate(), seedream(), statuses={0: FULL})) == 600 + RESERVE + 30

    def test_with_all_breakers_open_the_first_counts(self):
        """One of them is waited for."""
        seen = view(candidate(), seedream(), statuses={0: opened(), 1: opened()})

        assert default_budget(seen) == 630

    def test_with_no_money_the_first_counts(self):
        """The answer comes at once anyway."""
        assert default_budget(view(candidate(), seedream(), money="0.01")) == 630

    def test_with_nobody_there_is_a_margin(self):
        """Enough for an answer."""
        assert default_budget(view(candidate(barred=R.DISABLED))) == 30


class TestAfterAFailure:
    """§2 and §3.5: who comes next."""

    IN_ORDER = (K.CONNECT, K.TLS, K.SERVER_ERROR, K.SKIPPED)
    OTHERS_FIRST = (
        K.DISCONNECTED, K.PROXY_CUT, K.PROTOCOL, K.TIMEOUT, K.OVERLOADED, K.RATE_LIMITED, K.EMPTY, K.BAD_IMAGE,
        K.UNDERSIZED, K.UNKNOWN,
    )  # fmt: skip

    @pytest.mark.parametrize("kind", IN_ORDER)
    def test_in_chain_order_the_sibling_is_next(self, kind):
        """What is the origin's fault says nothing of the sibling on another."""
        decided = plan(chain(tried=[ended(0, kind)]))

        assert decided.verdicts == (R.TRIED, R.READY, R.READY)
        assert decided.action.index == 1

    @pytest.mark.parametrize("kind", OTHERS_FIRST)
    def test_other_upstreams_first(self, kind):
        """The sibling shares the fate; the other model comes before it."""
        decided = plan(chain(tried=[ended(0, kind)]))

        assert decided.verdicts == (R.TRIED, R.SIBLING, R.READY)
        assert decided.action.index == 2

    def test_a_sibling_is_one_wherever_it_stands(self):
        """Also before the one that failed, as when its breaker was open at first."""
        decided = plan(chain(tried=[ended(1, K.OVERLOADED)]))

        assert decided.verdicts == (R.SIBLING, R.TRIED, R.READY)
        assert decided.action.index == 2

    @pytest.mark.parametrize("kind", OTHERS_FIRST)
    def test_siblings_stay_possible_after_the_rest_of_the_chain(self, kind):
        """With nobody else left the sibling is asked."""
        decided = plan(chain(tried=[ended(0, kind, paid=FREE), ended(2, K.TLS)]))

        assert decided.verdicts == (R.TRIED, R.SIBLING, R.TRIED)
        assert decided.action.index == 1

    @pytest.mark.parametrize(
        ("status", "index"), [(opened(), 1), (FULL, 2)], ids=["open: the sibling now", "full: wait for the other"]
    )
    def test_a_sibling_waits_for_who_may_start_not_for_who_may_not(self, status, index):
        """A breaker is not waited for while the sibling may start; a slot is, as its provider is well."""
        action = plan(chain(tried=[ended(0, K.OVERLOADED)], statuses={2: status})).action

        assert action.index == index if isinstance(action, Start) else action.on == (index,)

    def test_a_full_sibling_does_not_hold_back_another_upstream(self):
        """Its slots are no reason to wait for it while others come first."""
        decided = plan(chain(tried=[ended(0, K.OVERLOADED)], statuses={1: FULL}))

        assert decided.verdicts == (R.TRIED, R.SIBLING, R.READY)
        assert decided.action.index == 2

    @pytest.mark.parametrize("kind", [K.QUOTA, K.AUTH])
    def test_the_account_was_refused(self, kind):
        """Other accounts only: nobody of this one is asked again, and nobody waits."""
        assert plan(chain(tried=[ended(0, kind)])) == Plan(Stop(), (R.SAME_ACCOUNT,) * 3)
        assert plan(view(candidate(), seedream(), tried=[ended(0, kind)])).action.index == 1

    @pytest.mark.parametrize("kind", [K.FORBIDDEN, K.MODEL_GONE])
    def test_the_upstream_cannot(self, kind):
        """In chain order, but not siblings."""
        decided = plan(chain(tried=[ended(0, kind)]))

        assert decided.verdicts == (R.SAME_UPSTREAM, R.SAME_UPSTREAM, R.READY)
        assert decided.action.index == 2

    def test_the_request_is_invalid(self):
        """Only a provider whose capabilities differ is asked the same."""
        decided = plan(chain(tried=[ended(0, K.INVALID)]))

        assert decided.verdicts == (R.SAME_ABILITIES, R.SAME_ABILITIES, R.READY)
        assert decided.action.index == 2

    def test_abilities_differ_either_way(self):
        """More or other; nobody ranks them."""
        seen = view(candidate("a", abilities=2), candidate("b", abilities=1), tried=[ended(0, K.INVALID)])

        assert plan(seen).action.index == 1

    def test_an_exclusion_lasts_through_rounds(self):
        """What will not pass by itself is not asked again in a later round."""
        decided = plan(chain(tried=[ended(0, K.INVALID, ago=60), ended(2, K.CONNECT, ago=50)], round_=1))

        assert decided.verdicts == (R.SAME_ABILITIES, R.SAME_ABILITIES, R.READY)

    def test_declined_content_stops(self):
        """The default: another model would be paid for the same refusal."""
        assert plan(chain(tried=[ended(0, K.MODERATED)])).action == Stop()

    def test_declined_content_may_go_on_elsewhere(self):
        """`on_moderated = "next"` asks another upstream."""
        decided = plan(chain(tried=[ended(0, K.MODERATED)], on_moderated="next"))

        assert decided.verdicts == (R.SAME_UPSTREAM, R.SAME_UPSTREAM, R.READY)
        assert decided.action.index == 2

    def test_a_cancelled_attempt_excludes_nobody_else(self):
        """It lost; nothing is said of its upstream."""
        assert verdicts(chain(tried=[ended(0, K.CANCELLED)])) == [R.TRIED, R.READY, R.READY]


class TestQuickRetry:
    """§3.6: once more on the same provider, before falling back."""

    def test_it_is_waited_for(self):
        """The provider that the caller prefers gets a moment; nobody else is started meanwhile."""
        decided = plan(chain(tried=[ended(0, K.OVERLOADED, retry_in=0.5)]))

        assert decided.action == Wait(NOW + 0.5, (), R.RETRY)
        assert decided.verdicts[0] is R.READY

    @pytest.mark.parametrize("retry_in", [SLACK / 2, 0, -3])
    def test_then_it_is_sent(self, retry_in):
        """As a retry, before anybody else; a timer may be early by less than its resolution."""
        action = plan(chain(tried=[ended(0, K.OVERLOADED, retry_in=retry_in)])).action

        assert (action.index, action.retry, action.hedge) == (0, True, False)

    def test_the_second_of_the_chain_retries_before_the_first_sibling(self):
        """A pending retry goes before whoever else may start."""
        seen = view(candidate("a"), candidate("b"), seedream("c"), tried=[ended(1, K.CONNECT, retry_in=0)])

        assert plan(seen).action.index == 1

    def test_once_only(self):
        """A retry that failed has none of its own."""
        assert verdicts(chain(tried=[ended(0, retry_in=-2), ended(0)]))[0] is R.TRIED

    def test_a_breaker_that_opened_meanwhile_sends_it_elsewhere(self):
        """A hint is never waited for by a quick retry."""
        action = plan(chain(tried=[ended(0, retry_in=0.5)], statuses={0: opened()})).action

        assert action.index == 1

    def test_a_retry_of_an_earlier_round_is_over(self):
        """Every round asks everybody afresh."""
        action = plan(chain(tried=[ended(0, retry_in=-9)], round_=1)).action

        assert (action.index, action.retry) == (0, False)

    def test_a_retry_of_this_round_whose_provider_also_failed_elsewhere_is_no_sibling_of_itself(self):
        """Its own failure does not put it behind the others."""
        seen = chain(tried=[ended(0, K.OVERLOADED, retry_in=0)])

        assert plan(seen).verdicts == (R.READY, R.SIBLING, R.READY)

    def test_a_full_provider_is_waited_for(self):
        """The slot of the first try may still be on its way back."""
        seen = view(candidate(waits_when_full=False), seedream(), statuses={0: FULL}, tried=[ended(0, retry_in=0)])

        assert plan(seen).action == Wait(NOW + 1000 - 120, (0,), R.FULL)


class TestHedge:
    """§3.4: beside an attempt in flight."""

    def test_until_it_may_be_joined_it_is_waited_for(self):
        """Silence is what a healthy call does for two minutes."""
        decided = plan(chain(tried=[live(0, join_in=370)]))

        assert decided.action == Wait(NOW + 370)
        assert decided.verdicts == (R.IN_FLIGHT, R.NOT_BESIDE, R.READY)

    @pytest.mark.parametrize("join_in", [SLACK / 2, 0, -50])
    def test_then_the_fallback_joins_on_another_upstream(self, join_in):
        """The sibling would hang with it."""
        action = plan(chain(tried=[live(0, join_in=join_in)])).action

        assert action == Start(2, NOW + 60, NOW + 60, NOW + 600, hedge=True)

    @pytest.mark.parametrize("number", [2, 3])
    def test_at_most_two_are_in_flight(self, number):
        """A third would be paid for as well."""
        chain = (candidate("a"), candidate("b"), candidate("c"), seedream())
        seen = view(*chain, tried=[live(index, join_in=-1) for index in range(number)], max_possibly_billed=9)

        assert plan(seen).action == Wait(inf)

    def test_a_third_upstream_may_join_when_the_fallback_failed(self):
        """What is still in flight may be joined again."""
        seen = view(candidate(), seedream(), seedream("third"), tried=[live(0, join_in=-1), ended(1, K.TLS)])

        assert plan(seen).action.index == 2

    @pytest.mark.parametrize("reason", [OpenReason.OVERDUE, OpenReason.STALL])
    @pytest.mark.parametrize(("age", "joins_in"), [(100, 70), (170, None), (300, None)])
    def test_while_its_breaker_is_open_for_silence_it_may_be_joined_from_p95(self, reason, age, joins_in):
        """Others hang too: no reason to wait for 1.5·P99."""
        seen = chain(tried=[live(0, age=age, join_in=300)], statuses={0: opened(reason=reason)})

        action = plan(seen).action

        assert action == (Wait(NOW + joins_in) if joins_in else Start(2, NOW + 60, NOW + 60, NOW + 600, hedge=True))

    @pytest.mark.parametrize(
        "status",
        [opened(reason=OpenReason.STREAK), AdmissionStatus(admits=True, reason=OpenReason.OVERDUE)],
        ids=["open for answers", "half-open"],
    )
    def test_another_opening_is_no_reason_to_join(self, status):
        """Only silence, and only while it is open."""
        seen = chain(tried=[live(0, age=200, join_in=300)], statuses={0: status})

        assert plan(seen).action == Wait(NOW + 300)

    def test_an_open_breaker_never_makes_it_later(self):
        """The reserve may come before P95."""
        seen = chain(tried=[live(0, age=10, join_in=20)], statuses={0: opened(reason=OpenReason.STALL)})

        assert plan(seen).action == Wait(NOW + 20)

    @pytest.mark.parametrize(("hedge_allowed", "joins_in"), [(True, 50), (False, 180)])
    def test_below_p99_the_budget_must_pay(self, hedge_allowed, joins_in):
        """With an empty budget a hedge comes when it draws nothing."""
        seen = chain(tried=[live(0, join_in=50, join_free_in=180)], hedge_allowed=hedge_allowed)

        assert plan(seen).action == Wait(NOW + joins_in)

    def test_another_upstream_is_one_with_another_name(self):
        """Whichever name comes first in the alphabet."""
        for kind in (K.AUTH, K.FORBIDDEN):
            assert plan(view(candidate("z"), seedream("a"), tried=[ended(0, kind)])).action.index == 1
        assert plan(view(candidate("z"), seedream("a"), tried=[live(0, join_in=-1)])).action.index == 1
        assert verdicts(view(candidate("z"), seedream("a"), tried=[ended(0, K.OVERLOADED)]))[1] is R.READY

    def test_only_what_is_in_flight_is_called_so(self):
        """Not who stands before it in the chain."""
        assert verdicts(chain(tried=[ended(0), live(2, join_in=50)])) == [R.TRIED, R.READY, R.IN_FLIGHT]

    def test_what_is_in_flight_hides_no_failure_after_it(self):
        """A hedge that called the request invalid speaks for those that can do the same."""
        chain = (candidate("a", abilities=1), candidate("b", abilities=2), candidate("c", abilities=2))

        decided = plan(view(*chain, tried=[live(0, join_in=-1), ended(1, K.INVALID)]))

        assert decided == Plan(Wait(inf), (R.IN_FLIGHT, R.SAME_ABILITIES, R.SAME_ABILITIES))

    def test_nobody_throttled_joins(self):
        """An upstream that refuses for rate is not asked for extra work."""
        decided = plan(chain(tried=[live(0, join_in=-1)], statuses={2: THROTTLED}))

        assert decided == Plan(Wait(inf), (R.IN_FLIGHT, R.NOT_BESIDE, R.NOT_BESIDE))

    def test_nobody_joins_beyond_the_money(self):
        """What is in flight counts as billed."""
        assert plan(chain(tried=[live(0, join_in=-1)], max_possibly_billed=1)).action == Wait(inf)

    def test_a_free_attempt_in_flight_leaves_room(self):
        """A price of 0 never counts as possibly billed."""
        assert plan(chain(tried=[live(0, join_in=-1, paid=FREE)], max_possibly_billed=1)).action.index == 2

    def test_a_final_failure_starts_nothing_and_waits_for_what_is_in_flight(self):
        """It may still bring a picture."""
        assert plan(chain(tried=[live(0, join_in=-1), ended(2, K.MODERATED)])).action == Wait(inf)

    def test_a_breaker_that_reopens_in_time_is_waited_for_beside_it(self):
        """Woken by a place or by the attempt's end, whichever comes first."""
        decided = plan(chain(tried=[live(0, join_in=-1)], statuses={2: opened(100)}))

        assert decided.action == Wait(NOW + 1000 - 18, (2,))


class TestSlots:
    """§5: a full provider makes the request wait as long as it still has time for the call."""

    def test_it_is_waited_for(self):
        """A local limit never turns into another model by itself while time is left."""
        assert plan(chain(statuses={0: FULL})) == Plan(Wait(NOW + 1000 - 120, (0,), R.FULL), (R.FULL, R.READY, R.READY))

    def test_it_spills_where_told_so(self):
        """`when_full = "spill"` falls back at once."""
        seen = view(candidate(waits_when_full=False), seedream(), statuses={0: FULL})

        assert plan(seen).action.index == 1

    def test_who_spills_is_still_waited_for_by_a_request_without_another(self):
        """There is nobody to spill to."""
        seen = view(candidate(waits_when_full=False), statuses={0: FULL})

        assert plan(seen).action == Wait(NOW + 1000 - 120, (0,), R.FULL)

    def test_a_sibling_that_spills_is_waited_for_when_it_is_the_last(self):
        """As any other, but not before any other."""
        seen = view(
            candidate("a", upstream="u"),
            candidate("b", upstream="u", waits_when_full=False),
            statuses={1: FULL},
            tried=[ended(0, K.OVERLOADED)],
            retry=RetryPolicy(rounds=()),
        )

        assert plan(seen).action == Wait(NOW + 1000 - 120, (1,), R.SIBLING)

    def test_without_time_to_wait_it_falls_back(self):
        """When the wait would take the time for the call."""
        decided = plan(view(candidate(), seedream(), statuses={0: FULL}, remaining=120))

        assert decided.verdicts == (R.NO_TIME, R.READY)
        assert decided.action.index == 1

    def test_beside_a_silent_attempt_too(self):
        """The fallback's slot is waited for until it is too late."""
        action = plan(chain(tried=[live(0, join_in=-1)], statuses={2: FULL})).action

        assert action == Wait(NOW + 1000 - 18, (2,), R.FULL)


class TestRounds:
    """§3.7: when nothing more can start, wait and begin again."""

    @pytest.mark.parametrize(("round_", "wait"), [(0, 5), (1, 15), (2, 45)])
    def test_after_5_15_and_45_s(self, round_, wait):
        """Counted from the end of the last attempt of the round."""
        tried = [ended(0, ago=7, round_=round_), ended(1, ago=2, round_=round_)]

        assert plan(view(candidate(), seedream(), tried=tried, round_=round_)).action == Round(NOW - 2 + wait)

    def test_plus_up_to_a_fifth(self):
        """Jitter, so that those who failed together do not come back together."""
        assert plan(view(candidate(), tried=[ended(0)], jitter=0.5)).action == Round(NOW + 5.5)

    def test_at_once_when_the_time_has_passed(self):
        """What was waited for took longer than the round's pause."""
        assert plan(view(candidate(), tried=[ended(0, ago=60)])).action == Round(NOW)

    def test_up_to_three_more_times(self):
        """Then it stops; also where the policy says fewer than there were."""
        few = RetryPolicy(rounds=(5.0,))
        assert plan(view(candidate(), tried=[ended(0, round_=2)], round_=2, retry=few)).action == Stop()
        assert plan(view(candidate(), tried=[ended(0, round_=3)], round_=3)).action == Stop()

    @pytest.mark.parametrize("kind", [K.CONNECT, K.OVERLOADED, K.RATE_LIMITED, K.SERVER_ERROR])
    def test_for_what_passes_by_itself(self, kind):
        """One such failure among others is enough."""
        seen = view(candidate(), seedream(), tried=[ended(0, kind), ended(1, K.TLS)])

        assert plan(seen).action == Round(NOW + 5)

    @pytest.mark.parametrize("kind", [K.TLS, K.AUTH, K.QUOTA, K.FORBIDDEN, K.MODEL_GONE, K.INVALID, K.CANCELLED])
    def test_not_for_what_does_not(self, kind):
        """A wrong key is told at once."""
        assert plan(view(candidate(), tried=[ended(0, kind, paid=FREE)])).action == Stop()

    def test_not_where_something_may_be_billed(self):
        """The second paid try is the last, and never a blind repetition."""
        assert plan(view(candidate(), seedream(), tried=[ended(0, K.TIMEOUT), ended(1)])).action == Stop()

    def test_not_for_a_failure_of_an_earlier_round(self):
        """The failure must be this round's."""
        seen = view(candidate(), tried=[ended(0, ago=9), ended(0, K.TLS, round_=1)], round_=1)

        assert plan(seen).action == Stop()

    def test_not_without_time_for_the_call_afterwards(self):
        """The wait and P50 must fit."""
        assert plan(view(candidate(), tried=[ended(0)], remaining=125)).action == Round(NOW + 5)
        assert plan(view(candidate(), tried=[ended(0)], remaining=124.9)).action == Stop()

    def test_not_without_an_attempt_left(self):
        """`max_attempts` holds across rounds."""
        assert plan(view(candidate(), tried=[ended(0)], max_attempts=1)).action == Stop()

    def test_not_without_an_attempt_in_this_round(self):
        """A chain that is all held is no round."""
        seen = view(candidate(), tried=[ended(0)], statuses={0: HELD}, round_=1)

        assert plan(seen).action == Stop(100)

    def test_a_later_round_asks_everybody_again(self):
        """In chain order, whoever failed before."""
        seen = chain(tried=[ended(0, ago=9), ended(2, ago=8)], round_=1)

        assert plan(seen).action.index == 0

    @pytest.mark.parametrize("kind", [K.CONNECT, K.SERVER_ERROR, K.OVERLOADED])
    def test_a_later_round_leaves_out_siblings_of_who_failed_in_it(self, kind):
        """Whatever the table says of the first round."""
        seen = chain(tried=[ended(0, ago=9), ended(0, kind, round_=1), ended(2, K.CONNECT, round_=1)], round_=1)

        assert plan(seen) == Plan(Round(NOW + 15), (R.TRIED, R.SIBLING, R.TRIED))

    def test_a_failure_of_an_earlier_round_makes_no_sibling(self):
        """Every round begins afresh."""
        assert verdicts(chain(tried=[ended(0, K.OVERLOADED, ago=9)], round_=1)) == [R.READY] * 3

    def test_a_sibling_left_out_is_not_waited_for(self):
        """Not even where it is full, or about to reopen: its place would be of no use."""
        tried = [ended(0, ago=9), ended(0, round_=1), ended(2, round_=1)]

        for status in (FULL, PROBING, opened(3)):
            assert plan(chain(tried=tried, statuses={1: status}, round_=1)).action == Round(NOW + 15)

    def test_a_breaker_that_reopens_first_is_waited_for_first(self):
        """Woken by whatever comes first: the place or the round."""
        seen = view(candidate(), seedream(), tried=[ended(0)], statuses={1: opened(3)})

        assert plan(seen).action == Wait(NOW + 5, (1,), R.OPEN)

    def test_when_the_round_is_due_it_begins_though_a_breaker_is_still_open(self):
        """What is waited for is waited for in the new round too."""
        seen = view(candidate(), seedream(), tried=[ended(0, ago=5)], statuses={1: opened(3)})

        assert plan(seen).action == Round(NOW)

    def test_whoever_cannot_be_asked_again_makes_no_round(self):
        """A round needs somebody who was asked or left out in this one."""
        seen = view(candidate("a", abilities=1), seedream("b", abilities=1), tried=[ended(0), ended(1, K.INVALID)])

        assert plan(seen).action == Stop()


class TestMoney:
    """§3.8: attempts, billed attempts, and money."""

    def test_max_attempts_includes_the_first(self):
        """Two were made, two are allowed."""
        decided = plan(chain(tried=[ended(0), ended(1)], max_attempts=2))

        assert decided == Plan(Stop(), (R.TRIED, R.TRIED, R.ATTEMPTS))

    def test_the_only_attempt_may_be_made(self):
        """`max_attempts` 1 is one, not none."""
        assert plan(view(candidate(), max_attempts=1)).action.index == 0

    def test_beyond_the_limits_nothing_starts_either(self):
        """More were made, and may be billed, than a policy says that came later."""
        three = [ended(0, K.TIMEOUT, ago=9), ended(0, K.TIMEOUT, ago=8), ended(0, K.TIMEOUT)]

        assert verdicts(view(candidate(), seedream(), tried=three, max_attempts=2))[1] is R.ATTEMPTS
        assert verdicts(view(candidate(), seedream(), tried=three, max_possibly_billed=2))[1] is R.SPENT

    def test_what_may_be_billed_is_limited(self):
        """Two may be billed: the third provider is not asked."""
        seen = view(candidate(), seedream(), seedream("third"), tried=[ended(0, K.TIMEOUT), ended(1, K.EMPTY)])

        assert plan(seen) == Plan(Stop(), (R.TRIED, R.TRIED, R.SPENT))

    def test_free_failures_are_not_limited_by_it(self):
        """They cost nothing."""
        seen = view(candidate(), seedream(), seedream("third"), tried=[ended(0), ended(1)])

        assert plan(seen).action.index == 2

    def test_a_price_of_0_is_known_and_always_fits(self):
        """A local model is asked when everything is spent."""
        seen = view(
            candidate(),
            seedream(),
            seedream("local", price=Decimal(0)),
            tried=[ended(0, K.TIMEOUT), ended(1, K.EMPTY)],
            money=0,
        )

        assert plan(seen).action.index == 2

    def test_a_price_of_0_is_limited_by_max_attempts(self):
        """Free is not endless."""
        assert (
            verdicts(view(candidate(), seedream(price=Decimal(0)), tried=[ended(0)], max_attempts=1))[1] is R.ATTEMPTS
        )

    @pytest.mark.parametrize(("money", "verdict"), [("0.09", R.READY), ("0.08", R.NO_MONEY), (None, R.READY)])
    def test_max_cost_is_in_currency(self, money, verdict):
        """What fits exactly fits."""
        assert verdicts(view(candidate(), money=money)) == [verdict]

    def test_an_unknown_price_under_max_cost_is_skipped(self):
        """Unknown money is never 0; without a limit it does not matter."""
        assert verdicts(view(candidate(price=None), money="9")) == [R.NO_PRICE]
        assert verdicts(view(candidate(price=None))) == [R.READY]

    def test_a_cheaper_fallback_may_still_fit(self):
        """The dear one is passed over."""
        decided = plan(view(candidate(), seedream(), money="0.05"))

        assert decided.verdicts == (R.NO_MONEY, R.READY)
        assert decided.action.index == 1

    @pytest.mark.parametrize(
        ("prices", "fields", "cost"),
        [
            (("0.09", "0.04"), {}, "0.13"),
            (("0.09", "0.04", "0.20"), {}, "0.29"),
            (("0.09", "0.04", "0.20"), {"max_possibly_billed": 3}, "0.33"),
            (("0.09", "0.04"), {"max_possibly_billed": 1}, "0.09"),
            (("0.09", "0.04"), {"money": "0.10"}, "0.10"),
            (("0.09", "0.04"), {"money": "0.05"}, "0.04"),
            (("0.09", None), {"money": "1"}, "0.09"),
            (("0",), {}, "0"),
            ((), {}, "0"),
        ],
    )
    def test_the_worst_is_the_dearest_viable_prices(self, prices, fields, cost):
        """`max_possibly_billed` of them, and never more than the limit."""
        several = (candidate(f"p{number}", price=price and Decimal(price)) for number, price in enumerate(prices))

        assert worst_cost(view(*several, **fields)) == Decimal(cost)

    def test_an_unknown_price_makes_the_worst_unknown(self):
        """Unless its provider cannot serve anyway."""
        unknown, known = candidate(price=None), seedream()

        assert worst_cost(view(unknown, known)) is None
        assert worst_cost(view(candidate(price=None, barred=R.UNSUPPORTED), known)) == Decimal("0.04")

    @pytest.mark.parametrize(
        ("kind", "price", "counts"),
        [
            (None, "0.09", True),
            (None, None, True),
            (None, "0", False),
            (K.TIMEOUT, "0.09", True),
            (K.TIMEOUT, "0", False),
            (K.EMPTY, "0.09", True),
            (K.CONNECT, "0.09", False),
        ],
    )
    def test_what_counts_as_possibly_billed(self, kind, price, counts):
        """Pictures and what nobody can say; never what is known to be free."""
        failure = kind and Failure(kind=kind, message="failed")

        assert possibly_billed(failure, price and Decimal(price)) is counts


class TestWaitOrStop:
    """§3.9: until a breaker, hint or slot can admit in time to finish; stop when nothing ever can."""

    def test_an_open_breaker_is_waited_for(self):
        """Until there would be no time left for the call; woken when it reopens."""
        assert plan(view(candidate(), statuses={0: opened(100)})) == Plan(Wait(NOW + 880, (0,), R.OPEN), (R.OPEN,))

    def test_a_probe_of_another_request_is_waited_for(self):
        """Nobody knows for how long."""
        assert plan(view(candidate(), statuses={0: PROBING})).action == Wait(NOW + 880, (0,), R.PROBING)

    def test_all_that_may_reopen_in_time_are_waited_for(self):
        """The first place is taken; the latest of the times counts."""
        seen = view(candidate(), seedream(), statuses={0: opened(100), 1: PROBING})

        assert plan(seen).action == Wait(NOW + 982, (0, 1), R.OPEN)

    @pytest.mark.parametrize(("reopens", "waits"), [(880, True), (881, False)])
    def test_not_one_that_reopens_too_late(self, reopens, waits):
        """There must be time for P50 after it; else the caller is told when to try again."""
        action = plan(view(candidate(), statuses={0: opened(reopens)})).action

        assert action == (Wait(NOW + 880, (0,), R.OPEN) if waits else Stop(reopens))

    def test_not_when_the_time_for_the_call_is_gone(self):
        """A probe may end any moment, but too late."""
        assert plan(view(candidate(), statuses={0: PROBING}, remaining=120)).action == Stop()

    def test_not_without_money_for_it(self):
        """A place would be of no use."""
        assert plan(view(candidate(), statuses={0: opened()}, money="0.01")).action == Stop(100)

    @pytest.mark.parametrize("status", [HELD, DISABLED])
    def test_holds_and_the_disabled_are_never_waited_for(self, status):
        """Waiting does not mend them."""
        assert isinstance(plan(view(candidate(), statuses={0: status})).action, Stop)

    def test_who_waits_for_a_breaker_gives_up_when_its_patience_is_over(self):
        """However much time the request has; the error says when to come back."""
        soon, late = (view(candidate(), statuses={0: opened(seconds)}, patience=60) for seconds in (50, 61))

        assert plan(soon).action == Wait(NOW + 60, (0,), R.OPEN)
        assert plan(late).action == Stop(61)

    def test_who_has_no_patience_left_stops(self):
        """At once."""
        assert plan(view(candidate(), statuses={0: PROBING}, patience=0)).action == Stop()

    def test_a_slot_is_waited_for_whatever_the_patience(self):
        """A full provider is well."""
        assert plan(view(candidate(), statuses={0: FULL}, patience=0)).action == Wait(NOW + 880, (0,), R.FULL)

    @pytest.mark.parametrize(("patience", "again"), [(16, True), (14, False)])
    def test_a_round_begins_within_the_patience(self, patience, again):
        """Its 15 s are a wait like another."""
        seen = view(candidate(), tried=[ended(0, K.OVERLOADED, round_=1)], round_=1, patience=patience)

        assert plan(seen).action == (Round(NOW + 15) if again else Stop())

    def test_nobody_gives_up_beside_an_attempt_in_flight(self):
        """It may bring the picture."""
        seen = view(candidate(), seedream(), statuses={1: opened(100)}, tried=[live(0)], patience=0)

        assert isinstance(plan(seen).action, Wait)

    def test_the_past_is_now(self):
        """A breaker whose time has come but that was not looked at yet is waited for, not given up."""
        action = plan(view(candidate(), statuses={0: opened(-1)})).action

        assert action == Wait(NOW + 880, (0,), R.OPEN)

    def test_stop_says_when_somebody_may_admit_again(self):
        """The earliest known time, never of who cannot serve the request anyway, never in the past."""
        statuses = {0: opened(990), 1: AdmissionStatus(admits=False, block=Block.HOLD, until=NOW + 50), 2: opened(1)}
        both = view(candidate(), candidate("b"), candidate("c", barred=R.UNSUPPORTED), statuses=statuses, remaining=60)

        assert plan(both).action == Stop(50)
        assert plan(view(candidate(), statuses={0: opened(-5)}, remaining=60)).action == Stop(0)


def test_unless_said_otherwise_the_worst_of_an_attempt_and_the_best_of_the_budget_is_assumed():
    """An attempt may be billed and is no retry; a hedge may be drawn."""
    tried = Tried(index=0, round=0, started=0, ends_at=1, join_at=1, join_free_at=1)
    seen = View(now=0, deadline=1, candidates=(), statuses=(), policy=Policy())

    assert (tried.may_be_billed, tried.retry) == (True, False)
    assert (seen.hedge_allowed, seen.round, seen.round_jitter) == (True, 0, 0)


@pytest.mark.parametrize("value", [Candidate, Tried, View])
def test_what_the_planner_is_shown_is_frozen_and_named(value):
    """Nobody mixes up two of seven numbers."""
    assert all(field.kw_only for field in fields(value))
    assert value.__setattr__ is not object.__setattr__


class TestPaused:
    """What a pause of the machine moves (semantics §7)."""

    def moved(self, pause, *, remaining=1000.0, hedge_after=375.0):
        """Give the seconds from now to start, end and both joins after a pause."""
        seen = view(candidate(hedge_after=hedge_after), seedream(), remaining=remaining)
        tried = leave_out(seen, live(0, join_in=300, join_free_in=200), pause)
        return tuple(at - NOW for at in (tried.started, tried.ends_at, tried.join_at, tried.join_free_at))

    def test_age_and_limits_move_on(self):
        """By its length."""
        assert self.moved(100) == (95, 600, 400, 300)

    def test_no_limit_goes_beyond_what_the_deadline_leaves(self):
        """A fallback that may join needs no reserve for the end; one that must wait for it does."""
        assert self.moved(780) == (775, 1000, 1000 - RESERVE, 1000 - RESERVE)
        assert self.moved(780, hedge_after=inf) == (775, 1000 - RESERVE, 1000 - RESERVE, 1000 - RESERVE)

    def test_a_limit_that_was_beyond_it_stays(self):
        """The caller's deadline has not moved."""
        assert self.moved(100, remaining=400)[1] == 500
