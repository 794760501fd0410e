"""What a request may still spend, shared by its parts; possibly billed attempts count at full price."""

from __future__ import annotations

from decimal import Decimal


class RequestBudget:
    """Money reserved before an attempt starts and given back when it turns out free."""

    __slots__ = ("left",)

    def __init__(self, limit: Decimal | None) -> None:
        self.left = limit

    def reserve(self, price: Decimal | None) -> None:
        """Take the price of an attempt that starts; without a limit nothing is counted."""
        if self.left is not None:
            self.left -= price or 0

    def settle(self, price: Decimal | None, spent: Decimal | None) -> None:
        """Put right what was reserved when it is known what was, or may have been, spent."""
        if self.left is not None:
            self.left += (price or 0) - (spent or 0)


class HedgeBudget:
    """Hedges below P99 that may be drawn: `share` per request, at most one saved up, one at the start."""

    def __init__(self) -> None:
        self._saved = 1.0

    def earn(self, share: float) -> None:
        """Count a request."""
        self._saved = min(1.0, self._saved + share)

    @property
    def can_pay(self) -> bool:
        """Whether one may be drawn."""
        return self._saved >= 1.0 - 1e-9

    def draw(self) -> None:
        """Pay for one."""
        self._saved -= 1.0
