"""When to stop asking and when to try again (semantics §4): pure; time and jitter come in.

    CLOSED ──evidence, silence, one answer──► OPEN ──`until`, or a late success──► HALF_OPEN ──ramp──► CLOSED
       └──a hint──► OPEN (HINT) ──`until`──► CLOSED            ▲───────a failure or a hung probe───────┘

A *generation* begins whenever the breaker opens, so what was in flight then can neither open nor close it later. A
hint begins none: it is a pause, not a sickness, and what is in flight stays evidence.

Whoever owns a breaker calls `evaluate` at `next_check` at the latest, and `leave_out` when the machine was paused.
"""

from __future__ import annotations

from collections.abc import Hashable
from math import inf

from pixroute.health.backoff import Backoff
from pixroute.health.force import Forced
from pixroute.health.hearing import ENDED_BY_LATE_SUCCESS, Hearing
from pixroute.health.in_flight import REFUSED_WITHIN, AdmissionToken
from pixroute.health.sickness import sickness
from pixroute.health.stall import Survival
from pixroute.health.states import BreakerView, OpenReason, State
from pixroute.latency import Quantiles
from pixroute.outcome import HealthSignal


class Breaker(Hearing):
    """The health of one upstream and resolution, or of one origin.

    Args:
        policy: may be replaced at any time.
        jitter: called for a number in [0, 1) whenever it opens.
        silence: whether overdue calls and stall are evidence; not for an origin, whose window is `policy.window`.
        on_change: called after every change of state or reason, and after every word of an operator.
        heard: gives the time up to which every answer that had arrived is settled; later silence is not judged yet.

    `siblings` are the breakers of the same upstream's other resolutions: one probe speaks for all of them. In
    `on_change`, `changed_at` is when it changed and `by_operator` whether an operator's word did it.
    """

    def view(self, now: float) -> BreakerView:
        """Give its state, after what time alone has changed."""
        places = self.places(now)
        return BreakerView(
            state=self.state,
            reason=self.reason,
            since=self.since,
            until=self.until,
            allowed=self._ramp.allowed if self.state is State.HALF_OPEN else None,
            places=places,
            forced=self.forced,
            forced_until=self._until if self.forced is Forced.OPEN else self._forced_until,
        )

    def flows(self, now: float) -> bool:
        """Tell whether it is closed, nothing is due, throttled or forced: the short answer of nearly every call.

        A look that is due may open it, so it must come before the place is taken: then `admit`, in the same instant,
        finds what `places` has said.
        """
        idle = now < self.next_check and now < self._listening.at
        return idle and self.state is State.CLOSED and self._last_throttle == -inf and self._forced is None

    def throttled(self, now: float) -> bool:
        """Tell whether it asked to wait, or refused for rate within the window and has delivered nothing since."""
        if self.reason is OpenReason.HINT:
            return True
        return self._last_throttle > now - self.policy.window

    # -- what happens to calls

    def admit(
        self, now: float, *, request: str, evidence: Hashable, expected: Quantiles, timeout: float, survival: Survival
    ) -> AdmissionToken:
        """Take a place, which there must be.

        Args:
            now: seconds on the loop's clock.
            request: the id by which overdue calls are counted.
            evidence: the request's fingerprint, by which outcomes are counted.
            expected: the call's usual times.
            timeout: the attempt's time-out in seconds; the rate's window follows it.
            survival: of the call's latency.
        """
        places = self.places(now)
        assert places is None or places > 0, "admitted without a place"
        if not self._in_flight.live:
            self._ramp.wait_from(now)
        self._evidence.withdraw(evidence)
        token = AdmissionToken(request, evidence, self.generation, now, expected, timeout, survival)
        self._in_flight.add(token, live=self.state is State.CLOSED or self._room() > 0)
        if self.state is not State.CLOSED:
            self.next_check = self._next()
        elif self._silence:  # no earlier than this can one more call be overdue; `_advance` looks closer
            self.next_check = min(self.next_check, now + self.policy.overdue_after * expected.p99)
        return token

    def settle(
        self,
        token: AdmissionToken,
        signal: HealthSignal,
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
        if signal is HealthSignal.SUCCESS:
            self._last_success = now
            self._last_throttle = -inf
            self._listening.stalled_since = None
        elif signal is HealthSignal.THROTTLE:
            self._last_throttle = now
        if not current:
            self._settle_late(signal, now)
        elif self.state is State.HALF_OPEN:
            self._settle_probe(token, signal, now)
        elif signal is not HealthSignal.NEUTRAL:
            self._settle_evidence(token, signal, now, hinted=hint is not None, counts_from=counts_from)
        if hint is not None:
            self.hint(hint, now)

    def forget(self, token: AdmissionToken) -> None:
        """Take back an admission as if it had never been; one that was settled is left alone."""
        self._in_flight.forget(token)
        self.next_check = self._next()

    # -- what an operator does

    def force(self, forced: Forced, until: float, now: float) -> None:
        """Do as an operator says, until a time or another word (`pixroute.health.force`)."""
        self.evaluate(now)
        self.by_operator = True
        holds_open, was_held = forced is Forced.OPEN, self.forced is Forced.OPEN
        if self._forced is Forced.CLOSED:
            self._judged_from = now
        self._forced, self._forced_until = (None, inf) if holds_open else (forced, until)
        if holds_open:
            self._until = max(self._kept_until(now)[0], now)
            self._open(OpenReason.FORCED, until, now, answered=True)
        elif forced is Forced.CLOSED or was_held:
            self._clear_up(now)
        else:
            self._tell(now)
        self.next_check = self._next()
        self.by_operator = False

    def release(self, now: float) -> None:
        """End what was forced, as if its time were over."""
        self.evaluate(now)
        self.by_operator = True
        if self.forced is Forced.OPEN and self._kept_until(now)[0] <= now:
            self._half_open(now)
        elif self.forced is Forced.OPEN:
            self._clear_up(now)
        elif self._forced is not None:
            self._end_force(now)
        self.by_operator = False

    def reset(self, now: float) -> None:
        """Begin as new; what is in flight is no evidence any more."""
        self.by_operator = True
        self._forced, self._forced_until = None, inf
        self._hinted_until = self._until = self._last_throttle = -inf
        self._by_answer = (-inf, OpenReason.HINT)
        self._hinted_here, self._by_answer_here = -inf, self._by_answer
        self.generation += 1
        self._in_flight.retire()
        self._evidence.clear()
        self._listening.stalled_since = None
        self._backoff = Backoff()
        self._move(State.CLOSED, None, now)
        self.by_operator = False

    def _clear_up(self, now: float) -> None:
        """Close, unless a hint or one answer still says otherwise."""
        until, reason = self._kept_until(now)
        if until > now:
            self._until = until
            self._move(State.OPEN, reason, now)
        elif self.state is State.CLOSED:
            self._tell(now)
        else:
            self._close(now)

    # -- what an outcome does

    def _settle_late(self, signal: HealthSignal, now: float) -> None:
        opened_wrongly = self.state is State.OPEN and self.reason in ENDED_BY_LATE_SUCCESS
        if signal is HealthSignal.SUCCESS and opened_wrongly and now >= self._hinted_until:
            self._half_open(now)

    def _settle_probe(self, token: AdmissionToken, signal: HealthSignal, now: float) -> None:
        if signal is HealthSignal.SUCCESS:
            self._ramp.prove()
            for each in self.siblings:
                each.revive(now)
            self._double(now)
        elif signal is not HealthSignal.NEUTRAL and (self._ramp.allowed == 1 or not self._ramp.proven):
            self._sicken(self._reason_again, now, token)
        elif signal is not HealthSignal.NEUTRAL:
            self._ramp.halve(len(self._in_flight.live), now)
        self.next_check = max(now, self._next())  # what is left alone may be too old for a probe, from now on

    def _settle_evidence(
        self, token: AdmissionToken, signal: HealthSignal, now: float, *, hinted: bool, counts_from: float | None
    ) -> None:
        if self.state is State.OPEN and (hinted or signal is HealthSignal.THROTTLE):
            return  # a burst refused for one cause: the hint that opened it has said so already
        self._evidence.take_up(now)
        if counts_from is None:
            self._evidence.add(token.evidence, signal, now)
        else:
            self._evidence.suspend(token.evidence, signal, counts_from)
        if signal is HealthSignal.SUCCESS:
            return
        policy = self.policy
        self._refused, self._answered = now - token.started <= REFUSED_WITHIN, token.answered(now)
        self._window = max(policy.window, 2 * token.timeout) if self._silence else policy.window
        if reason := sickness(self._evidence, self._in_flight, token, now, policy=policy, window=self._window):
            self._sicken(reason, now, token)
