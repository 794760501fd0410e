"""The two ports of a store: what is told may be lost, what is kept may not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from attrs import frozen

T = TypeVar("T")
Row = Mapping[str, Any]
PATIENCE = 1.0
"""Seconds a store has for one call; a request must never wait for it longer."""


class StoreAway(Exception):
    """The store does not answer, refuses, or cannot be written; the message says what to do.

    Whether the last transaction took place is not known.
    """


@frozen
class Fact:
    """What one process told: `age` in seconds, by the store's clock."""

    owner: str
    key: str
    value: str
    age: float


class Told(Protocol):
    """What processes tell each other; a driver may lose the last second of it."""

    async def exchange(self, owner: str, facts: Mapping[str, str] | None, *, life: float) -> Sequence[Fact]:
        """Put these facts in place of all that `owner` told before, and read what everybody told and is not over.

        Args:
            owner: who tells; two processes never share a name.
            facts: short texts by key; None: what was told last stands as it is.
            life: seconds for which they hold, by the store's clock.

        Raises:
            StoreAway: it took more than a second, or failed.
        """

    async def aclose(self) -> None:
        """Give back what the driver holds; twice is nothing."""


class Query(Protocol):
    """Runs one statement of a transaction."""

    async def __call__(self, sql: str, /, **values: object) -> list[Row]:
        """Run SQL that SQLite and PostgreSQL both read, with `:name` for each value and `{now}` for the store's clock.

        Gives the rows, of a SELECT or of RETURNING. `{now}` is in seconds since 1970, as a float.
        """


class Kept(Protocol):
    """What processes keep together: transactions that see each other as if one ran after the other."""

    async def transact(self, work: Callable[[Query], Awaitable[T]]) -> T:
        """Run `work` in one transaction and give what it gives; what it raises undoes it.

        A caller that is cancelled leaves at once; the transaction ends as it would have.

        Raises:
            StoreAway: it took more than a second, or failed.
        """

    async def aclose(self) -> None:
        """Give back what the driver holds, after the transaction under way; twice is nothing."""
