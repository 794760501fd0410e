"""What an upstream says to a breaker, what the breaker tells other processes, and what it makes of what they say.

Pure; semantics §4, §4.3.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import inf

from pixroute.health.force import Forced
from pixroute.health.merging import NEWER, NOBODY, SICK, Hearsay
from pixroute.health.phases import Phases
from pixroute.health.statement import MOST_FAILURES, Failures, Statement
from pixroute.health.states import OpenReason, State

ENDED_BY_LATE_SUCCESS = frozenset({OpenReason.OVERDUE, OpenReason.STALL, OpenReason.RATE})
STALE = 4.0
"""Seconds after which what time alone has changed is told anew."""
REMEMBERED = 120.0
"""Seconds for which a ramp that has closed is told."""
SLACK = 0.5
"""Seconds by which what was heard must be longer than what is known: told times are that blurred."""


class Hearing(Phases):
    """What a breaker hears and says; see `Breaker`."""

    # -- what the upstream says

    def hint(self, seconds: float, now: float, *, first_hand: bool = True) -> None:
        """Wait for what the provider asked: opens a closed breaker, extends an open one, ends a half-open."""
        self.evaluate(now)
        until = now + min(max(seconds, 1.0), self.policy.max_hint)
        self._hinted_until = max(self._hinted_until, until)
        if first_hand:
            self._hinted_here = max(self._hinted_here, until)
        if self.state is State.HALF_OPEN:
            self._open(self._reason_again, until, now, answered=self._ramp.answered)
        elif self.state is State.CLOSED:
            self._until = until
            self._move(State.OPEN, OpenReason.HINT, now)
        self._until = max(self._until, until)
        self.next_check = self._next()

    def open_now(self, reason: OpenReason, seconds: float, now: float, *, first_hand: bool = True) -> None:
        """Open for one answer that is enough; on an open breaker the longer of the two times names the reason."""
        self.evaluate(now)
        self._by_answer = max(self._by_answer, (now + seconds, reason))
        if first_hand:
            self._by_answer_here = max(self._by_answer_here, (now + seconds, reason))
        if self.state is not State.OPEN or now + seconds > self._until:
            self._open(reason, now + seconds, now, answered=True)

    # -- what other processes are told, and say

    @property
    def is_alone(self) -> bool:
        """Whether nobody else was heard last time."""
        return self._heard_of == NOBODY

    def testify(self, now: float) -> Statement:
        """Say what this process knows at first hand."""
        self.evaluate(now)
        said, live, ramp = self._said, self._in_flight, self._ramp
        closed = self.state is State.CLOSED
        overdue = live.overdue(now, self.policy.overdue_after) if closed and self._silence else 0
        working = live.accepted(-inf, now) if live.live else 0
        mark = (
            self.generation,
            self.state,
            len(live.live),
            overdue,
            working,
            self._evidence.changes,
            self._until,
            self._last_success,
            self.forced,
            ramp.allowed,
            ramp.proven,
            ramp.setbacks,
        )
        if said is None or said[0] != mark or now > said[1] + STALE:
            self._said = said = (mark, now, self._stated(now, overdue, working))
        return said[2]

    def _stated(self, now: float, overdue: int, working: int) -> Statement:
        if self.forced is not None:
            return Statement(success_at=self._last_success)
        live, evidence = self._in_flight, self._evidence
        closed = self.state is State.CLOSED
        told_until, told = self._by_answer_here
        bad, settled = evidence.rate(now - self._window)
        self._usual = live.usual_time() or self._usual
        lately_bad, lately = evidence.since(now - self._usual) if settled and self._silence else (0, 0)
        return Statement(
            state=self.state,
            reason=self.reason,
            closed_at=self._recovered_at if self._recovered_at > now - REMEMBERED else -inf,
            opened_at=-inf if closed else self._opened_at,
            until=self._until,
            doublings=self.doublings(now),
            hinted_until=self._hinted_here if self._hinted_here > now else -inf,
            told=told if told_until > now else None,
            told_until=told_until if told_until > now else -inf,
            in_flight=len(live.live) if closed else 0,
            overdue=overdue,
            working=working,
            youngest_at=live.youngest_accepted(now),
            row=_digests(evidence.row(now - self.policy.failures_within)),
            bad=_digests(evidence.bad(now - self._window)) if bad else (),
            bad_count=bad,
            settled=settled,
            lately_bad=lately_bad,
            lately=lately,
            refused=self._refused,
            answered=self._answered if closed else self._ramp.answered,
            success_at=self._last_success,
            probing=self.probing and self._ramp.allowed == 1,
            proven=self.state is State.HALF_OPEN and self._ramp.proven,
            allowed=self._ramp.allowed if self.state is State.HALF_OPEN else 1,
            setbacks=self._ramp.setbacks,
        )

    def hear(self, heard: Hearsay, now: float) -> None:
        """Take what the others say for what it is worth; with `NOBODY` it is alone."""
        self.evaluate(now)
        new_setback = heard.setbacks > self._heard_of.setbacks
        if heard.processes == 1 and self.state is State.HALF_OPEN:  # each of the others goes on with its part, too
            self._ramp.allowed = max(1, self._ramp.allowed // self._heard_of.processes)
        self._heard_of = heard
        if heard.hinted_until > max(self._hinted_until + SLACK, now):
            self.hint(heard.hinted_until - now, now, first_hand=False)
        if heard.told is not None and heard.told_until > max(self._by_answer[0] + SLACK, now):
            self.open_now(heard.told, heard.told_until - now, now, first_hand=False)
        match self.state:
            case State.CLOSED if heard.sick is not None:
                self._join(heard.sick, heard, now)
            case State.OPEN if self.reason in SICK:
                self._hear_open(heard, now)
            case State.HALF_OPEN if self.reason in SICK:
                self._hear_half_open(heard, now, new_setback=new_setback)
        self.next_check = min(self.next_check, max(now, self._next()))

    # -- what is heard

    def _join(self, reason: OpenReason, heard: Hearsay, now: float) -> None:
        """Open with the others, for as long as they wait; as the first of them as long as ever."""
        if self._forced is Forced.CLOSED:
            return
        answered = heard.answered and reason in (OpenReason.STREAK, OpenReason.RATE)
        if heard.opened_at == -inf:
            lasts = self._backoff.next(self.policy, now, refused=answered and heard.refused)
            self._open(reason, now + lasts * (1 + 0.2 * self._jitter()), now, answered=answered)
            return
        self._backoff.at_least(heard.doublings)
        self._open(reason, max(heard.until, now + NEWER), now, answered=answered)
        self._opened_at = heard.opened_at

    def _hear_open(self, heard: Hearsay, now: float) -> None:
        alive = heard.alive_at > self._opened_at and now >= self._hinted_until
        if alive and (heard.proven or self.reason in ENDED_BY_LATE_SUCCESS):
            self._half_open(now)
            if heard.proven:
                self._ramp.prove()
        elif self._opened_anew(heard, now):
            self._wait_with(heard)

    def _hear_half_open(self, heard: Hearsay, now: float, *, new_setback: bool) -> None:
        if heard.closed_at > self._opened_at:
            self._recovered_at = heard.closed_at
            self._close(now)
        elif heard.proven and heard.alive_at > self._opened_at:
            self._ramp.prove()
            self._keep_step(heard, new_setback=new_setback)
        elif self._opened_anew(heard, now) and not self._ramp.proven and not self._in_flight.live:
            self._open(self.reason, heard.until, now, answered=self._ramp.answered)
            self._wait_with(heard)

    def _opened_anew(self, heard: Hearsay, now: float) -> bool:
        """Tell whether another's probe has failed since this one opened."""
        return heard.until > now and heard.opened_at > self._opened_at + NEWER

    def _wait_with(self, heard: Hearsay) -> None:
        self._backoff.at_least(heard.doublings)
        self._until = max(self._until, heard.until)
        self._opened_at = heard.opened_at

    def _keep_step(self, heard: Hearsay, *, new_setback: bool) -> None:
        """Let the fleet's ramp be one: as far as the furthest is, after a setback as far as the last."""
        if heard.allowed is None:
            return
        least, most = heard.allowed
        if new_setback:
            self._ramp.allowed = max(1, min(self._ramp.allowed, least))
        else:
            self._ramp.allowed = min(max(self._ramp.allowed, most), self.policy.half_open_max)


def _digests(failures: Iterable[tuple[Hashable, float]]) -> Failures:
    return tuple((_digest(request), at) for request, at in list(failures)[-MOST_FAILURES:])


def _digest(request: Hashable) -> str:
    """Give a request's digest; what is told to no other process may be any number."""
    return request.hex() if isinstance(request, bytes) else f"{hash(request) & 0xFFFFFFFFFFFFFFFF:016x}"
