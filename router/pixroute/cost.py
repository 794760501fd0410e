"""Money: what was spent for certain and what may have been; an unknown amount is None, never 0."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from attrs import frozen


@frozen(kw_only=True)
class Cost:
    """Money spent: `certain` was billed, `possible` may have been; None where a price is unknown, never 0 for it."""

    certain: Decimal | None = Decimal(0)
    possible: Decimal | None = Decimal(0)
    currency: str = "USD"

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            certain=_add(self.certain, other.certain),
            possible=_add(self.possible, other.possible),
            currency=self.currency,
        )

    def less(self, other: Cost) -> Cost:
        """Take away; what is unknown stays so."""
        return Cost(
            certain=_less(self.certain, other.certain),
            possible=_less(self.possible, other.possible),
            currency=self.currency,
        )

    @classmethod
    def total(cls, costs: Iterable[Cost], currency: str = "USD") -> Cost:
        """Add up; unknown anywhere makes that sum unknown."""
        found = list(costs)
        if len(found) == 1 and found[0].currency == currency:
            return found[0]
        return sum(found, start=cls(currency=currency))

    def __str__(self) -> str:
        text = f"{_money(self.certain, self.currency)} certain"
        return text if self.possible == 0 else f"{text} + {_money(self.possible, self.currency)} possible"


def _add(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _less(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one - other


def _money(amount: Decimal | None, currency: str) -> str:
    return "an unknown amount" if amount is None else priced(amount, currency)


def priced(amount: Decimal, currency: str) -> str:
    """Write an amount as people do: `$0.04`, `$3.60`, `$12`, `0.039 EUR`."""
    shown = f"{amount:.2f}" if amount.as_tuple().exponent == -1 else str(amount)
    return f"${shown}" if currency == "USD" else f"{shown} {currency}"
