"""The states of a breaker and what time does to them (semantics §4): pure; time and jitter come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from math import ceil, inf
from typing import Self

from pixroute.health.backoff import Backoff
from pixroute.health.evidence import BreakerEvidence
from pixroute.health.force import Forced
from pixroute.health.in_flight import REFUSED_WITHIN, AdmissionToken, InFlight
from pixroute.health.listening import Listening
from pixroute.health.merging import NOBODY, SICK, Hearsay, overdue_needed
from pixroute.health.ramp import Ramp
from pixroute.health.statement import Statement
from pixroute.health.states import OpenReason, State
from pixroute.policy import BreakerPolicy

LOOKS_AGAIN = 1.0
"""Seconds after which overdue calls that were too few beside the successes are looked at again."""


class Phases:
    """What a breaker is from one instant to the next, without what is said to it; see `Breaker`."""

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        jitter: Callable[[], float],
        silence: bool = True,
        on_change: Callable[[], None] = lambda: None,
        heard: Callable[[], float] = lambda: inf,
    ) -> None:
        self.policy = policy
        self.state = State.CLOSED
        self.reason: OpenReason | None = None
        self.since = self.changed_at = -inf
        self.by_operator = False
        self.generation = 0
        self.siblings: Sequence[Phases] = ()
        self._jitter = jitter
        self._silence = silence
        self._on_change = on_change
        self._heard = heard
        self._evidence = BreakerEvidence()
        self._in_flight = InFlight()
        self._ramp = Ramp()
        self._backoff = Backoff()
        self._listening = Listening(ever=silence)
        self._forced: Forced | None = None
        self._forced_until = inf
        self._until = self._hinted_until = -inf
        self._by_answer: tuple[float, OpenReason] = (-inf, OpenReason.HINT)  # by one answer: until when, why
        self._hinted_here, self._by_answer_here = self._hinted_until, self._by_answer  # what no other process has told
        self._heard_of: Hearsay = NOBODY
        self._said: tuple[object, float, Statement] | None = None
        self._opened_at = self._recovered_at = -inf
        self._refused = self._answered = False
        self._usual = 0.0
        self._window = policy.window
        self._judged_from = self._spared_until = self._last_success = self._last_throttle = -inf
        self.next_check = inf
        """The earliest instant at which time alone can change its state; inf for never."""

    def copied(self) -> Self:
        """Give a copy that time may act on while this one stays as it is; nobody is told of what the copy does."""
        breaker = copy(self)
        parts = {name: copy(vars(self)[name]) for name in ("_ramp", "_backoff", "_listening")}
        own = {"_in_flight": self._in_flight.copied(), "_evidence": self._evidence.copied(), **parts}
        vars(breaker).update(own, _jitter=float, _on_change=_tell_nobody)
        return breaker

    @property
    def in_flight(self) -> int:
        """Admissions not yet settled, of any generation."""
        return len(self._in_flight)

    @property
    def watching(self) -> bool:
        """Whether something in flight may still open it."""
        return bool(self._in_flight.live)

    @property
    def until(self) -> float | None:
        """When it stops being open; None if it is not open."""
        return self._until if self.state is State.OPEN else None

    @property
    def stalled_since(self) -> float | None:
        """Since when a silence has been less likely than the policy's limit."""
        return self._listening.stalled_since

    @property
    def forced(self) -> Forced | None:
        """What an operator has said and still holds."""
        held_open = self.state is State.OPEN and self.reason is OpenReason.FORCED
        return Forced.OPEN if held_open else self._forced

    @property
    def probing(self) -> bool:
        """Whether a probe is under way that no other has answered yet."""
        return self.state is State.HALF_OPEN and not self._ramp.proven and bool(self._in_flight.live)

    @property
    def is_probed_first(self) -> bool:
        """Whether an admission now is the one probe that speaks for all."""
        first = self.state is State.HALF_OPEN and self._ramp.allowed == 1 and not self._ramp.proven
        return first and self._forced is not Forced.OBSERVE

    def doublings(self, now: float) -> int:
        """Tell how many times the length of its next opening is doubled."""
        return self._backoff.doublings(self.policy, now)

    def places(self, now: float) -> int | None:
        """Tell how many may be admitted now; None for no limit."""
        self.evaluate(now)
        if self.state is State.CLOSED or (self._forced is Forced.OBSERVE and not self._is_kept_open(now)):
            return None
        return self._room()

    def refuses_all(self, now: float) -> bool:
        """Tell whether it is open, also for those who had a place before."""
        return self.places(now) is not None and self.state is State.OPEN

    def evaluate(self, now: float) -> None:
        """Let time act: reopening, ramp, overdue calls, stall, the end of what was forced."""
        if now >= self.next_check:
            self._advance(now)
        if now >= self._listening.at:
            self._listen(now)

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off the age of everything in flight; the upstream's own clock went on."""
        if self._in_flight:
            self._in_flight.leave_out(pause)
            self._last_success += pause
            self._ramp.leave_out(pause)
            self.next_check = self._next()

    # -- what a sibling's probe does

    def revive(self, now: float) -> None:
        """Take a sibling's success for a sign of life; what one answer or a hint had opened stays as it is."""
        self.evaluate(now)
        if self.state is State.OPEN and self.reason in SICK and now >= self._hinted_until:
            self._half_open(now)
        if self.state is State.HALF_OPEN:
            self._ramp.prove()
            self.next_check = max(now, self._next())

    def reopen(self, until: float, now: float) -> None:
        """Wait for the next probe with a sibling whose own has failed; no doubling, for nothing was asked here."""
        if self.state is State.HALF_OPEN and not self._ramp.proven and not self._in_flight.live:
            self._open(self._reason_again, until, now, answered=self._ramp.answered)

    # -- what time does

    def _listen(self, now: float) -> None:
        before = self._listening.stalled_since
        if self._listening.look(self._in_flight, self._last_success, now, self.policy):
            if self.policy.stall == "open":
                self._sicken(OpenReason.STALL, now)
        elif before is None and self._listening.stalled_since is not None:
            self.next_check = min(self.next_check, self._listening.at)

    def _advance(self, now: float) -> None:
        heard = self._heard()
        while (at := max(self.next_check, self._next(heard))) <= now:
            self._step(at, heard)
            self.next_check = -inf
        self.next_check = self._next()

    def _step(self, at: float, heard: float) -> None:
        if self._forced_until <= at:
            self._end_force(at)
        elif self.state is State.OPEN and self._until <= at:
            if self.reason is OpenReason.HINT:
                self._move(State.CLOSED, None, at)
            else:
                self._half_open(at)
        elif self._silent_at(heard) <= at:
            if self._probe_due() <= at or self._overdue_weigh(at):
                self._sicken(OpenReason.OVERDUE, at)
            else:
                self._spared_until = at + LOOKS_AGAIN
        elif self._ramp_due() <= at:
            self._ramp.go_on()
            self._double(at)

    def _next(self, heard: float = inf) -> float:
        reopens = self._until if self.state is State.OPEN else inf
        return min(reopens, self._silent_at(heard), self._ramp_due(), self._forced_until)

    def _silent_at(self, heard: float) -> float:
        if self._forced is Forced.CLOSED:
            return inf
        at = max(self._judged_from, min(self._overdue_due(), self._probe_due()))
        return at if at <= heard else inf

    def _overdue_due(self) -> float:
        if not self._silence:
            return inf
        return max(self._spared_until, self._in_flight.overdue_at(self._overdue_needed(), self.policy.overdue_after))

    def _overdue_weigh(self, at: float) -> bool:
        """Tell whether what is overdue, and what failed lately, is enough beside what succeeded: no slow spell."""
        overdue, window = self._in_flight.overdue_lately(at, self.policy.overdue_after)
        bad, settled = self._evidence.since(at - window)
        return overdue + bad >= self.policy.overdue_rate * (overdue + settled)

    def _overdue_needed(self) -> int:
        """Tell how many must be overdue: a share of the whole fleet's calls, but a third here is enough."""
        own = len(self._in_flight.live)
        needed = overdue_needed(self.policy, own)
        if self._heard_of.in_flight <= own:
            return needed
        return max(needed, min(overdue_needed(self.policy, self._heard_of.in_flight), ceil(own / 3)))

    def _probe_due(self) -> float:
        probes = self.state is State.HALF_OPEN and self._ramp.allowed == 1
        return self._in_flight.slow_at(self.policy.overdue_after) if probes else inf

    def _ramp_due(self) -> float:
        return self._ramp.due if self.state is State.HALF_OPEN and self._in_flight.live else inf

    def _end_force(self, at: float) -> None:
        """Judge again; what was overdue meanwhile is so from now on."""
        self._forced, self._forced_until, self._judged_from = None, inf, at
        self.next_check = self._next()
        self._tell(at)

    # -- what keeps it

    def _kept_until(self, now: float) -> tuple[float, OpenReason]:
        """Give until when a hint or one answer keeps it, and which; (now, …) at least."""
        return max((now, OpenReason.HINT), (self._hinted_until, OpenReason.HINT), self._by_answer)

    def _is_kept_open(self, now: float) -> bool:
        """Tell whether more than evidence keeps it open."""
        sick = self.reason in SICK and self._kept_until(now)[0] <= now
        return self.state is State.OPEN and not sick

    @property
    def _reason_again(self) -> OpenReason | None:
        """Why a half-open one opens again: why it had opened; what an operator had forced, its probe has failed."""
        return OpenReason.STREAK if self.reason is OpenReason.FORCED else self.reason

    # -- the states

    def _room(self) -> int:
        """Tell how many may be admitted while it is not closed."""
        if self.state is State.OPEN or (not self._ramp.proven and self._is_probed_elsewhere()):
            return 0
        allowed = self._ramp.allowed
        if self._heard_of.processes > 1 and self._ramp.proven:
            allowed = max(1, allowed // self._heard_of.processes)
        return allowed - len(self._in_flight.live)

    def _is_probed_elsewhere(self) -> bool:
        return self._heard_of.probing or any(each.probing for each in self.siblings)

    def _sicken(self, reason: OpenReason | None, at: float, token: AdmissionToken | None = None) -> None:
        """Open for evidence, an answer or without a token a silence, unless an operator has said otherwise."""
        if self._forced is Forced.CLOSED:
            return
        probed = self.state is State.HALF_OPEN and not self._ramp.proven
        refused = token is not None and at - token.started <= REFUSED_WITHIN
        lasts = self._backoff.next(self.policy, at, refused=refused)
        answered = token is not None and token.answered(at)
        self._open(reason, at + lasts * (1 + 0.2 * self._jitter()), at, answered=answered)
        for each in self.siblings if probed else ():
            each.reopen(self._until, at)

    def _open(self, reason: OpenReason | None, until: float, at: float, *, answered: bool) -> None:
        self.generation += 1
        self._opened_at = at
        if self.state is State.CLOSED:
            self._ramp.before = max(len(self._in_flight), self._heard_of.in_flight)
        self._in_flight.retire()
        self._evidence.clear()
        self._listening.stalled_since = None
        self._backoff.opened()
        self._ramp.answered = answered
        self._until = max(self._until, until)
        self._move(State.OPEN, reason, at)

    def _half_open(self, at: float) -> None:
        if self._forced is Forced.CLOSED:
            self._close(at)
        else:
            self._ramp.begin()
            self._move(State.HALF_OPEN, self.reason, at)

    def _double(self, at: float) -> None:
        self._ramp.double()
        if self._ramp.allowed >= self.policy.half_open_max:
            self._recovered_at = at
            self._close(at)

    def _close(self, at: float) -> None:
        self._backoff.closed(at)
        self._move(State.CLOSED, None, at)

    def _move(self, state: State, reason: OpenReason | None, at: float) -> None:
        self.state, self.reason, self.since = state, reason, at
        if state is not State.OPEN:
            self._until = -inf
        self.next_check = self._next()
        self._tell(at)

    def _tell(self, at: float) -> None:
        self.changed_at = at
        self._on_change()


def _tell_nobody() -> None:
    """Say nothing."""
