"""What `Router.generate` raises.

PixrouteError
├── RequestFailed                 a request ended without a picture; carries record, cost, images
│   ├── AllProvidersFailed        every provider that could be asked failed
│   ├── Moderated                 a provider declined the content
│   ├── InvalidRequest            no provider can serve this request as it stands
│   ├── DeadlineInfeasible        nobody could finish in the time given
│   ├── BudgetExceeded            what may be spent is spent, or nothing fits into it
│   └── InternalError             a bug in pixroute itself
├── ShuttingDown                  the router is closing, or closed before the request could end
├── ConfigError                   a configuration with mistakes, all of them listed
└── PluginError                   a plugin that the configuration needs is broken
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from pixroute.cost import Cost
from pixroute.result import Image

if TYPE_CHECKING:
    from pixroute.routing.record import Record


MOST_TOLD = 100
"""Mistakes of a configuration that its error's text lists; `problems` holds all."""


class PixrouteError(Exception):
    """The root of everything this library raises on purpose."""


class RequestFailed(PixrouteError):
    """A request that ended without an acceptable picture.

    `record` holds every attempt and decision; `cost` what was and what may have been spent; `images` what was paid
    for and not accepted; `retryable` whether the same request may succeed later, `retry_after` the seconds until
    then where known.
    """

    def __init__(
        self,
        message: str,
        *,
        record: Record,
        cost: Cost,
        images: Sequence[Image] = (),
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.record = record
        self.cost = cost
        self.images = tuple(images)
        self.retryable = retryable
        self.retry_after = retry_after


class AllProvidersFailed(RequestFailed):
    """Every provider that could be asked failed."""


class Moderated(RequestFailed):
    """A provider declined the content; another prompt is needed."""


class InvalidRequest(RequestFailed):
    """No provider of the chain can serve this request as it stands."""


class DeadlineInfeasible(RequestFailed):
    """Nobody could finish in the time given."""


class BudgetExceeded(RequestFailed):
    """The request's money limits leave no provider to ask."""


class InternalError(RequestFailed):
    """A bug in pixroute itself ended the request; what broke is its cause (`__cause__`)."""


class ShuttingDown(PixrouteError):
    """The router is closing and takes no new requests, or was closed before this one could end.

    `record` and `cost` tell of a request that had begun what was done and what may be billed; None if nothing had.
    """

    def __init__(self, message: str, *, record: Record | None = None, cost: Cost | None = None) -> None:
        super().__init__(message)
        self.record = record
        self.cost = cost


@frozen
class Problem:
    """One mistake: where it is, what is wrong there, what to do."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class ConfigError(PixrouteError):
    """A configuration with mistakes, all of them in `problems`, each with its path."""

    def __init__(self, problems: Sequence[Problem], *, source: str = "configuration") -> None:
        self.problems = tuple(problems)
        self.source = source
        count = len(self.problems)
        heading = f"{source}: {count:,} problem{'s' if count != 1 else ''}"
        lines = [f"  {problem}" for problem in self.problems[:MOST_TOLD]]
        more = [f"  and {count - MOST_TOLD:,} more"] if count > MOST_TOLD else []
        super().__init__("\n".join([heading, *lines, *more]))


class PluginError(PixrouteError):
    """A plugin that the configuration needs is broken; the text names it and why."""
