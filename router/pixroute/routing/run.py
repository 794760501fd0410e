"""The driver of one part of a request: plans, starts attempts, waits, feeds back what happened.

It decides nothing. It owns the attempts' tasks and leaves none behind: a loser is settled at once and handed to the
router's reaper, so that it never delays the winner.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, evolve, field, frozen

from pixroute.content import Owner
from pixroute.cost import Cost
from pixroute.health.admission import Admission
from pixroute.health.registry import Health
from pixroute.health.waiting import Waiter
from pixroute.http.wire.clock import Grace, after_a_turn
from pixroute.outcome import Billing, Failure, FailureKind, Stage
from pixroute.policy import Policy
from pixroute.request import ImageRequest
from pixroute.routing.attempt import Attempt, Place
from pixroute.routing.budget import Budget, HedgePurse
from pixroute.routing.chain import Contender
from pixroute.routing.deliver import Delivery
from pixroute.routing.emitter import Emitter
from pixroute.routing.heartbeat import Heartbeat
from pixroute.routing.observers import Observers
from pixroute.routing.plan import plan
from pixroute.routing.record import AttemptRecord, Decision
from pixroute.routing.reserve import default_budget, leave_out, possibly_billed
from pixroute.routing.settle import may_retry_quickly
from pixroute.routing.view import MOST_IN_FLIGHT, SLACK, Action, Plan, Round, Ruling, Start, Stop, Tried, View, Wait

if TYPE_CHECKING:
    from pixroute.http.transport import Transport


@define(kw_only=True)
class Shared:
    """What all requests of a router share. A reload changes `observers` alone, which is None while nobody observes."""

    health: Health
    http: Transport
    random: random.Random
    purse: HedgePurse
    observers: Observers | None
    reap: Callable[[asyncio.Task[None], str], None]
    heartbeat: Heartbeat
    warned: set[tuple[str, FailureKind]] = field(factory=set)
    closing: asyncio.Event = field(factory=asyncio.Event)
    runs: dict[Run, None] = field(factory=dict)  # a set in order of arrival: the same seed gives the same events
    delivery: Delivery = field(init=False)

    @delivery.default
    def _delivery(self) -> Delivery:
        return Delivery(self.http.memory)


@frozen(kw_only=True)
class Ending:
    """How a part ended: a winner, or the planner's last word; and all that happened.

    `shut_down`: the router was closed before it could end otherwise. `bug`: what broke in our own code.
    """

    winner: Attempt | None
    stop: Stop | None
    attempts: tuple[Attempt, ...]
    records: tuple[AttemptRecord, ...]
    decisions: tuple[Decision, ...]
    rulings: tuple[Ruling, ...]
    contenders: tuple[Contender, ...]
    shut_down: bool = False
    bug: BaseException | None = None


@define
class _Leg:
    """An attempt and what the planner knows of it."""

    attempt: Attempt
    tried: Tried

    @property
    def seen(self) -> Tried:
        """What is known of it now: nobody joins an answer that is coming in."""
        if self.tried.ended is None and self.attempt.is_answered:
            return evolve(self.tried, join_at=inf, join_free_at=inf)
        return self.tried


class Run:
    """One part of a request, from its first decision to its ending."""

    def __init__(
        self,
        *,
        shared: Shared,
        emitter: Emitter,
        request_id: str,
        asked: ImageRequest,
        request: ImageRequest,
        contenders: Sequence[Contender],
        policy: Policy,
        began: float,
        timeout: float | None,
        budget: Budget,
        part: int = 0,
        into: Path | None = None,
        owner: Owner | None = None,
    ) -> None:
        self._shared = shared
        self._request_id = request_id
        self._asked = asked
        self._request = request
        self._contenders = tuple(contenders)
        self._candidates = tuple(contender.candidate for contender in contenders)
        self._policy = policy
        self._began = began
        self._timeout = timeout
        self._budget_seconds = timeout
        self._budget = budget
        self._part = part
        self._into = into
        self._owner = owner or Owner()
        self._loop = asyncio.get_running_loop()
        self._legs: list[_Leg] = []
        self._round = 0
        self._jitter = shared.random.random()
        self._slot_wait = 0.0
        self._stands_for_slot = False
        self._waited = 0.0  # while nobody admitted it
        self._decided_at = began
        self._wake: asyncio.Future[None] | None = None
        self._waiter: Waiter | None = None
        self._place_in_line: int | None = None
        self._decisions: list[tuple[float, Action, tuple[Ruling, ...]]] = []
        self._carried: Attempt | None = None  # by the task that drives
        self._beside: asyncio.Task[Ending] | None = None
        self._bug: BaseException | None = None
        self._shut = False
        self._emitter = emitter

    async def drive(self) -> Ending:
        """Drive to the end; cancellation settles everything that is in flight and passes on.

        What breaks in our own code ends this part, and so does what breaks when a picture is in hand: nothing more is
        bought.
        """
        self._shared.heartbeat.start()
        self._shared.runs[self] = None
        try:
            return await self._drive()
        except Exception as error:  # noqa: BLE001 - a bug of ours becomes a value as a plugin's does, in one place
            return self._ending(self._winner(), None, bug=error)
        finally:
            self._shared.runs.pop(self, None)
            if self._beside is not None:
                self._beside.cancel()
                self._beside = None
            self._leave()
            self._legs.clear()  # an attempt knows its run: else pictures would live until the garbage is collected

    async def _drive(self) -> Ending:
        heard = False
        while True:
            winner = self._winner()
            if winner is not None:
                return self._ending(winner, None)
            if self._bug is not None or self._shut:
                return self._ending(None, None, bug=self._bug)
            view = self._view()
            decided = plan(view)
            if isinstance(decided.action, Start) and self.in_flight and not heard:
                await self._hear()
                heard = True
                continue
            heard = False
            decided = self._note(view, decided)
            if isinstance(decided.action, Stop):
                return self._ending(None, decided.action)
            ending = await self._act(decided.action)
            if ending is not None:
                return ending

    def shut(self) -> None:
        """End now, for the router is closed: what is in flight is given up."""
        self._shut = True
        self.poke()

    @property
    def waits_for_slot(self) -> bool:
        """Whether it stands in line for a provider's slot."""
        return self._stands_for_slot

    @property
    def _waits_for_first_slot(self) -> bool:
        """Whether this time is none of our deadline's."""
        return self._stands_for_slot and not self._legs and self._timeout is None

    @property
    def in_flight(self) -> list[Attempt]:
        """The attempts under way."""
        return [leg.attempt for leg in self._legs if leg.tried.ended is None]

    def poke(self) -> None:
        """Plan again now."""
        if self._wake is not None:
            if not self._wake.done():
                self._wake.set_result(None)
        elif self._carried is not None and self._carried.ended is None and self._beside is None:
            # The task that drives is taken: another goes on, and may end what it carries.
            self._beside = self._loop.create_task(self._drive())
            self._beside.add_done_callback(self._decided_beside)

    def _decided_beside(self, task: asyncio.Task[Ending]) -> None:
        """End what is in flight, the attempt that this request's own task carries too: that task takes over."""
        if not task.cancelled():
            task.exception()  # seen: whoever waits for the task may have been cancelled
        self._leave()

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off what is in flight, and off a deadline that we computed."""
        if self._timeout is None and self._budget_seconds is not None and not self._waits_for_first_slot:
            self._budget_seconds += pause
        live = [leg for leg in self._legs if leg.tried.ended is None]
        if live:
            view = self._view()
            for leg in live:
                leg.tried = leave_out(view, leg.tried, pause)
                leg.attempt.leave_out(pause, ends_at=leg.tried.ends_at, deadline=view.deadline)
        self.poke()

    # Deciding

    async def _hear(self) -> None:
        """Let what has arrived of the attempts in flight be handled, before another is bought for their silence."""
        grace = Grace(self._loop.time(), self._moves())
        while True:
            handled = self._loop.create_future()
            after_a_turn(partial(_wake, handled), until=grace.until)
            await handled
            if self._winner() is not None or not grace.lasts(self._loop.time(), self._moves()):
                return

    def _moves(self) -> int:
        return sum(attempt.moves for attempt in self.in_flight)

    def _note(self, view: View, decided: Plan) -> Plan:
        """Keep what was decided, unless the router is closing: then nothing starts."""
        self._decided_at = view.now
        if self._shared.closing.is_set():
            decided = Plan(Wait(inf) if self.in_flight else Stop(), decided.rulings)
        last = self._decisions[-1] if self._decisions else None
        if last is None or type(last[1]) is not type(decided.action) or last[2] != decided.rulings:
            self._decisions.append((view.now - self._began, decided.action, decided.rulings))
            self._emitter.skips(view.now, self._part, self._contenders, decided)
        if not isinstance(decided.action, Start):
            self._close_waiter()
        return decided

    def _view(self) -> View:
        now = self._shared.heartbeat.look()
        health = self._shared.health
        view = View(
            now=now,
            deadline=self._deadline(),
            candidates=self._candidates,
            standings=tuple(health.standing(contender.keys, now, self._waiter) for contender in self._contenders),
            policy=self._policy,
            tried=tuple(leg.seen for leg in self._legs),
            round=self._round,
            round_jitter=self._jitter,
            money_left=self._budget.left,
            purse=self._shared.purse.can_pay,
            patience=inf if isinstance(limit := self._policy.give_up_after, str) else max(0.0, limit - self._waited),
            budget=inf if self._budget_seconds is None else self._budget_seconds,
        )
        if self._budget_seconds is None:
            self._budget_seconds = default_budget(view)
            return evolve(view, deadline=self._deadline(), budget=self._budget_seconds)
        return view

    def _deadline(self) -> float:
        return inf if self._budget_seconds is None else self._began + self._slot_wait + self._budget_seconds

    # Acting

    async def _act(self, action: Action) -> Ending | None:
        """Do what was decided, and wait as long as nothing new can be; give the ending if another task came to it."""
        if isinstance(action, Start):
            return await self._begin(action)
        if isinstance(action, Round):
            self._emitter.retry(self._loop.time(), self._part, None, action.until, self._round + 1)
            await self._pause(action.until)
            self._waited += self._loop.time() - self._decided_at
            self._round += 1
            self._jitter = self._shared.random.random()
        elif isinstance(action, Wait):
            self._stands_for_slot, busy = action.why is Ruling.FULL, bool(self.in_flight)
            await self._pause(action.until, action.on)
            waited = self._loop.time() - self._decided_at
            if self._waits_for_first_slot:
                self._slot_wait += waited
            elif not self._stands_for_slot and not busy:
                self._waited += waited
            self._stands_for_slot = False
        return None

    async def _begin(self, start: Start) -> Ending | None:
        """Start an attempt, and wait until another may join it."""
        attempt = self._start(start)
        self._close_waiter()
        if attempt.ended is not None:
            return None
        until = self._silent_until(start)
        if self._may_carry(attempt):
            return await self._carry(attempt, until)
        attempt.start()
        await self._pause(until)
        return None

    def _silent_until(self, start: Start) -> float:
        """Give the time until which there is nothing to decide while the attempts in flight are silent."""
        if len(self.in_flight) >= MOST_IN_FLIGHT:
            return inf
        return start.join_at if self._shared.purse.can_pay else start.join_free_at

    def _may_carry(self, attempt: Attempt) -> bool:
        """Tell whether the attempt may run in the task that drives: it is alone, and awaits nothing of a plugin's."""
        alone = self._beside is None and self.in_flight == [attempt]
        return alone and getattr(attempt.contender.provider, "awaits_only_ours", False)

    async def _carry(self, attempt: Attempt, until: float) -> Ending | None:
        """Run the attempt in this task; what is to be decided meanwhile, from `until` on, a task beside it decides."""
        self._carried = attempt
        timer = self._loop.call_at(max(until, self._loop.time() + SLACK), self.poke) if until < inf else None
        try:
            await attempt.run_here()
        finally:
            self._carried = None
            if timer is not None:
                timer.cancel()
        return None if self._beside is None else await self._beside

    async def _pause(self, until: float, on: tuple[int, ...] = ()) -> None:
        """Wait until a time, an attempt's end, a place at one of `on`, or a poke."""
        self._wake = self._loop.create_future()
        timer = self._loop.call_at(max(until, self._loop.time() + SLACK), self.poke) if until < inf else None
        if on:
            keys = [self._contenders[index].keys for index in on]
            self._waiter = self._shared.health.wait(keys, self.poke, order=self._place_in_line)
            self._place_in_line = self._waiter.order
        try:
            await self._wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()

    def _start(self, start: Start) -> Attempt:
        contender, now = self._contenders[start.index], self._decided_at
        attempt = Attempt(
            request_id=f"{self._request_id}-{self._part}.{len(self._legs) + 1}",
            contender=contender,
            asked=self._asked,
            part=self._request,
            http=self._shared.http,
            started=now,
            ends_at=start.ends_at,
            deadline=self._deadline(),
            into=self._into,
            owner=self._owner,
            on_job=self._emitter.job,
            on_end=self._ended,
            on_correction=self._corrected,
            retry_at=partial(self._retry_at, start, now),
            reap=self._shared.reap,
            place=self._place_of(start),
            time=self._shared.heartbeat.look,
        )
        tried = Tried(
            index=start.index,
            round=self._round,
            started=now,
            ends_at=start.ends_at,
            join_at=start.join_at,
            join_free_at=start.join_free_at,
            may_be_billed=contender.candidate.price != 0,
            retry=start.retry,
        )
        beside = self._silent() if start.hedge else None
        if start.hedge and self._draws_from_purse(now):
            self._shared.purse.draw()
        refused = self._emitter.refused(attempt)
        self._budget.reserve(contender.candidate.price)
        if refused is None:
            attempt.own(self._admitted(attempt))
        self._legs.append(_Leg(attempt, tried))  # from here on `_leave` ends it, whatever is raised
        self._emitter.begin(attempt, beside=beside)
        if refused is not None:
            attempt.reached(Stage.QUEUED)
            attempt.end(refused)
        return attempt

    def _place_of(self, start: Start) -> Place:
        return Place(
            part=self._part,
            number=len(self._legs) + 1,
            round=self._round,
            retry=start.retry,
            hedge=start.hedge,
            fell_back=start.index > 0,
        )

    def _admitted(self, attempt: Attempt) -> Admission:
        contender = attempt.contender
        return self._shared.health.admit(
            contender.keys,
            attempt.started,
            policy=self._policy.breaker,
            request=attempt.request_id,
            evidence=self._asked.fingerprint,
            expected=contender.candidate.expected,
            timeout=contender.candidate.timeout,
            waiter=self._waiter,
        )

    def _silent(self) -> str:
        """Name the provider whose attempt is joined."""
        return next(leg.attempt.contender.name for leg in self._legs if leg.tried.ended is None)

    def _draws_from_purse(self, now: float) -> bool:
        return any(
            leg.tried.ended is None and leg.tried.join_at <= now < leg.tried.join_free_at - 0.001 for leg in self._legs
        )

    def _ended(self, attempt: Attempt) -> None:
        try:
            self._take_note(next(leg for leg in self._legs if leg.attempt is attempt))
            self._bug = self._bug or attempt.bug
        except Exception as error:  # noqa: BLE001 - nobody waits for what is raised here: it ends the request
            self._bug = error
        self.poke()

    def _take_note(self, leg: _Leg) -> None:
        """Feed an ended attempt back: money, what the planner knows, events."""
        attempt, contender = leg.attempt, leg.attempt.contender
        now = attempt.ended if attempt.ended is not None else self._loop.time()
        failure = attempt.failure
        free = attempt.billing is Billing.FREE
        self._budget.settle(contender.candidate.price, None if free else contender.candidate.price)
        leg.tried = evolve(
            leg.tried,
            ended=now,
            failure=failure,
            may_be_billed=possibly_billed(failure, contender.candidate.price),
            retry_at=attempt.retry_at,
        )
        self._emitter.finish(attempt)
        if attempt.retry_at is not None:
            self._emitter.retry(now, self._part, contender.name, attempt.retry_at, self._round)

    def _corrected(self, attempt: Attempt, was: Cost) -> None:
        """Take back what an ended attempt may have cost; its request may be over."""
        for leg in self._legs:
            if leg.attempt is attempt:
                self._budget.settle(attempt.contender.candidate.price, None)
                leg.tried = evolve(leg.tried, failure=attempt.failure, may_be_billed=False)
                self.poke()
        self._emitter.corrected(attempt, was)

    def _retry_at(self, start: Start, started: float, failure: Failure, now: float) -> float | None:
        """Draw when the same provider is asked once more, if it may be."""
        if start.retry or self._round > 0:
            return None
        retry, given = self._policy.retry, self._timeout is not None
        if not may_retry_quickly(failure, seconds=now - started, policy=retry, timeout_given=given):
            return None
        from backoff import expo  # noqa: PLC0415 - reached when first needed, so that importing pixroute stays cheap

        delays = expo(factor=self._policy.retry.max_delay)
        next(delays)  # backoff's generators yield None first
        return now + self._shared.random.random() * float(next(delays))

    # Ending

    def _winner(self) -> Attempt | None:
        won = [leg.attempt for leg in self._legs if leg.attempt.ended is not None and leg.attempt.failure is None]
        if not won:
            return None
        won[0].won = True
        return won[0]

    def _leave(self) -> None:
        self._close_waiter()
        why = "The router was closed while this attempt ran." if self._shut else "The request no longer needed it."
        for leg in self._legs:
            leg.attempt.give_up(why)

    def _close_waiter(self) -> None:
        if self._waiter is not None:
            self._waiter.close()
            self._waiter = None

    def _ending(self, winner: Attempt | None, stop: Stop | None, *, bug: BaseException | None = None) -> Ending:
        shut_down = winner is None and (self._shut or (self._shared.closing.is_set() and not self._legs))
        self._leave()
        records: tuple[AttemptRecord, ...] = ()
        decisions: tuple[Decision, ...] = ()
        try:
            records, decisions = self.records(), self._told_decisions()
        except Exception as error:  # noqa: BLE001 - the pictures are kept, and the bug is told
            bug = bug or error
        return Ending(
            winner=winner,
            stop=stop,
            attempts=tuple(leg.attempt for leg in self._legs),
            records=records,
            decisions=decisions,
            rulings=self._decisions[-1][2] if self._decisions else (),
            contenders=self._contenders,
            shut_down=shut_down,
            bug=bug,
        )

    def records(self) -> tuple[AttemptRecord, ...]:
        """Give every attempt so far, as values."""
        return tuple(leg.attempt.record(began=self._began) for leg in self._legs)

    def _told_decisions(self) -> tuple[Decision, ...]:
        names = [contender.name for contender in self._contenders]
        return tuple(
            Decision(
                at=at, part=self._part, action=_say(action, names), verdicts=dict(zip(names, rulings, strict=True))
            )
            for at, action, rulings in self._decisions
        )


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _say(action: Action, names: Sequence[str]) -> str:
    if isinstance(action, Start):
        return f"{'join with' if action.hedge else 'retry' if action.retry else 'start'} {names[action.index]}"
    if isinstance(action, Wait):
        return f"wait for {', '.join(names[index] for index in action.on)}" if action.on else "wait"
    return "begin another round" if isinstance(action, Round) else "stop"


def new_id(counter: count[int], prefix: str) -> str:
    """Give an id that is unique in this process and, by its prefix, most likely elsewhere."""
    return f"{prefix}{next(counter):06x}"
