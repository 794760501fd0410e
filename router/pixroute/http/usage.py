"""What an answer says of tokens and money, in whatever names."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

_TOKENS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "input_tokens": (("input_tokens",), ("prompt_tokens",), ("promptTokenCount",), ("prompt_token_count",)),
        "output_tokens": (
            ("output_tokens",),
            ("completion_tokens",),
            ("candidatesTokenCount", "thoughtsTokenCount"),  # thoughts are billed as what comes out
            ("candidates_token_count", "thoughts_token_count"),
        ),
        "total_tokens": (("total_tokens",), ("totalTokenCount",), ("total_token_count",)),
    }
)
"""The names of a result, and whose sum they are: the first list of which anything is there."""
_PRICES = ("cost", "total_cost", "credits", "credits_used", "cost_in_credits", "price")


def one_shape(usage: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Give usage with `input_tokens`, `output_tokens` and `total_tokens`, where they are told, beside all it says."""
    if usage is None:
        return None
    counted = {name: count for name, ways in _TOKENS.items() if (count := _count(usage, ways)) is not None}
    if "total_tokens" not in counted and len(counted) == 2:
        counted["total_tokens"] = sum(counted.values())
    return {**usage, **counted}


def stated_price(document: Any) -> Decimal | None:
    """Give a price that the answer names, in a unit that nothing here says."""
    for place in (document.get("usage"), document) if isinstance(document, dict) else ():
        if isinstance(place, dict):
            for name in _PRICES:
                if name in place and (amount := amount_of(place[name])) is not None:
                    return amount
    return None


def amount_of(value: Any) -> Decimal | None:
    """Read an amount of money: a number or its text, not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _count(usage: Mapping[str, Any], ways: tuple[tuple[str, ...], ...]) -> int | None:
    for names in ways:
        counts: list[int] = [usage[name] for name in names if type(usage.get(name)) is int]
        if counts:
            return sum(counts)
    return None
