"""The one way to end an attempt (semantics §4.1, §7): what is settled, told, given back and counted, with stand-ins."""

import asyncio
import logging
import resource
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType, SimpleNamespace

import pytest
from attrs import evolve

from pixroute import FailureKind, ImageRequest, Stage
from pixroute.content import InMemory
from pixroute.cost import Cost
from pixroute.latency import Quantiles
from pixroute.outcome import Billing, Blame, Delivered, Failure, HealthSignal, Success
from pixroute.routing.attempt import Attempt
from pixroute.routing.attempts import record_of
from pixroute.routing.gate import Passage
from pixroute.routing.part import AttemptPlace
from pixroute.shared.budgets import Budget
from pixroute.shared.lease import Lease, LeaseHold, LeaseRefused
from pixroute.testing import run_virtual
from pixroute.testing.fake import blank_png

K, V = FailureKind, HealthSignal
STARTED = 100.0


class Places:
    """An admission that notes what is done with it, and may fail."""

    stale = False

    def __init__(self, *, settles=True, frees=True):
        self.told, self.excused, self.settlement, self.counts_from = [], 0, None, None
        self._settles, self._frees = settles, frees

    def is_stale(self, _now):
        """Say whether a breaker has opened."""
        return self.stale

    def excuse(self):
        """Count."""
        self.excused += 1

    def settle(self, settlement, now, *, credential, keep_slot, counts_from):
        """Note what it means."""
        assert keep_slot
        self.told.append("settled")
        self.settlement, self.now, self.counts_from = settlement, now, counts_from
        if not self._settles:
            raise ZeroDivisionError

    def give_back(self, *, slot=False):
        """Note it."""
        self.told.append("given back with its slot" if slot else "given back")

    def move_on(self, seconds):
        """Note the time that is none of its."""
        self.moved_on = seconds

    def release_slot(self):
        """Note it once, as the slot is freed once."""
        if "freed" not in self.told:
            self.told.append("freed")
        if not self._frees:
            raise ZeroDivisionError


class Learned:
    """The latencies that were learned."""

    def __init__(self):
        self.ages, self.censored = [], []
        self.add, self.add_censored = self.ages.append, self.censored.append


class Bench:
    """An attempt that began at 100 s, with everything that it touches; `work` is what its provider does."""

    def __init__(self, work=None, *, origin="https://one", places=None, time=None, timeout=50.0, n=1, price="0.04"):
        self.learned, self.bugs, self.jobs, self.ends, self.reaped = Learned(), [], [], [], []
        self.corrections = []
        self.places = places or Places()
        self.retry_at = None
        price = None if price is None else Decimal(price)
        self.prepared = SimpleNamespace(
            name="one",
            keys=SimpleNamespace(origin=origin, resolution="4K"),
            asking=lambda part: part,
            candidate=SimpleNamespace(
                price=None if price is None else price * n,
                timeout=timeout,
                known=True,
                expected=Quantiles(10, 20, 30),
            ),
            learned=self.learned,
            unit_price=price,
            currency="USD",
            size_tolerance=0.1,
            adjustments=(),
            member=SimpleNamespace(model="model", identity=SimpleNamespace(plaintext=False)),
            provider=SimpleNamespace(generate=self._generate, credential=None, advice={}, model="model"),
            log_bug=self.bugs.append,
            kept=lambda facts: facts,
            cleaned=lambda outcome: outcome,
        )
        self._work = work
        self.attempt = Attempt(
            request_id="r-1",
            prepared=self.prepared,
            part=SimpleNamespace(
                whole=SimpleNamespace(
                    chain=SimpleNamespace(name="default"),
                    asked=ImageRequest("a lighthouse"),
                    into=None,
                    owner=SimpleNamespace(take=lambda content: None),
                ),
                request=SimpleNamespace(n=n),
            ),
            shared=SimpleNamespace(
                http=None,
                reap=lambda task, name: self.reaped.append(name),
                heartbeat=SimpleNamespace(look=time or asyncio.get_running_loop().time),
            ),
            listener=SimpleNamespace(
                job=self.jobs.append,
                ended=self.ends.append,
                corrected=lambda _attempt, was: self.corrections.append(was),
                retry_at=lambda attempt, failure, now: self.retry_at,
            ),
            started=STARTED,
            ends_at=STARTED + timeout,
            deadline=STARTED + 1000,
        )
        self.attempt.own(self.places)

    async def _generate(self, request, attempt):
        return await self._work(attempt)


def ended(work, *, before=None, **options):
    """Run an attempt until its task has ended."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(work, **options)
        if before is not None:
            before(bench)
        bench.attempt.start()
        await asyncio.wait([bench.attempt.task])
        await asyncio.sleep(0)
        return bench

    return run_virtual(main())


def pictures(count=1, **fields):
    """Give so many pictures."""
    content = InMemory(blank_png(64, 64))
    return Success(pictures=(Delivered(content=content),) * count, **fields)


def after(seconds, outcome, stage=Stage.WAIT, **facts):
    """Give an outcome after some seconds in a stage."""

    async def work(attempt):
        attempt.reached(stage)
        attempt.note(**facts)
        await asyncio.sleep(seconds)
        return outcome

    return work


FAILED = Failure(kind=K.OVERLOADED, message="failed")


def test_a_picture_is_settled_told_and_its_slot_freed():
    """In this order, once each; its time is learned."""
    bench = ended(after(5, pictures()))
    attempt = bench.attempt

    assert bench.places.told == ["settled", "freed"]
    assert (bench.places.settlement.upstream, bench.places.now) == (V.SUCCESS, 105)
    assert (bench.ends, bench.reaped) == ([attempt], [])
    assert (bench.learned.ages, bench.learned.censored) == ([5], [])
    assert (attempt.stage, attempt.billing, attempt.cost) == (Stage.DONE, Billing.BILLED, Cost(certain=Decimal("0.04")))
    assert (attempt.failure, attempt.may_be_billed, attempt.cancelled, len(attempt.images)) == (None, True, True, 1)


def test_a_failure_is_settled_with_what_it_is_billed():
    """Its time is a lower bound; the stage is that which it had reached."""
    bench = ended(after(5, FAILED))
    attempt = bench.attempt

    assert bench.places.told == ["settled", "freed"]
    assert (bench.places.settlement.upstream, bench.places.counts_from) == (V.HARD, None)
    assert (bench.learned.ages, bench.learned.censored) == ([], [5])
    assert (attempt.stage, attempt.billing, attempt.failure.billing) == (Stage.WAIT, Billing.FREE, Billing.FREE)
    assert not attempt.may_be_billed


def test_a_failure_that_a_quick_retry_may_make_good_counts_after_it():
    """A millisecond after the retry is due."""
    bench = ended(after(5, FAILED), before=lambda bench: setattr(bench, "retry_at", 107.0))

    assert bench.attempt.retry_at == 107
    assert bench.places.counts_from == pytest.approx(107.001)


def test_what_we_lacked_tells_no_time():
    """It took as long as it took here."""
    bench = ended(after(5, evolve(FAILED, blame=Blame.OURS)))

    assert bench.learned.ages == bench.learned.censored == []
    assert bench.places.settlement.upstream is V.NEUTRAL


def test_nor_does_an_answer_that_came_while_the_machine_slept():
    """Its age is taken off, and the end moves."""

    async def work(attempt):
        await asyncio.sleep(20)
        attempt.leave_out(12, ends_at=STARTED + 62, deadline=STARTED + 1012)
        return FAILED

    bench = ended(work)

    assert bench.learned.ages == bench.learned.censored == []
    assert bench.places.settlement.upstream is V.NEUTRAL, "it was not answered: that may be the pause's fault"


@pytest.mark.parametrize(("slept", "upstream"), [(0.0, V.HARD), (0.5, V.NEUTRAL), (12.0, V.NEUTRAL)])
def test_a_pause_is_taken_off_the_age_of_a_loser(slept, upstream):
    """Older than P99 it would be evidence."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(after(1000, None))
        bench.attempt.start()
        await asyncio.sleep(31)
        if slept:
            bench.attempt.leave_out(slept, ends_at=STARTED + 50, deadline=STARTED + 1000)
        bench.attempt.give_up()
        return bench

    bench = run_virtual(main())

    assert bench.places.settlement.upstream is upstream
    assert bench.attempt.failure.message == "The request no longer needed it."


def test_it_is_cut_at_its_end_with_its_own_time():
    """A TIMEOUT that tells the seconds that it was given; the task is cancelled and left to the reaper."""
    bench = ended(after(1000, None, wire_bytes=0))
    failure = bench.attempt.failure

    assert (failure.kind, failure.stage, failure.timed_out) == (K.TIMEOUT, Stage.WAIT, True)
    assert "50 s" in failure.message
    assert "the caller's deadline" not in failure.message
    assert (bench.places.told, bench.reaped) == (["settled", "freed"], ["r-1"])
    assert bench.places.settlement.upstream is V.HARD
    assert bench.attempt.ended == STARTED + 50


@pytest.mark.parametrize(
    ("ends", "upstream", "by_deadline"), [(25, V.NEUTRAL, True), (49.5, V.HARD, True), (49.9995, V.HARD, False)]
)
def test_cut_by_its_callers_deadline_it_says_so(ends, upstream, by_deadline):
    """Less than its own time, by more than a millisecond; younger than P99 that is no evidence."""

    def sooner(bench):
        bench.attempt.ends_at = STARTED + ends

    bench = ended(after(1000, None), before=sooner)

    assert ("the caller's deadline" in bench.attempt.failure.message) is by_deadline
    assert bench.places.settlement.upstream is upstream


def test_a_time_out_that_its_provider_tells_was_not_its_callers_hurry():
    """Though little time was left: it came before that was over."""

    def sooner(bench):
        bench.attempt.ends_at = STARTED + 40

    bench = ended(after(5, Failure(kind=K.TIMEOUT, message="failed")), before=sooner)

    assert bench.places.settlement.upstream is V.HARD


@pytest.mark.parametrize(("known", "usual"), [(True, "though 99 % come within 30 s"), (False, "50 s given.")])
def test_what_is_usual_is_told_where_it_is_known(known, usual):
    """A guess from the time-out explains no time-out."""

    def guessed(bench):
        bench.prepared.candidate.known = known

    assert usual in f"{ended(after(1000, None), before=guessed).attempt.failure.message}."


def test_a_pause_is_no_time_that_it_had():
    """What is told are the seconds that were its own."""

    def paused(bench):
        bench.attempt.leave_out(30, ends_at=STARTED + 80, deadline=STARTED + 1030)

    bench = ended(after(1000, None), before=paused)

    assert bench.attempt.ended == STARTED + 80
    assert "50 s" in bench.attempt.failure.message
    assert "the caller's deadline" not in bench.attempt.failure.message


def test_once_the_answer_comes_in_the_deadline_cuts_it():
    """The picture is made: a body has limits of its own."""
    bench = ended(after(200, pictures(), Stage.BODY, first_byte=1.0))
    late = ended(after(2000, pictures(), Stage.BODY, first_byte=1.0))

    assert (bench.attempt.failure, bench.places.excused) == (None, 1)
    assert (late.attempt.failure.kind, late.attempt.ended) == (K.TIMEOUT, STARTED + 1000)


@pytest.mark.parametrize(("stage", "facts"), [(Stage.BODY, {}), (Stage.WAIT, {"first_byte": 1.0})])
def test_before_the_answer_comes_in_its_own_time_cuts_it(stage, facts):
    """Its silence stays evidence."""
    bench = ended(after(200, pictures(), stage, **facts))

    assert (bench.attempt.ended, bench.places.excused) == (STARTED + 50, 0)


def test_an_end_beyond_the_deadline_stays_its_end():
    """The later of the two, while the answer comes in."""

    def sooner(bench):
        bench.attempt.deadline = STARTED + 40

    bench = ended(after(2000, pictures(), Stage.BODY, first_byte=1.0), before=sooner)

    assert bench.attempt.ended == STARTED + 50


def test_bytes_that_come_in_the_last_moment_put_its_end_off():
    """Whatever is reached or noted is a move; progress that a provider claims is none."""

    async def main():
        attempt = Bench().attempt
        attempt.reached(Stage.SEND)
        attempt.note(wire_bytes=1)
        attempt.progress(0.5)
        return attempt.moves, attempt.facts

    assert run_virtual(main()) == (2, {"wire_bytes": 1, "progress": 0.5})


def test_a_job_is_told_with_its_attempt():
    """Nothing else is."""
    bench = ended(after(1, pictures(), job="claim"))

    assert bench.jobs == [bench.attempt]
    assert ended(after(1, pictures(), remote="192.0.2.1")).jobs == []


@pytest.mark.parametrize(("origin", "stage"), [("https://one", Stage.CONNECT), (None, Stage.SEND)])
def test_given_up_before_it_began(origin, stage):
    """Without a network, work may have been done from the first moment; the slot is free at once."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(origin=origin)
        before = bench.attempt.may_be_billed
        bench.attempt.give_up("A fallback was faster.")
        bench.attempt.give_up("Twice.")
        return bench, before

    bench, before = run_virtual(main())

    assert bench.attempt.failure.message == "A fallback was faster."
    assert bench.attempt.failure.stage is stage
    assert bench.attempt.may_be_billed is before is (stage is Stage.SEND)
    assert (bench.places.told, len(bench.ends), bench.reaped) == (["settled", "freed"], 1, [])


def test_a_price_of_nothing_is_never_billed():
    """Under way as well."""

    async def main():
        attempt = Bench(price="0", origin=None).attempt
        return attempt.may_be_billed

    assert run_virtual(main()) is False
    assert ended(after(5, pictures()), price="0").attempt.billing is Billing.FREE


def test_given_up_it_tells_which_picture_was_being_fetched():
    """It is paid, and lies there for a while."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(after(1000, None, Stage.BODY, url="https://pictures.test/1"))
        bench.attempt.start()
        await asyncio.sleep(1)
        bench.attempt.give_up()
        return bench.attempt.failure.url

    assert run_virtual(main()) == "https://pictures.test/1"
    assert ended(after(1000, None, url="https://pictures.test/1")).attempt.failure.url == "https://pictures.test/1"


def test_a_task_that_is_cancelled_from_elsewhere_gives_up():
    """Once, and lets the cancellation pass."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(after(1000, None))
        bench.attempt.start()
        await asyncio.sleep(1)
        bench.attempt.task.cancel()
        await asyncio.wait([bench.attempt.task])
        return bench

    bench = run_virtual(main())

    assert bench.attempt.task.cancelled()
    assert (bench.attempt.failure.kind, bench.reaped) == (K.CANCELLED, [])
    assert bench.places.told[:2] == ["settled", "freed"]
    assert bench.bugs == []


def test_what_comes_too_late_is_let_go():
    """A picture that nobody waits for leaves no bytes, a late failure changes nothing."""
    dropped = []

    class Kept(InMemory):
        def discard(self):
            dropped.append(self)

    def stubborn(outcome):
        async def work(attempt):
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await asyncio.sleep(1)
                return outcome

        return work

    late = Success(pictures=(Delivered(content=Kept(b"picture")),) * 2)

    assert ended(stubborn(late)).attempt.failure.kind is K.TIMEOUT
    assert len(dropped) == 2
    assert ended(stubborn(FAILED)).attempt.failure.kind is K.TIMEOUT


def test_the_slot_stays_taken_while_its_provider_still_works():
    """Whoever swallows a cancellation still holds the device; what it raises at last is its bug."""
    told = []

    async def work(attempt):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(5)
            told.append(list(bench_of[0].places.told))
            raise ValueError("too late") from None

    bench_of = []
    bench = ended(work, before=bench_of.append)

    assert told == [["settled"]]
    assert bench.places.told == ["settled", "freed"]
    assert bench.attempt.failure.kind is K.TIMEOUT


@pytest.mark.parametrize("outcome", [None, "a picture", 7])
def test_what_is_no_outcome_is_a_bug_of_the_plugin(outcome):
    """Its type is named, its text is not."""
    bench = ended(after(1, outcome))

    assert bench.attempt.failure.message == "The provider's code raised TypeError."
    assert [str(bug) for bug in bench.bugs] == [type(outcome).__name__]


@pytest.mark.parametrize(
    ("stage", "error", "message", "bugs"),
    [
        (Stage.CONNECT, OSError(24, "no"), "This process has no file descriptor left", 0),
        (Stage.WAIT, MemoryError(), "This process has no memory left", 0),
        (Stage.WAIT, KeyError("picture"), "The provider's code raised KeyError.", 1),
        (Stage.CONNECT, KeyError("picture"), "The provider's code raised KeyError.", 1),
        (Stage.WAIT, SystemExit(2), "The provider's code raised SystemExit.", 1),
        (Stage.WAIT, asyncio.CancelledError(), "The provider's code raised CancelledError.", 1),
    ],
)
def test_what_a_provider_raises_is_its_bug_or_our_lack(stage, error, message, bugs):
    """A lack of this machine is nobody's bug."""

    async def work(attempt):
        attempt.reached(stage)
        raise error

    bench = ended(work)

    assert bench.attempt.failure.message.startswith(message)
    assert (bench.attempt.failure.stage, len(bench.bugs)) == (stage, bugs)
    assert bench.places.told == ["settled", "freed"]


@pytest.mark.parametrize(("stage", "ours"), [(Stage.CONNECT, True), (Stage.SEND, False), (Stage.WAIT, False)])
def test_without_a_descriptor_nothing_that_was_not_sent_is_a_bug(stage, ours):
    """Whatever it raised: the system says that a name does not exist. Once sent, it is what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def work(attempt):
        attempt.reached(stage)
        resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
        raise KeyError("picture")

    async def main():
        bench = Bench(work)
        bench.attempt.start()
        await asyncio.wait([bench.attempt.task])
        return bench

    try:
        bench = run_virtual(main())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert (bench.attempt.failure.blame is Blame.OURS) is ours
    assert len(bench.bugs) == (not ours)


class TestThreads:
    """The slot is free when neither the provider nor a thread of its works any more."""

    def _run(self, work, use):
        async def main():
            loop = asyncio.get_running_loop()
            await asyncio.sleep(STARTED)
            thread = loop.create_future()
            loop.run_in_executor = lambda *_: thread
            bench = Bench(work)
            bench.attempt.start()
            await asyncio.sleep(1)
            await use(bench, thread)
            return bench

        return run_virtual(main())

    @staticmethod
    async def _blocks(attempt):
        await attempt.in_thread(int)

    @pytest.mark.parametrize("end", ["set_result", "set_exception", "cancel"])
    def test_given_up_it_is_free_when_the_thread_ends(self, end):
        """However it ends, and not before."""

        async def use(bench, thread):
            bench.attempt.give_up()
            await asyncio.wait([bench.attempt.task])
            await asyncio.sleep(1)
            assert bench.places.told == ["settled"]
            getattr(thread, end)(*{"set_result": [1], "set_exception": [OSError("late")], "cancel": []}[end])
            await asyncio.sleep(1)
            assert bench.places.told == ["settled", "freed"]

        self._run(self._blocks, use)

    def test_it_is_taken_while_the_provider_goes_on(self):
        """A thread that has ended frees nothing, before the end and after."""

        async def work(attempt):
            await attempt.in_thread(int)
            try:
                await asyncio.sleep(1000)
            except asyncio.CancelledError:
                await asyncio.sleep(5)

        async def use(bench, thread):
            thread.set_result(1)
            await asyncio.sleep(1)
            assert bench.places.told == []
            bench.attempt.give_up()
            bench.attempt._thread_ended(thread)
            assert bench.places.told == ["settled"]
            await asyncio.wait([bench.attempt.task])

        assert self._run(work, use).places.told == ["settled"]


def test_our_own_bug_with_a_picture_in_hand_is_billed_and_ours():
    """Nothing more may be bought for it."""

    def broken(content):
        raise ZeroDivisionError

    bench = ended(after(1, pictures()), before=lambda bench: setattr(bench.attempt._owner, "take", broken))
    attempt = bench.attempt

    assert isinstance(attempt.bug, ZeroDivisionError)
    assert (attempt.failure.kind, attempt.failure.blame, attempt.failure.stage) == (
        K.UNKNOWN,
        Blame.OURS,
        Stage.VALIDATE,
    )
    assert attempt.billing is Billing.BILLED


def test_what_cannot_be_settled_is_given_back(caplog):
    """The end is told all the same, and counts as possibly billed."""
    bench = ended(after(1, FAILED), places=Places(settles=False))

    assert bench.places.told == ["settled", "given back", "freed"]
    assert bench.ends == [bench.attempt]
    assert "attempt r-1 could not be settled" in caplog.text


def test_a_slot_that_cannot_be_passed_on_is_given_back(caplog):
    """With a word in the log."""
    with caplog.at_level(logging.ERROR):
        bench = ended(after(1, FAILED), places=Places(frees=False))

    assert bench.places.told[:3] == ["settled", "freed", "given back with its slot"]
    assert "the slot of attempt r-1" in caplog.text


def test_what_breaks_before_its_price_is_known_may_have_been_billed():
    """An unknown amount."""

    def broken(bench):
        del bench.prepared.candidate.price

    attempt = ended(after(1, FAILED), before=broken).attempt

    assert (attempt.billing, attempt.cost) == (Billing.AMBIGUOUS, Cost(possible=None))


def test_the_price_is_of_the_pictures_that_came():
    """Else of those that were asked; what the provider says in the same money goes before the table."""
    two = ended(after(1, pictures(2)), n=3).attempt
    said = ended(after(1, pictures(cost=Decimal("0.5"), currency="USD"))).attempt
    others = [ended(after(1, pictures(cost=Decimal("0.5"), currency=each))).attempt for each in ("EUR", "YEN")]
    unknown = ended(after(1, pictures(cost=Decimal("0.5"), currency="USD")), price=None).attempt
    none = ended(after(1, Failure(kind=K.EMPTY, message="failed")), n=3).attempt

    assert two.cost == Cost(certain=Decimal("0.08"))
    assert (said.cost, said.facts["table_cost"]) == (Cost(certain=Decimal("0.5")), "0.04")
    assert [other.cost for other in others] == [Cost(certain=Decimal("0.04"))] * 2
    assert not any("table_cost" in other.facts for other in others)
    assert (unknown.cost, unknown.facts["table_cost"]) == (Cost(certain=Decimal("0.5")), None)
    assert none.cost == Cost(certain=Decimal("0.12"))


def test_its_record_counts_from_the_requests_beginning():
    """Ended or not."""

    async def main():
        await asyncio.sleep(STARTED)
        bench = Bench(after(5, pictures(), provider_request_id="req-1"))
        bench.attempt.start()
        await asyncio.sleep(3)
        bench.attempt.place = AttemptPlace(part=1, number=2, round=3, retry=True, hedge=False)
        under_way = record_of(bench.attempt, 90.0)
        assert bench.attempt.may_be_billed
        await asyncio.wait([bench.attempt.task])
        await asyncio.sleep(10)
        return under_way, record_of(bench.attempt, 90.0)

    under_way, over = run_virtual(main())

    assert (under_way.started, under_way.ended, under_way.stage) == (10, 13, Stage.WAIT)
    assert (over.started, over.ended, over.provider_request_id) == (10, 15, "req-1")
    assert (over.part, over.number, over.round, over.retry, over.hedge, over.won) == (1, 2, 3, True, False, False)
    assert over.facts == {"provider_request_id": "req-1"}


def test_its_limits_run_by_the_time_that_it_was_given():
    """That of a machine that was awake."""

    async def main():
        await asyncio.sleep(STARTED)
        loop = asyncio.get_running_loop()
        bench = Bench(after(1000, None), time=lambda: loop.time() - 20)
        bench.attempt.start()
        await asyncio.wait([bench.attempt.task])
        return bench.attempt.ended, bench.places.now

    assert run_virtual(main()) == (pytest.approx(170), pytest.approx(150))


@pytest.mark.parametrize(
    ("fraction", "kept"), [(0, 0), (0.5, 0.5), (1, 1), (-0.1, None), (1.1, None), (float("nan"), None)]
)
def test_a_fraction_is_a_share(fraction, kept):
    """What is no share of anything is left out; whoever watches hears of what is new, once."""
    moved = []

    async def work(attempt):
        attempt.on_move = lambda: moved.append(fraction)
        attempt.progress(fraction)
        attempt.progress(fraction)
        await asyncio.sleep(1)
        return pictures()

    bench = ended(work)

    assert bench.attempt.facts.get("progress") == kept
    assert len(moved) == (kept is not None)


def test_nobody_watches():
    """Then a fraction is a fact, and a trace is None."""

    async def work(attempt):
        attempt.progress(0.25)
        return pictures()

    bench = ended(work)

    assert (bench.attempt.facts["progress"], bench.attempt.traceparent) == (0.25, None)


def test_a_trace_is_asked_for_where_it_is_sent():
    """By whoever knows it."""
    bench = ended(after(1, pictures()), before=lambda bench: setattr(bench.attempt, "trace", lambda: "00-1-2-01"))

    assert bench.attempt.traceparent == "00-1-2-01"


@pytest.mark.parametrize(("state", "free"), [("queued", True), ("running", False)])
def test_a_job_that_was_called_off_before_it_began_is_free(state, free):
    """Told once it has ended, whatever may have been billed till then."""
    bench = ended(after(5, evolve(FAILED, kind=K.DISCONNECTED, billing=Billing.AMBIGUOUS)))
    attempt = bench.attempt
    was = attempt.cost
    attempt.note(job_cancelled=state)

    assert was.possible == Decimal("0.04")
    assert bench.corrections == ([was] if free else [])
    assert attempt.billing is (Billing.FREE if free else Billing.AMBIGUOUS)
    assert (attempt.failure.billing, attempt.cost.possible) == (attempt.billing, 0 if free else Decimal("0.04"))


@pytest.mark.parametrize("outcome", ["picture", "free", "not ended"])
def test_there_is_nothing_to_correct_in_what_is_known(outcome):
    """A picture, a free failure, and what still runs stay as they are."""
    end = {"picture": pictures(), "free": FAILED}.get(outcome)

    async def work(attempt):
        attempt.reached(Stage.WAIT)
        if end is None:
            attempt.note(job_cancelled="queued")
        await asyncio.sleep(1)
        return end or pictures()

    bench = ended(work)
    if end is not None:
        bench.attempt.note(job_cancelled="queued")

    assert bench.corrections == []


class Waits:
    """A gate whose leases take their time, and may be refused."""

    budgets: Mapping[str, Budget] = MappingProxyType({})

    def __init__(self, seconds, left=-1):
        self.leases, self.begun, self._seconds, self._left = self, [], seconds, left

    async def take(self, lease):
        """Wait, before anything is sent."""
        self.stage = self.attempt.stage
        await asyncio.sleep(self._seconds)
        return None if self._left == -1 else LeaseRefused(lease.holds[0], self._left)

    def before(self, bench, kind="slot"):
        """Stand before the bench's attempt."""
        self.attempt = bench.attempt
        lease = Lease(attempt="r-1", holds=(LeaseHold(kind=kind, name="one@day"),), seconds=60)
        bench.attempt.passage = Passage(self, bench.attempt, bench.places, lambda: self.begun.append(1), lease)


def test_the_wait_before_the_gate_is_none_of_its_time():
    """It starts later, ends later, is told when it does, and learns what its provider took."""
    gate = Waits(3)
    bench = ended(after(5, pictures()), before=gate.before)
    attempt = bench.attempt

    assert (gate.stage, attempt.started, attempt.ends_at, attempt.ended) == (Stage.QUEUED, 103, 153, 108)
    assert (bench.learned.ages, bench.places.moved_on, gate.begun) == ([5], 3, [1])


def test_the_deadline_is_not_put_off_by_the_gate():
    """What is left of the attempt's time ends with the request's."""

    def before(bench):
        bench.attempt.deadline = 151.0
        Waits(3).before(bench)

    assert ended(after(5, pictures()), before=before).attempt.ends_at == 151


@pytest.mark.parametrize(
    ("kind", "left", "withdrawn", "sentence"),
    [
        ("budget", None, False, "The budget one does not pay for it: the store that keeps it is away."),
        ("slot", None, False, "Its places are the fleet's, and the store that keeps them is away."),
        ("slot", 0, True, "Other processes have all its places."),
    ],
)
def test_what_the_gate_refuses_is_free_and_sent_to_nobody(kind, left, withdrawn, sentence):
    """Its place is given back, no breaker hears of it, and who finds no place is planned anew."""
    gate = Waits(3, left)
    bench = ended(after(5, pictures()), before=partial(gate.before, kind=kind))
    attempt = bench.attempt

    assert (attempt.failure.message, attempt.billing, attempt.stage) == (sentence, Billing.FREE, Stage.QUEUED)
    assert (attempt.started, attempt.ended, bench.places.told) == (100, 103, ["settled", "freed"])
    assert (bench.places.settlement.upstream, attempt.withdrawn, gate.begun) == (V.NEUTRAL, withdrawn, [])


def test_a_breaker_that_opened_before_the_gate_let_it_pass():
    """Nothing is sent to an open breaker: it is planned anew."""
    gate, places = Waits(3), Places()
    places.stale = True
    bench = ended(after(5, pictures()), before=gate.before, places=places)

    assert (bench.attempt.withdrawn, bench.attempt.ended, gate.begun) == (True, 103, [])
