"""What is seen of an attempt that ends without an answer, and what is made of it: values for `diagnosis`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from pixroute.latency import Quantiles
from pixroute.outcome import Stage

UNSENT = "nothing was sent, nothing is billed"
MAYBE_BILLED = "the picture may still be made, and billed"

WHILE: Mapping[Stage, str] = MappingProxyType(
    {
        Stage.QUEUED: "while it waited for its turn",
        Stage.CONNECT: "while it was connecting",
        Stage.SEND: "while the request was being sent",
        Stage.WAIT: "while it waited for the answer",
        Stage.BODY: "while the answer was coming in",
        Stage.VALIDATE: "while the picture was being checked",
        Stage.DONE: "when all was done",
    }
)
"""What an attempt was doing, after a comma."""


@frozen(kw_only=True)
class Observation:
    """What was seen of an attempt that ended without an answer.

    Args:
        stage: how far it had come.
        elapsed: seconds since the attempt began.
        idle: seconds since a byte last moved, where known.
        received: bytes of the answer's body.
        announced: bytes its headers promised.
        errno: the system's number of the error; negative where a name could not be resolved.
        clean_end: the other side closed (FIN) rather than reset (RST).
        time_out: seconds the attempt was given.
        by_deadline: these were cut short by the caller's deadline.
        expected: how long the provider usually takes.
        plaintext: the connection was not encrypted.
        large_upload: the request was larger than 1 MB.
        detail: the error's own words.
    """

    stage: Stage
    elapsed: float
    idle: float | None = None
    received: int = 0
    announced: int | None = None
    errno: int | None = None
    clean_end: bool = False
    time_out: float | None = None
    by_deadline: bool = False
    expected: Quantiles | None = None
    plaintext: bool = False
    large_upload: bool = False
    detail: str = ""

    @property
    def silence(self) -> float:
        """Seconds without a byte, as far as known."""
        return self.elapsed if self.idle is None else self.idle

    @property
    def out_of_time(self) -> bool:
        """Whether the attempt used up the time it was given."""
        return self.time_out is not None and self.elapsed >= 0.99 * self.time_out

    @property
    def sent(self) -> bool:
        """Whether anything of the request may have left."""
        return self.stage >= Stage.SEND


@frozen
class Diagnosis:
    """What happened, and what to change: a sentence each, without its full stop until `diagnose` has added it."""

    message: str
    advice: str


def spell(seconds: float) -> str:
    """Write seconds for a person: `60 s`, `2.5 s`, `0.03 s`."""
    return f"{round(seconds, 1 if seconds >= 1 else 2):g} s"
