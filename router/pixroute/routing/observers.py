"""Telling observers: one by one, isolated, counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping

from pixroute.events import AnyEvent, Observer

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
