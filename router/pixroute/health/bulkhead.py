"""Slots: how many attempts a provider may have at once in this process (semantics §5)."""

from __future__ import annotations


class Bulkhead:
    """The slots of one provider, `promised` of them to woken waiters.

    Args:
        limit: at most so many at once; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0
        self.promised = 0

    def copied(self) -> Bulkhead:
        """Give a copy."""
        slots = Bulkhead(self.limit)
        slots.used, slots.promised = self.used, self.promised
        return slots

    def room(self, *, promised: bool) -> bool:
        """Tell whether a slot is free, for one to whom it is promised or for anybody."""
        return self.limit is None or self.limit - self.used > self.promised - promised
