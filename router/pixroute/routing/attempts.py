"""The attempts of one part of a request: started, fed back as they end, given up; what the planner knows of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from itertools import count
from math import inf

from pixroute.cost import Cost
from pixroute.health.admission import Admission
from pixroute.health.waiting import Waiter
from pixroute.outcome import Billing, Failure, Stage
from pixroute.routing.attempt import Attempt
from pixroute.routing.emitter import Emitter
from pixroute.routing.part import AttemptPlace, RequestPart
from pixroute.routing.record import AttemptRecord
from pixroute.routing.reserve import leave_out, possibly_billed
from pixroute.routing.settle import may_retry_quickly
from pixroute.routing.shared import Shared
from pixroute.routing.view import SLACK, Start, Tried, View


class Attempts:
    """The attempts of one part, in the order in which they began.

    Args:
        shared: what all requests share.
        part: what is asked, and within which limits.
        emitter: told of each.
        on_change: called when one has ended, or turns out to have cost nothing.

    `bug` is what broke in our own code when one ended.
    """

    __slots__ = ("_all", "_emitter", "_numbers", "_on_change", "_part", "_shared", "_untold", "bug", "in_flight")

    def __init__(self, shared: Shared, part: RequestPart, emitter: Emitter, on_change: Callable[[], None]) -> None:
        self.bug: BaseException | None = None
        self._shared = shared
        self._part = part
        self._emitter = emitter
        self._on_change = on_change
        self._all: list[Attempt] = []
        self.in_flight: list[Attempt] = []
        """Those under way, until their end is taken note of."""
        self._untold: dict[Attempt, str | None] = {}
        """Those of which nobody was told yet, and beside whom they stand."""
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def all(self) -> tuple[Attempt, ...]:
        """Every one."""
        return tuple(self._all)

    @property
    def moves(self) -> int:
        """A number that grows with all that comes of those under way."""
        return sum(attempt.moves for attempt in self.in_flight)

    @property
    def winner(self) -> Attempt | None:
        """The first that brought a picture."""
        for attempt in self._all:
            if attempt.ended is not None and attempt.failure is None:
                attempt.won = True
                return attempt
        return None

    def seen(self) -> tuple[Tried, ...]:
        """Give what the planner knows of each now; nobody joins an answer that is coming in."""
        return tuple([_tried(attempt, joins=not attempt.is_answered) for attempt in self._all])

    def records(self) -> tuple[AttemptRecord, ...]:
        """Give each as a value."""
        return tuple([record_of(attempt, self._part.whole.began) for attempt in self._all])

    def leave_out(self, view: View, pause: float) -> None:
        """Take a pause of the machine off those under way."""
        for attempt in tuple(self.in_flight):
            moved = leave_out(view, _tried(attempt), pause)
            attempt.join_at, attempt.join_free_at = moved.join_at, moved.join_free_at
            attempt.leave_out(pause, ends_at=moved.ends_at, deadline=view.deadline)

    def give_up(self, why: str) -> None:
        """End those under way as CANCELLED."""
        for attempt in tuple(self.in_flight):
            attempt.give_up(why)

    def clear(self) -> None:
        """Let go of them, and of who is told: circles would keep pictures until the garbage is collected."""
        self._all.clear()
        self.in_flight.clear()
        self._untold.clear()
        self._on_change = _tell_nobody

    # Starting

    def start(self, start: Start, now: float, *, deadline: float, round_: int, waiter: Waiter | None) -> Attempt:
        """Take all that an attempt needs and tell of it; it has ended already if an observer did not agree.

        Args:
            start: what was decided.
            now: when.
            deadline: the request's.
            round_: counts from 0.
            waiter: whose promised place is taken.
        """
        prepared, part, number = self._part.prepared_providers[start.index], self._part, next(self._numbers)
        attempt = Attempt(
            request_id=f"{part.whole.request_id}-{part.number}.{number}",
            prepared=prepared,
            part=part,
            shared=self._shared,
            listener=self,
            started=now,
            ends_at=start.ends_at,
            deadline=deadline,
            place=AttemptPlace(
                part=part.number,
                number=number,
                round=round_,
                index=start.index,
                retry=start.retry,
                hedge=start.hedge,
            ),
        )
        attempt.join_at, attempt.join_free_at = start.join_at, start.join_free_at
        self._untold[attempt] = self._silent_one(now) if start.hedge else None
        gate = self._shared.gate
        refused = self._emitter.refused(attempt) if gate is None else None
        part.whole.budget.reserve(prepared.candidate.price)
        if refused is None:
            attempt.own(admission := self._admitted(attempt, waiter))
        self._all.append(attempt)  # from here on `give_up` ends it, whatever is raised
        self.in_flight.append(attempt)
        if gate is not None:
            attempt.passage = gate.passage(attempt, admission, partial(self._passed, attempt))
            if attempt.passage is not None:
                return attempt  # it is told once the gate lets it pass
            refused = self._emitter.refused(attempt)
        self._tell(attempt)
        if refused is not None:
            attempt.reached(Stage.QUEUED)
            attempt.end(refused)
        return attempt

    def _passed(self, attempt: Attempt) -> Failure | None:
        """Write down and tell that an attempt begins, now that the gate lets it pass; give why it is not sent."""
        refused = self._emitter.refused(attempt)
        self._tell(attempt)
        return refused

    def _tell(self, attempt: Attempt) -> None:
        self._emitter.begin(attempt, beside=self._untold.pop(attempt))

    def _silent_one(self, now: float) -> str:
        """Name the provider whose attempt is joined, and pay for it where that is not free."""
        live = self.in_flight
        if any(attempt.join_at <= now < attempt.join_free_at - SLACK for attempt in live):
            self._shared.hedge_budget.draw()
        return live[0].prepared.name

    def _admitted(self, attempt: Attempt, waiter: Waiter | None) -> Admission:
        prepared, asked, fleet = attempt.prepared, self._part.whole.asked, self._shared.fleet
        return self._shared.health.admit(
            prepared.keys,
            attempt.started,
            policy=self._part.whole.policy.breaker,
            request=attempt.request_id,
            evidence=asked.fingerprint if fleet is None else fleet.evidence(asked),
            expected=prepared.candidate.expected,
            timeout=prepared.candidate.timeout,
            waiter=waiter,
        )

    # What an attempt tells

    def job(self, attempt: Attempt) -> None:
        """Pass on that its provider took a job."""
        self._emitter.job(attempt)

    def retry_at(self, attempt: Attempt, failure: Failure, now: float) -> float | None:
        """Draw when the same provider is asked once more, if it may be."""
        if attempt.place.retry or attempt.place.round > 0:
            return None
        retry, has_timeout = self._part.whole.policy.retry, self._part.whole.timeout is not None
        if not may_retry_quickly(failure, seconds=now - attempt.started, policy=retry, timeout_given=has_timeout):
            return None
        from backoff import expo  # noqa: PLC0415 - reached when first needed, so that importing pixroute stays cheap

        delays = expo(factor=retry.max_delay)
        next(delays)  # backoff's generators yield None first
        return now + self._shared.random.random() * float(next(delays))

    def ended(self, attempt: Attempt) -> None:
        """Feed an ended attempt back."""
        try:
            self._take_note(attempt)
            self.bug = self.bug or attempt.bug
        except Exception as error:  # noqa: BLE001 - nobody waits for what is raised here: it ends the request
            self.bug = error
        self._on_change()

    def _take_note(self, attempt: Attempt) -> None:
        """Take note of the money, and tell."""
        price = attempt.prepared.candidate.price
        self._part.whole.budget.settle(price, None if attempt.billing is Billing.FREE else price)
        if self._shared.gate is not None:
            self._shared.gate.leave(attempt)
        self.in_flight.remove(attempt)
        if attempt.withdrawn:
            self._all.remove(attempt)
            return
        if attempt in self._untold:
            self._emitter.refused(attempt)
            self._tell(attempt)
        self._emitter.finish(attempt)
        if attempt.retry_at is not None and attempt.ended is not None:
            round_, name = attempt.place.round, attempt.prepared.name
            self._emitter.retry(attempt.ended, self._part.number, name, attempt.retry_at, round_)

    def corrected(self, attempt: Attempt, was: Cost) -> None:
        """Take back what an ended attempt may have cost; its request may be over."""
        if attempt in self._all:
            self._part.whole.budget.settle(attempt.prepared.candidate.price, None)
            self._on_change()
        self._emitter.corrected(attempt, was)


def _tell_nobody() -> None:
    """Do nothing: the part is over."""


def _tried(attempt: Attempt, *, joins: bool = True) -> Tried:
    place, price = attempt.place, attempt.prepared.candidate.price
    failure, live = attempt.failure, attempt.ended is None
    return Tried(
        index=place.index,
        round=place.round,
        started=attempt.started + attempt.paused,
        ends_at=attempt.ends_at,
        join_at=attempt.join_at if joins else inf,
        join_free_at=attempt.join_free_at if joins else inf,
        ended=attempt.ended,
        failure=failure,
        may_be_billed=price != 0 if live else possibly_billed(failure, price),
        retry=place.retry,
        retry_at=attempt.retry_at,
    )


def record_of(attempt: Attempt, began: float) -> AttemptRecord:
    """Give what happened in an attempt so far, as a value; `began` is when its request did."""
    place, ended = attempt.place, attempt.ended
    return AttemptRecord(
        id=attempt.request_id,
        part=place.part,
        number=place.number,
        round=place.round,
        provider=attempt.prepared.name,
        model=attempt.prepared.member.model,
        resolution=attempt.prepared.keys.resolution,
        started=attempt.started - began,
        ended=(asyncio.get_running_loop().time() if ended is None else ended) - began,
        stage=attempt.stage,
        billing=attempt.billing,
        cost=attempt.cost,
        failure=attempt.failure,
        hedge=place.hedge,
        retry=place.retry,
        won=attempt.won,
        provider_request_id=attempt.facts.get("provider_request_id"),
        facts=dict(attempt.facts),
    )
