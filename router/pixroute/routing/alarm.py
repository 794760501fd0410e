"""What happens to all requests of a router at once: a breaker that opens, a machine that paused, a loop that lags."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from pixroute import events
from pixroute.health.states import OpenReason, State
from pixroute.routing.run import Run
from pixroute.routing.shared import Shared

log = logging.getLogger("pixroute")

_SILENT = (OpenReason.OVERDUE.value, OpenReason.STALL.value)

POKED_AT_ONCE = 64
"""Requests that plan again in one turn of the loop when a breaker opens: some milliseconds."""


class Alarm:
    """Passes on what concerns every request; `shared` is set once there is one."""

    shared: Shared | None = None

    def breaker_changed(self, event: events.BreakerChanged) -> None:
        """Tell it, and have those plan again whom an opening concerns."""
        fields = {"breaker": event.key, "scope": event.scope, "state": str(event.state), "reason": event.reason}
        log.info("breaker %s: %s (%s)", event.key, event.state, event.reason or "healthy", extra=fields)
        if self.shared is None:
            return
        if self.shared.observers is not None:
            self.shared.observers.emit(event)
        if event.state == State.OPEN.value:
            # Who stands in line for a slot there may go elsewhere; who already waits on a silent upstream be joined.
            silent = event.reason in _SILENT
            self._poke([run for run in self.shared.runs if run.waits_for_slot or (silent and run.in_flight)])

    def paused(self, seconds: float) -> None:
        """Take a pause of the machine off what is in flight."""
        if self.shared is not None:
            log.warning("the machine or its event loop stood still for %.1f s", seconds, extra={"seconds": seconds})
            self.shared.health.leave_out(seconds)
            for run in list(self.shared.runs):
                run.leave_out(seconds)

    def lagged(self, at: float, seconds: float) -> None:
        """Tell that the loop was late."""
        if self.shared is not None and self.shared.observers is not None:
            self.shared.observers.emit(events.LoopLagged(at=at, seconds=seconds))

    def store_changed(self, port: str, state: str, text: str) -> None:
        """Tell, once each time, what befell the store that processes share."""
        log.log(logging.INFO if state == "back" else logging.WARNING, "%s", text, extra={"port": port, "store": state})
        if self.shared is not None and self.shared.observers is not None:
            at = asyncio.get_running_loop().time()
            self.shared.observers.emit(events.StoreChanged(at=at, port=port, state=state, text=text))

    def _poke(self, runs: Sequence[Run]) -> None:
        """Have them plan again, a few in each turn of the loop."""
        for run in runs[:POKED_AT_ONCE]:
            run.poke()
        if len(runs) > POKED_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._poke, runs[POKED_AT_ONCE:])
