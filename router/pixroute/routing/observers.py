"""Telling observers: one by one, isolated, counted; and asking those that must agree before an attempt starts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from pixroute.events import AnyEvent, AttemptStarted, Observer
from pixroute.http.judging.observation import UNSENT
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage

log = logging.getLogger("pixroute.observers")

SLOW = 1.0
"""Seconds in one observer after which it is named in the log: the whole loop waited for it."""


Gate = Callable[[AttemptStarted], Failure | None]
"""Asked before an attempt is admitted; a failure keeps it from starting."""


def gate_of(observers: Mapping[str, Observer]) -> Gate | None:
    """Give what asks all observers that have a `before_attempt`; None: there are none, and asking costs nothing."""
    asked = {name: ask for name, one in observers.items() if (ask := getattr(one, "before_attempt", None)) is not None}
    if not asked:
        return None

    def gate(event: AttemptStarted) -> Failure | None:
        for name, ask in asked.items():
            try:
                ask(event)
            except KeyboardInterrupt:
                raise  # a person's, not the observer's
            except BaseException as error:  # noqa: BLE001 - whatever it raises, it did not agree
                return _kept_back(name, error)
        return None

    return gate


def _kept_back(name: str, error: BaseException) -> Failure:
    """Say who kept an attempt from starting: it is ours, and passes when the reason does."""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return Failure(
        kind=FailureKind.CONNECT,
        message=f"The attempt was not started: observer {name!r} is required and cannot write its line ({why}).",
        advice=f"Make room for it, or set `required = false`; {UNSENT}.",
        stage=Stage.QUEUED,
        billing=Billing.FREE,
        blame=Blame.OURS,
    )


class Observers:
    """The observers of a router; what one raises is named once in the log, counted, and goes no further."""

    def __init__(self, observers: Mapping[str, Observer], clock: Callable[[], float]) -> None:
        self._observers = dict(observers)
        self._clock = clock
        self.failures: Counter[str] = Counter()
        self.slow: Counter[str] = Counter()

    def emit(self, event: AnyEvent) -> None:
        """Tell everybody."""
        for name, observer in self._observers.items():
            began = self._clock()
            try:
                observer(event)
            except KeyboardInterrupt:
                raise  # a person's, not the observer's
            except BaseException:  # rich answers a closed pipe with SystemExit: that must not end a request
                self.failures[name] += 1
                if self.failures[name] == 1:
                    log.exception("observer %s raised; further failures are only counted", name)
            if (took := self._clock() - began) >= SLOW:
                self.slow[name] += 1
                log.warning("observer %s held the loop for %.1f s", name, took)
