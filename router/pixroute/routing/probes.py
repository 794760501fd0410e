"""The probes that this process has the right to, and gives back as soon as their question is answered."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from pixroute.shared.ports import StoreAway

if TYPE_CHECKING:
    from pixroute.health.admission import Admission
    from pixroute.shared.leases import Leases


@define
class Probes:
    """Attempts that hold the right to probe.

    A ramp that goes on by time may close before the probe's picture is made: then others of its upstream may be probed.
    """

    leases: Leases
    _under_way: dict[str, Admission] = field(factory=dict, init=False)

    def begin(self, attempt: str, admission: Admission) -> None:
        """Take note that an attempt probes."""
        self._under_way[attempt] = admission

    def end(self, attempt: str) -> None:
        """Take note that it has ended; its lease ends with it."""
        self._under_way.pop(attempt, None)

    async def exchange(self) -> None:
        """Give back the right to probe what is answered; while the store is away, its own time ends it."""
        for attempt in [name for name, admission in self._under_way.items() if not admission.is_probing]:
            self.end(attempt)
            with suppress(StoreAway):
                await self.leases.release(attempt, "probe")
