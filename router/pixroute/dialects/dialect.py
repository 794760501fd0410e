"""How an answer is read: every dialect by the same three functions, so that a provider may choose one by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from pixroute.http.call import Details, Item, Reply
from pixroute.outcome import Failure


class Dialect(Protocol):
    """How an answer is read; the modules of this package are such dialects."""

    def refusal(self, reply: Reply) -> Failure | None:
        """Give why a 2xx answer holds no picture; None where it may hold one, and for every other status."""
        ...

    def pictures(self, reply: Reply) -> Sequence[Item]:
        """Give what was asked for; raises KeyError, IndexError, TypeError or ValueError where there is none."""
        ...

    def details(self, reply: Reply) -> Details:
        """Give what the answer tells beside its pictures."""
        ...
