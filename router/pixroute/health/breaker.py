"""When to stop asking and when to try again (semantics §4): pure; time and jitter come in.

    CLOSED ──evidence, silence, one answer──► OPEN ──`until`, or a late success──► HALF_OPEN ──ramp──► CLOSED
       └──a hint──► OPEN (HINT) ──`until`──► CLOSED            ▲───────a failure or a hung probe───────┘

A *generation* begins whenever the breaker opens, so what was in flight then can neither open nor close it later. A
hint begins none: it is a pause, not a sickness, and what is in flight stays evidence.

Whoever owns a breaker calls `evaluate` at `next_check` at the latest, and `leave_out` when the machine was paused.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from copy import copy
from math import ceil, inf, log

from pixroute.health.evidence import Evidence
from pixroute.health.in_flight import REFUSED_WITHIN, InFlight, Token
from pixroute.health.stall import Survival
from pixroute.health.states import BreakerView, OpenReason, State
from pixroute.outcome import Verdict
from pixroute.policy import BreakerPolicy
from pixroute.provider import Quantiles

RAMP_EVERY = 3.0
"""Seconds without a failure after which a ramp goes on, where answers had opened: they come in seconds."""
RAMP_SHARE = 8
"""With the first sign of life an eighth of what was in flight before is admitted."""
LISTEN_EVERY = 1.0
"""Seconds between two looks at the likelihood of silence, for each thousand calls in flight: a look asks each."""


_SICK = frozenset({OpenReason.STREAK, OpenReason.RATE, OpenReason.OVERDUE, OpenReason.STALL})
_ENDED_BY_LATE_SUCCESS = frozenset({OpenReason.OVERDUE, OpenReason.STALL, OpenReason.RATE})


class Breaker:
    """The health of one upstream and resolution, or of one origin.

    Args:
        policy: may be replaced at any time.
        jitter: called for a number in [0, 1) whenever it opens.
        silence: whether overdue calls and stall are evidence; not for an origin, whose window is `policy.window`.
        on_change: called after every change of state or reason.
        heard: gives the time up to which every answer that had arrived is settled; later silence is not judged yet.

    `siblings` are the breakers of the same upstream's other resolutions: one probe speaks for all of them.
    """

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
        self.since = -inf
        self.generation = 0
        self.stalled_since: float | None = None
        self.siblings: Sequence[Breaker] = ()
        self._jitter = jitter
        self._silence = silence
        self._on_change = on_change
        self._heard = heard
        self._evidence = Evidence()
        self._in_flight = InFlight()
        self._until = -inf
        self._hinted_until = -inf
        self._allowed = 1
        self._before = 0  # in flight when it opened
        self._doublings = 0
        self._closed_since = -inf
        self._answered = False
        self._proven = False
        self._ramp_from = inf
        self._last_success = -inf
        self._last_throttle = -inf
        self._due = inf
        self._listen_at = -inf if silence else inf

    def copied(self) -> Breaker:
        """Give a copy that time may act on while this one stays as it is; nobody is told of what the copy does."""
        breaker = copy(self)
        own = {"_in_flight": self._in_flight.copied(), "_evidence": self._evidence.copied()}
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
    def probing(self) -> bool:
        """Whether a probe is under way that no other has answered yet."""
        return self.state is State.HALF_OPEN and not self._proven and bool(self._in_flight.live)

    @property
    def next_check(self) -> float:
        """The earliest instant at which time alone can change its state; inf for never."""
        return self._due

    def view(self, now: float) -> BreakerView:
        """Give its state, after what time alone has changed."""
        places = self.places(now)
        return BreakerView(
            state=self.state,
            reason=self.reason,
            since=self.since,
            until=self.until,
            allowed=self._allowed if self.state is State.HALF_OPEN else None,
            places=places,
        )

    def places(self, now: float) -> int | None:
        """Tell how many may be admitted now; None for no limit."""
        self.evaluate(now)
        if self.state is State.CLOSED:
            return None
        if self.state is State.OPEN or (not self._proven and any(each.probing for each in self.siblings)):
            return 0
        return self._allowed - len(self._in_flight.live)

    def flows(self, now: float) -> bool:
        """Tell whether it is closed, nothing is due and nothing throttled: the short answer of nearly every call.

        A look that is due may open it, so it must come before the place is taken: then `admit`, in the same instant,
        finds what `places` has said.
        """
        idle = now < self._due and now < self._listen_at
        return idle and self.state is State.CLOSED and self._last_throttle == -inf

    def throttled(self, now: float) -> bool:
        """Tell whether it asked to wait, or refused for rate within the window and has delivered nothing since."""
        if self.reason is OpenReason.HINT:
            return True
        return self._last_throttle > now - self.policy.window

    def doublings(self, now: float) -> int:
        """Tell how many times the length of its next opening is doubled."""
        return 0 if now - self._closed_since >= self.policy.reset_after else self._doublings

    def admit(
        self, now: float, *, request: str, evidence: Hashable, expected: Quantiles, timeout: float, survival: Survival
    ) -> Token:
        """Take a place, which there must be.

        Args:
            now: seconds on the loop's clock.
            request: the id by which overdue calls are counted.
            evidence: the request's fingerprint, by which outcomes are counted.
            expected: the call's usual times.
            timeout: the attempt's time-out in seconds; the rate's window follows it.
            survival: of the call's latency.
        """
        self.evaluate(now)
        assert self.state is State.CLOSED or (self.places(now) or 0) > 0, "admitted without a place"
        if not self._in_flight.live:
            self._ramp_from = now
        self._evidence.withdraw(evidence)
        token = Token(request, evidence, self.generation, now, expected, timeout, survival)
        self._in_flight.live.add(token)
        if self.state is State.HALF_OPEN:
            self._due = self._next()
        elif self._silence:  # no earlier than this can one more call be overdue; `_advance` looks closer
            self._due = min(self._due, now + self.policy.overdue_after * expected.p99)
        return token

    def settle(
        self,
        token: Token,
        verdict: Verdict,
        now: float,
        *,
        hint: float | None = None,
        counts_from: float | None = None,
    ) -> None:
        """Give the outcome of an admission.

        With `counts_from` a failure is evidence from that time on, and only if the request is not asked again by then;
        until then it is neutral. A probe's failure counts at once: its question was whether a call succeeds.

        Raises:
            KeyError: it was settled before.
        """
        self.evaluate(now)
        current = self._in_flight.remove(token)
        if verdict is Verdict.SUCCESS:
            self._last_success = now
            self._last_throttle = -inf
            self.stalled_since = None
        elif verdict is Verdict.THROTTLE:
            self._last_throttle = now
        if not current:
            self._settle_late(verdict, now)
        elif self.state is State.HALF_OPEN:
            self._settle_probe(token, verdict, now)
        elif verdict is not Verdict.NEUTRAL:
            self._settle_evidence(token, verdict, now, hinted=hint is not None, counts_from=counts_from)
        if hint is not None:
            self.hint(hint, now)

    def forget(self, token: Token) -> None:
        """Take back an admission as if it had never been; one that was settled is left alone."""
        self._in_flight.forget(token)
        self._due = self._next()

    def hint(self, seconds: float, now: float) -> None:
        """Wait for what the provider asked: opens a closed breaker, extends an open one, ends a half-open."""
        self.evaluate(now)
        until = now + min(max(seconds, 1.0), self.policy.max_hint)
        self._hinted_until = max(self._hinted_until, until)
        if self.state is State.HALF_OPEN:
            self._open(self.reason, until, now, answered=self._answered)
        elif self.state is State.CLOSED:
            self._until = until
            self._move(State.OPEN, OpenReason.HINT, now)
        self._until = max(self._until, until)
        self._due = self._next()

    def open_now(self, reason: OpenReason, seconds: float, now: float) -> None:
        """Open for one answer that is enough; on an open breaker the longer of the two times names the reason."""
        self.evaluate(now)
        if self.state is not State.OPEN or now + seconds > self._until:
            self._open(reason, now + seconds, now, answered=True)

    def evaluate(self, now: float) -> None:
        """Let time act: reopening, ramp, overdue calls, stall."""
        if now >= self._due:
            self._advance(now)
        if now >= self._listen_at:
            self._listen(now)

    # -- what an outcome does

    def _settle_late(self, verdict: Verdict, now: float) -> None:
        opened_wrongly = self.state is State.OPEN and self.reason in _ENDED_BY_LATE_SUCCESS
        if verdict is Verdict.SUCCESS and opened_wrongly and now >= self._hinted_until:
            self._half_open(now)

    def _settle_probe(self, token: Token, verdict: Verdict, now: float) -> None:
        if verdict is Verdict.SUCCESS:
            self._prove()
            for each in self.siblings:
                each.revive(now)
            self._double(now)
        elif verdict is not Verdict.NEUTRAL and (self._allowed == 1 or not self._proven):
            self._sicken(self.reason, now, token)
        elif verdict is not Verdict.NEUTRAL:
            self._allowed = max(self._allowed // 2, len(self._in_flight.live), 1)
            self._ramp_from = now
        self._due = max(now, self._next())  # what is left alone may be too old for a probe, from now on

    def revive(self, now: float) -> None:
        """Take a sibling's success for a sign of life; what one answer or a hint had opened stays as it is."""
        self.evaluate(now)
        if self.state is State.OPEN and self.reason in _SICK and now >= self._hinted_until:
            self._half_open(now)
        if self.state is State.HALF_OPEN:
            self._prove()
            self._due = max(now, self._next())

    def reopen(self, until: float, now: float) -> None:
        """Wait for the next probe with a sibling whose own has failed; no doubling, for nothing was asked here."""
        if self.state is State.HALF_OPEN and not self._proven and not self._in_flight.live:
            self._open(self.reason, until, now, answered=self._answered)

    def _settle_evidence(
        self, token: Token, verdict: Verdict, now: float, *, hinted: bool, counts_from: float | None
    ) -> None:
        if self.state is State.OPEN and (hinted or verdict is Verdict.THROTTLE):
            return  # a burst refused for one cause: the hint that opened it has said so already
        self._evidence.take_up(now)
        if counts_from is None:
            self._evidence.add(token.evidence, verdict, now)
        else:
            self._evidence.suspend(token.evidence, verdict, counts_from)
        if verdict is not Verdict.SUCCESS and (reason := self._sickness(token, now)):
            self._sicken(reason, now, token)

    def _sickness(self, token: Token, now: float) -> OpenReason | None:
        """Tell why it should open now.

        Refusals come in seconds, pictures in minutes: after a refusal, what is in flight long enough not to be one
        counts as well. Else a service that starts while a third is refused would at first see nothing but failures.
        """
        policy, refused = self.policy, now - token.started <= REFUSED_WITHIN
        row, first = self._evidence.in_a_row(now - policy.failures_within)
        if row >= policy.max_failures and not (refused and self._in_flight.accepted(first, now)):
            return OpenReason.STREAK
        window = max(policy.window, 2 * token.timeout) if self._silence else policy.window
        bad, settled = self._evidence.rate(now - window)
        if settled < policy.min_requests or bad < policy.failure_rate * settled:
            return None
        settled += self._in_flight.accepted(now - window, now) if refused else 0
        return OpenReason.RATE if bad >= policy.failure_rate * settled else None

    # -- what time does

    def leave_out(self, pause: float) -> None:
        """Take a pause of the machine off the age of everything in flight; the upstream's own clock went on."""
        if self._in_flight:
            self._in_flight.leave_out(pause)
            self._last_success += pause
            self._ramp_from += pause
            self._due = self._next()

    def _advance(self, now: float) -> None:
        heard = self._heard()
        while (at := max(self._due, self._next(heard))) <= now:
            self._step(at, heard)
            self._due = -inf
        self._due = self._next()

    def _step(self, at: float, heard: float) -> None:
        if self.state is State.OPEN and self._until <= at:
            if self.reason is OpenReason.HINT:
                self._move(State.CLOSED, None, at)
            else:
                self._half_open(at)
        elif self._silent_at(heard) <= at:
            self._sicken(OpenReason.OVERDUE, at)
        elif self._ramp_due() <= at:
            self._ramp_from += RAMP_EVERY
            self._allowed = max(self._allowed, self._before // RAMP_SHARE)
            self._double(at)

    def _next(self, heard: float = inf) -> float:
        reopens = self._until if self.state is State.OPEN else inf
        return min(reopens, self._silent_at(heard), self._ramp_due())

    def _silent_at(self, heard: float) -> float:
        at = min(self._overdue_due(), self._probe_due())
        return at if at <= heard else inf

    def _overdue_due(self) -> float:
        if not self._silence:
            return inf
        count = max(self.policy.max_overdue, ceil(self.policy.overdue_share * len(self._in_flight.live)))
        return self._in_flight.overdue_at(count, self.policy.overdue_after)

    def _probe_due(self) -> float:
        probes = self.state is State.HALF_OPEN and self._allowed == 1
        return self._in_flight.slow_at(self.policy.overdue_after) if probes else inf

    def _ramp_due(self) -> float:
        ramps = self.state is State.HALF_OPEN and self._answered and self._in_flight.live
        return self._ramp_from + RAMP_EVERY if ramps else inf

    def _listen(self, now: float) -> None:
        """Open for a silence only when it is still as unlikely a look later.

        After a pause of the machine the answers that had come meanwhile are taken in first.
        """
        self._listen_at = now + LISTEN_EVERY * max(1.0, self.in_flight / 1000)
        if self.policy.stall == "off":
            return
        likelihood = self._in_flight.log_likelihood(self._last_success, now, self.policy.stall_slowdown)
        if likelihood >= log(self.policy.stall_likelihood):
            self.stalled_since = None
        elif self.stalled_since is None:
            self.stalled_since = now
            self._due = min(self._due, self._listen_at)
        elif self.policy.stall == "open":
            self._sicken(OpenReason.STALL, now)

    # -- the states

    def _sicken(self, reason: OpenReason | None, at: float, token: Token | None = None) -> None:
        """Open for evidence: an answer, or without a token a silence."""
        policy, probed = self.policy, self.state is State.HALF_OPEN and not self._proven
        refused = token is not None and at - token.started <= REFUSED_WITHIN
        longest = min(policy.max_open, policy.max_open_refused) if refused else policy.max_open
        self._doublings = self.doublings(at)
        lasts = min(policy.open_for * 2.0**self._doublings, longest)
        if lasts < longest:
            self._doublings += 1
        answered = token is not None and token.answered(at)
        self._open(reason, at + lasts * (1 + 0.2 * self._jitter()), at, answered=answered)
        for each in self.siblings if probed else ():
            each.reopen(self._until, at)

    def _open(self, reason: OpenReason | None, until: float, at: float, *, answered: bool) -> None:
        self.generation += 1
        if self.state is State.CLOSED:
            self._before = len(self._in_flight)
        self._in_flight.retire()
        self._evidence.clear()
        self.stalled_since = None
        self._closed_since = inf
        self._answered = answered
        self._until = max(self._until, until)
        self._move(State.OPEN, reason, at)

    def _half_open(self, at: float) -> None:
        self._allowed, self._proven = 1, False
        self._move(State.HALF_OPEN, self.reason, at)

    def _prove(self) -> None:
        if not self._proven:
            self._proven = True
            self._allowed = max(self._allowed, self._before // RAMP_SHARE)

    def _double(self, at: float) -> None:
        self._allowed *= 2
        if self._allowed >= self.policy.half_open_max:
            self._closed_since = at
            self._move(State.CLOSED, None, at)

    def _move(self, state: State, reason: OpenReason | None, at: float) -> None:
        self.state, self.reason, self.since = state, reason, at
        if state is not State.OPEN:
            self._until = -inf
        self._due = self._next()
        self._on_change()


def _tell_nobody() -> None:
    """Say nothing."""
