"""A secret that prints as `***` everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable


class Secret:
    """A key, or a way to get one; shown as `***` by str, repr and format.

    The source is asked at each use, so that a changed file or a rotating callable takes effect at once.
    """

    __slots__ = ("_source",)

    def __init__(self, source: str | Callable[[], str]) -> None:
        self._source = source

    def reveal(self) -> str:
        """Give the secret itself; call it only where the wire needs it."""
        return self._source if isinstance(self._source, str) else self._source()

    @property
    def fingerprint(self) -> str:
        """A short digest by which credentials are told apart without being shown."""
        return hashlib.blake2b(self.reveal().encode(), digest_size=6).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled: it would be written in clear")
