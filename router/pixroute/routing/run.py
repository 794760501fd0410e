"""The driver of one part of a request: plans, starts attempts, waits, feeds back what happened.

It decides nothing. It owns the attempts and leaves none behind: a loser is settled at once, and its task handed to the
router's reaper, so that it never delays the winner.
"""

from __future__ import annotations

import asyncio
from functools import partial
from math import inf

from pixroute.health.waiting import Waiter
from pixroute.http.wire.clock import Grace, after_a_turn
from pixroute.routing.attempt import Attempt
from pixroute.routing.attempts import Attempts
from pixroute.routing.emitter import Emitter
from pixroute.routing.ending import Decisions, PartEnding
from pixroute.routing.part import RequestPart
from pixroute.routing.plan import plan
from pixroute.routing.reserve import default_budget
from pixroute.routing.shared import Shared
from pixroute.routing.view import MOST_IN_FLIGHT, SLACK, Action, Plan, Round, Start, Stop, Verdict, View, Wait


class Run:
    """One part of a request, from its first decision to its ending.

    Args:
        shared: what all requests share.
        emitter: told of all that happens.
        part: what is asked of whom.
    """

    _round = 0
    _slot_wait = 0.0
    """Seconds in line for the first slot, which are none of a deadline that we computed."""
    _waited = 0.0
    """Seconds while nobody admitted it."""
    _stands_for_slot = False
    _wake: asyncio.Future[None] | None = None
    _waiter: Waiter | None = None
    _place_in_line: int | None = None
    _carried: Attempt | None = None
    """The attempt that runs in the task that drives."""
    _beside: asyncio.Task[PartEnding] | None = None
    """The task that decides while that one is taken."""
    _shut = False

    def __init__(self, shared: Shared, emitter: Emitter, part: RequestPart) -> None:
        self._shared = shared
        self._emitter = emitter
        self._part = part
        self._loop = asyncio.get_running_loop()
        self._candidates = tuple([prepared.candidate for prepared in part.prepared_providers])
        self._attempts = Attempts(shared, part, emitter, self.poke)
        self.in_flight = self._attempts.in_flight
        """The attempts under way."""
        self._decisions = Decisions(part)
        self._decided_at = part.whole.began
        self._budget_seconds = part.whole.timeout
        self._jitter = shared.random.random()

    async def drive(self) -> PartEnding:
        """Drive to the end; cancellation settles everything that is in flight and passes on.

        What breaks in our own code ends this part, and so does what breaks when a picture is in hand: nothing more is
        bought.
        """
        self._shared.heartbeat.start()
        self._shared.runs[self] = None
        try:
            return await self._drive()
        except Exception as error:  # noqa: BLE001 - a bug of ours becomes a value as a plugin's does, in one place
            return self._ending(self._attempts.winner, None, bug=error)
        finally:
            self._shared.runs.pop(self, None)
            if self._beside is not None:
                self._beside.cancel()
                self._beside = None
            self._leave()
            self._attempts.clear()

    async def _drive(self) -> PartEnding:
        heard = False
        while True:
            if (over := self._over()) is not None:
                return over
            view = self._view()
            decided = plan(view)
            if isinstance(decided.action, Start) and self.in_flight and not heard:
                await self._hear()
                heard = True
                continue
            heard = False
            action = self._note(view, decided)
            if isinstance(action, Start):
                attempt = self._start(action)
                if attempt.task is not None:
                    await self._pause(self._silent_until(action))
                elif attempt.ended is None:
                    await self._carry(attempt, self._silent_until(action))
                    if self._beside is not None:
                        return await self._beside
            elif isinstance(action, Wait):
                await self._wait(action)
            elif isinstance(action, Round):
                await self._begin_round(action)
            else:
                return self._ending(None, action)

    def _over(self) -> PartEnding | None:
        winner = self._attempts.winner
        if winner is not None:
            return self._ending(winner, None)
        if self._attempts.bug is not None or self._shut:
            return self._ending(None, None, bug=self._attempts.bug)
        return None

    # What others may do with it

    @property
    def waits_for_slot(self) -> bool:
        """Whether it stands in line for a provider's slot."""
        return self._stands_for_slot

    def shut(self) -> None:
        """End now, for the router is closed: what is in flight is given up."""
        self._shut = True
        self.poke()

    def poke(self) -> None:
        """Plan again now."""
        if self._wake is not None:
            if not self._wake.done():
                self._wake.set_result(None)
        elif self._carried is not None and self._carried.ended is None and self._beside is None:
            # The task that drives is taken: another goes on, and may end what it carries.
            self._beside = self._loop.create_task(self._drive())
            self._beside.add_done_callback(self._decided_beside)

    def _decided_beside(self, task: asyncio.Task[PartEnding]) -> None:
        """End what is in flight, the attempt that this request's own task carries too: that task takes over."""
        if not task.cancelled():
            task.exception()  # seen: whoever waits for the task may have been cancelled
        self._leave()

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off what is in flight, and off a deadline that we computed."""
        if self._part.whole.timeout is None and self._budget_seconds is not None and not self._waits_for_first_slot:
            self._budget_seconds += pause
        if self.in_flight:
            self._attempts.leave_out(self._view(), pause)
        self.poke()

    # Deciding

    def _view(self) -> View:
        now, part = self._shared.heartbeat.look(), self._part
        status, limit = self._shared.health.status, part.whole.policy.give_up_after
        view = partial(
            View,
            now=now,
            candidates=self._candidates,
            statuses=tuple([status(prepared.keys, now, self._waiter) for prepared in part.prepared_providers]),
            policy=part.whole.policy,
            tried=self._attempts.seen(),
            round=self._round,
            round_jitter=self._jitter,
            money_left=part.whole.budget.left,
            hedge_allowed=self._shared.hedge_budget.can_pay,
            patience=inf if isinstance(limit, str) else max(0.0, limit - self._waited),
        )
        if self._budget_seconds is None:
            self._budget_seconds = default_budget(view(deadline=inf))
        return view(deadline=self._deadline(), budget=self._budget_seconds)

    def _deadline(self) -> float:
        return inf if self._budget_seconds is None else self._part.whole.began + self._slot_wait + self._budget_seconds

    async def _hear(self) -> None:
        """Let what has arrived of the attempts in flight be handled, before another is bought for their silence."""
        grace = Grace(self._loop.time(), self._attempts.moves)
        while True:
            handled = self._loop.create_future()
            after_a_turn(partial(_wake, handled), until=grace.until)
            await handled
            if self._attempts.winner is not None or not grace.lasts(self._loop.time(), self._attempts.moves):
                return

    def _note(self, view: View, decided: Plan) -> Action:
        """Keep what was decided, unless the router is closing: then nothing starts."""
        self._decided_at = view.now
        if self._shared.closing.is_set():
            decided = Plan(Wait(inf) if self.in_flight else Stop(), decided.verdicts)
        if self._decisions.add(view.now, decided):
            self._emitter.skips(view.now, self._part.number, self._part.prepared_providers, decided)
        if self._waiter is not None and not isinstance(decided.action, Start):
            self._close_waiter()
        return decided.action

    # Acting

    def _start(self, start: Start) -> Attempt:
        """Start an attempt, in a task of its own unless the task that drives may carry it."""
        if self._shared.gate is not None and self._place_in_line is None:
            self._place_in_line = self._shared.health.arrive()  # who comes later waits behind it, if the fleet is full
        attempt = self._attempts.start(
            start, self._decided_at, deadline=self._deadline(), round_=self._round, waiter=self._waiter
        )
        if self._waiter is not None:
            self._close_waiter()
        if attempt.ended is None and not self._may_carry(attempt):
            attempt.start()
        return attempt

    def _silent_until(self, start: Start) -> float:
        """Give the time until which there is nothing to decide while the attempts in flight are silent."""
        if len(self.in_flight) >= MOST_IN_FLIGHT:
            return inf
        return start.join_at if self._shared.hedge_budget.can_pay else start.join_free_at

    def _may_carry(self, attempt: Attempt) -> bool:
        """Tell whether the attempt may run in the task that drives: it is alone, and awaits nothing of a plugin's."""
        alone = self._beside is None and self.in_flight == [attempt]
        return alone and getattr(attempt.prepared.provider, "awaits_only_ours", False)

    async def _carry(self, attempt: Attempt, until: float) -> None:
        """Run the attempt in this task; what is to be decided meanwhile, from `until` on, a task beside it decides."""
        self._carried = attempt
        timer = self._loop.call_at(max(until, self._loop.time() + SLACK), self.poke) if until < inf else None
        try:
            await attempt.run_here()
        finally:
            self._carried = None
            if timer is not None:
                timer.cancel()

    async def _begin_round(self, action: Round) -> None:
        self._emitter.retry(self._loop.time(), self._part.number, None, action.until, self._round + 1)
        await self._pause(action.until)
        self._waited += self._loop.time() - self._decided_at
        self._round += 1
        self._jitter = self._shared.random.random()

    async def _wait(self, action: Wait) -> None:
        self._stands_for_slot, busy = action.why is Verdict.FULL, bool(self.in_flight)
        await self._pause(action.until, action.on)
        waited = self._loop.time() - self._decided_at
        if self._waits_for_first_slot:
            self._slot_wait += waited
        elif not self._stands_for_slot and not busy:
            self._waited += waited
        self._stands_for_slot = False

    @property
    def _waits_for_first_slot(self) -> bool:
        """Whether this time is none of our deadline's."""
        return self._stands_for_slot and not self._attempts and self._part.whole.timeout is None

    async def _pause(self, until: float, on: tuple[int, ...] = ()) -> None:
        """Wait until a time, an attempt's end, a place at one of `on`, or a poke."""
        self._wake = self._loop.create_future()
        timer = self._loop.call_at(max(until, self._loop.time() + SLACK), self.poke) if until < inf else None
        if on:
            keys = [self._part.prepared_providers[index].keys for index in on]
            self._waiter = self._shared.health.wait(keys, self.poke, order=self._place_in_line)
            self._place_in_line = self._waiter.order
        try:
            await self._wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()

    # Ending

    def _leave(self) -> None:
        self._close_waiter()
        if not self.in_flight:
            return
        why = "The router was closed while this attempt ran." if self._shut else "The request no longer needed it."
        self._attempts.give_up(why)

    def _close_waiter(self) -> None:
        if self._waiter is not None:
            self._waiter.close()
            self._waiter = None

    def _ending(self, winner: Attempt | None, stop: Stop | None, *, bug: BaseException | None = None) -> PartEnding:
        shut_down = winner is None and (self._shut or (self._shared.closing.is_set() and not self._attempts))
        self._leave()
        try:
            records, decisions = self._attempts.records(), self._decisions.as_recorded()
        except Exception as error:  # noqa: BLE001 - the pictures are kept, and the bug is told
            records, decisions, bug = (), (), bug or error
        return PartEnding(
            winner=winner,
            stop=stop,
            attempts=self._attempts.all,
            records=records,
            decisions=decisions,
            verdicts=self._decisions.verdicts,
            prepared_providers=self._part.prepared_providers,
            shut_down=shut_down,
            bug=bug,
        )


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
