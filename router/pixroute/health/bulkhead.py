"""Slots: how many attempts a provider may have at once in this process (semantics §5)."""

from __future__ import annotations


class Bulkhead:
    """The slots of one provider, `promised` of them to woken waiters.

    Args:
        limit: at most so many at once; None for no limit.

    `spare`: places that the fleet was last seen to have left, where `limit` is the fleet's; None: not known to be few.
    """

    def __init__(self, limit: int | None) -> None:
        self.limit = limit
        self.used = 0
        self.promised = 0
        self.spare: int | None = None

    def copied(self) -> Bulkhead:
        """Give a copy."""
        slots = Bulkhead(self.limit)
        slots.used, slots.promised, slots.spare = self.used, self.promised, self.spare
        return slots

    def room(self, *, promised: bool) -> bool:
        """Tell whether a slot is free, for one to whom it is promised or for anybody."""
        if self.limit is None:
            return True
        left = self.limit - self.used
        return (left if self.spare is None else min(left, self.spare)) > self.promised - promised

    def take(self) -> None:
        """Take one."""
        self.used += 1
        if self.spare is not None:
            self.spare -= 1
