"""What an attempt tells of itself, and to whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pixroute.cost import Cost
from pixroute.outcome import Failure

if TYPE_CHECKING:
    from pixroute.routing.attempt import Attempt


class AttemptListener(Protocol):
    """The part that started an attempt; it is told what comes of it."""

    def job(self, attempt: Attempt) -> None:
        """Take note that its provider took a job."""
        ...

    def ended(self, attempt: Attempt) -> None:
        """Take note that it has ended, and is settled."""
        ...

    def corrected(self, attempt: Attempt, was: Cost) -> None:
        """Take note that it cost nothing after all."""
        ...

    def retry_at(self, attempt: Attempt, failure: Failure, now: float) -> float | None:
        """Draw when its provider is asked once more, if it may be."""
        ...
