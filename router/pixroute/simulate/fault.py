"""What goes wrong, as data: on whom, when, how, how often."""

from __future__ import annotations

from math import inf
from typing import Literal

from attrs import frozen

Kind = Literal["hang", "slow", "overloaded", "throttle", "error", "invalid", "refused", "cut"]


@frozen(kw_only=True)
class SimulatedFault:
    """A fault of a provider, or of an upstream and so of all its providers.

    Args:
        on: a provider's or an upstream's name; "primary" or "fallback": the chain's first or second upstream; "*": all.
        kind: "hang": never answers, not even what is under way · "slow": takes longer · "overloaded": 503 ·
            "throttle": 429 beyond `per_minute` · "error": 500 · "invalid": 200 without a picture, billed ·
            "refused": no connection · "cut": an intermediary ends what takes longer than `after`.
        start, lasts: seconds from the beginning; `lasts` None: to the end.
        every, down: repeats every so many seconds, each time for `down` of them; None: all the time.
        share: of the calls that it strikes.
        after: seconds until the error comes.
        hint: seconds that the answer asks to wait.
        factor: "slow": times as long.
        latency: "slow": P50, P95 and P99 in place of the usual ones, for every resolution.
        per_minute: "throttle": calls allowed.
        bills: "hang": whether the work is done and billed all the same.
        process: the one process whose calls it strikes, as where its own network is broken; None: all.
    """

    on: str
    kind: Kind
    start: float = 0.0
    lasts: float | None = None
    every: float | None = None
    down: float = 0.0
    share: float = 1.0
    after: float = 2.0
    hint: float | None = None
    factor: float = 1.0
    latency: tuple[float, float, float] | None = None
    per_minute: int = 0
    bills: bool = True
    process: int | None = None

    @property
    def end(self) -> float:
        """When it is over for good."""
        return inf if self.lasts is None else self.start + self.lasts

    def strikes(self, *names: str) -> bool:
        """Tell whether it is on one of these."""
        return self.on == "*" or self.on in names

    def hits(self, process: int) -> bool:
        """Tell whether it strikes the calls of a process."""
        return self.process is None or self.process == process

    def active(self, at: float) -> bool:
        """Tell whether it is there at a time."""
        if not self.start <= at < self.end:
            return False
        return self.every is None or (at - self.start) % self.every < self.down
