"""Telling observers: one by one, isolated, counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from pixroute.events import AnyEvent, AttemptStarted, Observer
from pixroute.trace import is_traceparent

log = logging.getLogger("pixroute.observers")

SLOW = 1.0
"""Seconds in one observer after which it is named in the log: the whole loop waited for it."""


class Observers:
    """The observers of a router; what one raises is named once in the log, counted, and goes no further."""

    def __init__(self, observers: Mapping[str, Observer], clock: Callable[[], float]) -> None:
        self._observers = dict(observers)
        self._clock = clock
        self.failures: Counter[str] = Counter()
        self.slow: Counter[str] = Counter()
        self.before: tuple[Callable[[AttemptStarted], None], ...] = tuple(
            agree for one in self._observers.values() if (agree := getattr(one, "before", None)) is not None
        )
        self._tracing: dict[str, Callable[[str], object]] = {
            name: trace for name, one in self._observers.items() if callable(trace := getattr(one, "traceparent", None))
        }

    def emit(self, event: AnyEvent) -> None:
        """Tell everybody; what breaks in telling breaks nothing else."""
        try:
            self._tell(event)
        except Exception:
            log.exception("a bug in pixroute: an event was not told", extra={"event": type(event).__name__})

    def traceparent(self, attempt: str) -> str | None:
        """Ask whoever traces for the W3C header of an attempt's span; the first valid one counts."""
        for name, trace in self._tracing.items():
            try:
                header = trace(attempt)
            except Exception as error:  # noqa: BLE001 - an observer's code may raise anything
                self._failed(name, error)
            else:
                if is_traceparent(header):
                    return str(header)
        return None

    def _tell(self, event: AnyEvent) -> None:
        for name, observer in self._observers.items():
            began = self._clock()
            try:
                observer(event)
            except KeyboardInterrupt:
                raise  # a person's, not the observer's
            except BaseException as error:  # noqa: BLE001 - rich answers a closed pipe with SystemExit
                self._failed(name, error)
            if (took := self._clock() - began) >= SLOW:
                self.slow[name] += 1
                fields = {"observer": name, "seconds": took}
                log.warning("observer %s held the loop for %.1f s", name, took, extra=fields)

    def _failed(self, name: str, error: BaseException) -> None:
        self.failures[name] += 1
        if self.failures[name] == 1:
            text = "observer %s raised; further failures are only counted"
            log.error(text, name, exc_info=error, extra={"observer": name})


def close_observers(observers: Mapping[str, Observer]) -> None:
    """Let those close that have something to close."""
    for name, observer in observers.items():
        close = getattr(observer, "close", None)
        if callable(close):
            try:
                close()
            except Exception:
                log.exception("observer %s raised when it was closed", name, extra={"observer": name})


def observing(observers: Mapping[str, Observer], clock: Callable[[], float]) -> Observers | None:
    """Give what tells them of events; None where nobody observes."""
    return Observers(observers, clock) if observers else None
