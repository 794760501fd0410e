"""What must hold whatever happens (semantics §10), checked from the events alone.

    checker = Invariants(providers=providers)
    async with fake_router(…, observers=[checker]) as router:
        …
        checker.check_end(router.health())

A router swallows what an observer raises, so violations are gathered and raised by `check_end`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from attrs import Factory, define

from pixroute import errors
from pixroute.events import (
    AnyEvent,
    AttemptFinished,
    AttemptStarted,
    BreakerChanged,
    LoopLagged,
    RequestFinished,
    RequestStarted,
    RetryScheduled,
    StoreChanged,
)
from pixroute.health.report import HealthEntry
from pixroute.outcome import Billing, Blame, Stage
from pixroute.provider import Provider
from pixroute.sanitizer import Sanitizer, secrets_of, tried
from pixroute.secret import SHORT

LATE = 0.25
"""Seconds that an end may come after its deadline."""
RAMP_EVERY, RAMP_SHARE = 3.0, 8
MOST_TOLD = 20

_TYPED = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
_ENDS = _TYPED | {"CancelledError"}
_CUT_SHORT = ("overdue", "stall", "rate", "streak")
"""Reasons whose opening a sign of life may end early: a late success, or a sibling's probe that succeeded."""


@define
class _Part:
    """One part of a request: attempts in flight, what may be billed, attempts and retries by provider."""

    billed: int = 0
    rounds: int = 1
    live: dict[str, AttemptStarted] = Factory(dict)
    asked: Counter[str] = Factory(Counter)
    retries: Counter[str] = Factory(Counter)
    paid: set[str] = Factory(set)


@define
class _RequestSeen:
    """A request under way; its parts by number."""

    started: RequestStarted
    parts: dict[int, _Part] = Factory(dict)


@define
class _Gate:
    """A breaker as its events tell it; `live` and `successes` count since it became half-open.

    `since`: when it came to its state. `before`: attempts in flight when it last opened from closed. `lenient`: it was
    observed while half-open, so that nobody knows which of the attempts are probes.
    """

    last: BreakerChanged
    since: float
    before: int = 0
    live: set[str] = Factory(set)
    successes: int = 0
    lenient: bool = False

    @property
    def observed(self) -> bool:
        """Whether an operator lets pass what evidence alone would keep back."""
        told = self.last.state == "open" and self.last.reason not in _CUT_SHORT
        return self.last.forced == "observe" and not told


class Invariants:
    """An observer of one router that knows what must never happen.

    Args:
        max_possibly_billed, max_attempts: as in the policy.
        retry_on_timeout: whether the policy allows another call after one that may be billed.
        providers: as given to the router; without them I7 (nothing is sent to an open breaker) is not checked.
        shared: whether other processes' ramps, which nobody here sees, raise its own: what a half-open breaker may
            admit is then a matter of what all processes tell, and not checked.
    """

    def __init__(
        self,
        *,
        max_possibly_billed: int = 2,
        max_attempts: int = 12,
        retry_on_timeout: bool = False,
        providers: Mapping[str, Provider] | None = None,
        shared: bool = False,
    ) -> None:
        self.violations: list[str] = []
        self.most_possibly_billed = 0
        self._max_possibly_billed = max_possibly_billed
        self._max_attempts = max_attempts
        self._retry_on_timeout = retry_on_timeout
        self._shared = shared
        self._identities = {name: provider.identity for name, provider in (providers or {}).items()}
        self._requests: dict[str, _RequestSeen] = {}
        self._gates: dict[str, _Gate] = {}
        self._in_flight: Counter[str] = Counter()  # by the breakers' keys
        self._passed: dict[str, list[str]] = {}  # by attempt: what is wrong if it is sent
        self._before: AnyEvent | None = None
        secrets = {
            tried(one.reveal) for provider in (providers or {}).values() for one in secrets_of(provider.settings)
        }
        self._sanitizer = Sanitizer(sorted(secret for secret in secrets if len(secret) >= SHORT))

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        self._look_for_secrets(type(event).__name__, event)
        self._take(event)
        self._before = event

    def _take(self, event: AnyEvent) -> None:
        match event:
            case AttemptStarted():
                self._start(event)
            case AttemptFinished():
                self._check_ours(event)
                self._finish(event)
            case RequestStarted():
                self._requests[event.request] = _RequestSeen(event)
            case RequestFinished():
                self._end(event)
            case RetryScheduled():
                self._retry(event)
            case BreakerChanged():
                self._change(event)

    def check_end(self, health: Iterable[HealthEntry] = ()) -> None:
        """Look at what is left when nothing should be: give it `router.health()`.

        Raises:
            AssertionError: an invariant was violated, at any time; the text tells which and when.
        """
        self.violations += [text for wrong in self._passed.values() for text in wrong]  # sent, and still under way
        for name in self._requests:
            self._say("I5", f"request {name} never ended")
        for entry in health:
            self._look_for_secrets("health", entry)
            if entry.in_flight:
                self._say("I3", f"{entry.scope} {entry.key} still has {entry.in_flight} in flight")
        assert not self.violations, "\n".join([f"{len(self.violations)} violations", *self.violations[:MOST_TOLD]])

    def _say(self, invariant: str, text: str) -> None:
        self.violations.append(f"{invariant}: {text}")

    def _look_for_secrets(self, what: str, told: object) -> None:
        if self._sanitizer.holds(repr(told)):
            self._say("I12", f"{what} shows a secret")

    def _check_ours(self, event: AttemptFinished) -> None:
        """A breaker that an attempt opens says so right before the attempt's end does."""
        before, identity = self._before, self._identities.get(event.provider)
        if event.failure is None or event.failure.blame is not Blame.OURS or identity is None:
            return
        opened = isinstance(before, BreakerChanged) and before.state == "open" and before.at == event.at
        key = before.key if opened and isinstance(before, BreakerChanged) else ""
        if key and (key == identity.origin or key.startswith(f"{identity.upstream} ")):
            self._say("I11", f"{event.attempt} failed by our fault and opened {key}")

    # Requests

    def _part(self, request: str, part: int) -> _Part | None:
        known = self._requests.get(request)
        if known is None:
            self._say("I3", f"an event of request {request}, which is not under way")
            return None
        return known.parts.setdefault(part, _Part())

    def _start(self, event: AttemptStarted) -> None:
        part = self._part(event.request, event.part)
        if part is None:
            return
        name, provider = event.attempt, event.provider
        if name in part.live:
            self._say("I3", f"{name} started twice")
        part.live[name] = event
        part.asked[provider] += 1
        if part.asked.total() > self._max_attempts:
            self._say("I2", f"{name} is attempt {part.asked.total()}")
        if part.asked[provider] > part.rounds + part.retries[provider]:
            self._say("I2", f"{name} asks {provider} again, but no retry or round was told")
        if provider in part.paid and not self._retry_on_timeout:
            self._say("I2", f"{name} asks {provider} again after a call that may be billed")
        self._count_billed(part, name)
        self._pass_gates(event)

    def _count_billed(self, part: _Part, name: str) -> None:
        billed = part.billed + sum(_costs(attempt) for attempt in part.live.values())
        self.most_possibly_billed = max(self.most_possibly_billed, billed)
        if billed > self._max_possibly_billed:
            self._say("I1", f"{billed} attempts may be billed as {name} starts")

    def _finish(self, event: AttemptFinished) -> None:
        part = self._part(event.request, event.part)
        started = part.live.pop(event.attempt, None) if part else None
        if part is None or started is None:
            self._say("I3", f"{event.attempt} finished, but was not in flight")
            return
        if event.billing is not Billing.FREE:
            part.billed += 1
            if event.failure is None or not event.failure.other_route:
                part.paid.add(event.provider)
        if event.at > started.ends_at + LATE:
            self._say("I6", f"{event.attempt} ended {event.at - started.ends_at:.2f} s after it should be cut")
        if event.stage is not Stage.QUEUED:  # what never left was sent to nobody: it waited for money or a place
            self.violations += self._passed.pop(event.attempt, ())
        self._passed.pop(event.attempt, None)
        self._in_flight.subtract(self._keys_of(started))
        for gate in self._gates_of(started):
            if event.attempt in gate.live:
                gate.live.discard(event.attempt)
                gate.successes += event.failure is None or event.failure.answered or event.stage >= Stage.VALIDATE

    def _retry(self, event: RetryScheduled) -> None:
        part = self._part(event.request, event.part)
        if part is None:
            return
        if event.provider is None:
            part.rounds += 1
            return
        part.retries[event.provider] += 1
        if part.retries[event.provider] > 1:
            self._say("I2", f"{event.request} retries {event.provider} a second time")

    def _end(self, event: RequestFinished) -> None:
        known = self._requests.pop(event.request, None)
        if known is None:
            self._say("I5", f"request {event.request} ended twice or never began")
            return
        if left := [name for part in known.parts.values() for name in part.live]:
            self._say("I4", f"request {event.request} ended and left {', '.join(left)} in flight")
        if (event.error is None) == (event.provider is None) or (event.error or "CancelledError") not in _ENDS:
            self._say("I5", f"request {event.request} ended as {event.provider} and {event.error}")
        timeout = known.started.timeout
        if timeout is not None and event.seconds > timeout + LATE:
            self._say("I6", f"request {event.request} took {event.seconds:.2f} s of {timeout:.2f}")

    # Breakers

    def _change(self, event: BreakerChanged) -> None:
        gate = self._gates.get(event.key)
        if gate is not None:
            self._check_until(gate.last, event)
            if event.state == gate.last.state == "half-open":  # only an operator's word was said, or is over
                gate.lenient |= gate.observed
                gate.last = event
                return
        opens = event.state == "open" and (gate is None or gate.last.state == "closed")
        self._gates[event.key] = _Gate(
            event, event.at, self._in_flight[event.key] if opens or gate is None else gate.before
        )

    def _check_until(self, before: BreakerChanged, event: BreakerChanged) -> None:
        if event.by_operator or before.state != "open":
            return
        if before.until is None:
            self._say("I8", f"{event.key} was forced open, now {event.state}")
            return
        early_end = event.state == "half-open" and before.reason in _CUT_SHORT
        left = event.until if event.state == "open" else event.at
        if not early_end and left is not None and left < before.until - 0.001:
            self._say("I8", f"{event.key} was open until {before.until:.2f}, now {event.state} at {left:.2f}")

    def _keys_of(self, event: AttemptStarted) -> tuple[str, ...]:
        identity = self._identities.get(event.provider)
        if identity is None:
            return ()
        return (f"{identity.upstream} {event.resolution}", identity.origin or "")

    def _gates_of(self, event: AttemptStarted) -> list[_Gate]:
        return [self._gates[key] for key in self._keys_of(event) if key in self._gates]

    def _pass_gates(self, event: AttemptStarted) -> None:
        self._in_flight.update(self._keys_of(event))
        wrong = self._passed[event.attempt] = []
        for gate in self._gates_of(event):
            if gate.last.state == "open" and gate.observed:
                continue
            if gate.last.state == "open":
                wrong.append(f"I7: {event.attempt} was sent to {gate.last.key}, which is open")
            elif gate.last.state == "half-open":
                gate.live.add(event.attempt)
                # From the first sign of life on an eighth of what was in flight before, doubling by each success and,
                # if answers had opened it, each 3 s; this is the most it can be.
                steps = gate.successes + int((event.at - gate.since + 0.001) // RAMP_EVERY)
                allowed = max(1, gate.before // RAMP_SHARE) * 2**steps
                lenient = self._shared or gate.observed or gate.lenient
                if len(gate.live) > allowed and not lenient:
                    number = len(gate.live)
                    wrong.append(f"I7: {event.attempt} is number {number} in {gate.last.key}, which is half-open")


def _costs(started: AttemptStarted) -> bool:
    return started.price.certain != 0


class Trace:
    """An observer that hashes what happened: the same seed gives the same `digest` (I10)."""

    def __init__(self) -> None:
        self._hash = blake2b(digest_size=16)
        self.events = 0

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        self.events += 1
        self._hash.update(_line(event).encode())

    @property
    def digest(self) -> str:
        """A hexadecimal digest of every event so far."""
        return self._hash.hexdigest()


def _line(event: AnyEvent) -> str:
    match event:
        case BreakerChanged():
            what = f"{event.key} {event.state} {event.reason} {event.until}"
        case AttemptStarted():
            what = f"{event.attempt} {event.provider} {event.ends_at}"
        case AttemptFinished():
            what = f"{event.attempt} {event.stage} {event.billing} {event.failure and event.failure.kind}"
        case RequestFinished():
            what = f"{event.request} {event.provider} {event.error} {event.cost}"
        case LoopLagged():
            what = f"{event.seconds}"
        case StoreChanged():
            what = f"{event.port} {event.state}"
        case _:
            what = event.request
    return f"{type(event).__name__} {event.at} {what}\n"
