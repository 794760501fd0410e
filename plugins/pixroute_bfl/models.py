"""What FLUX.2 makes, and for how much (docs/provider-types.md)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pixroute import Capabilities, Price

STEP = 16
MOST_PIXELS = 4_194_304
CAPABILITIES = Capabilities(
    resolutions={"1K", "2K"},
    exact_pixels=(64 * 64, MOST_PIXELS),
    sides=(64, 4096),
    multiple_of=STEP,
    output_formats={"png", "jpeg"},
    references=10,
    reference_formats={"png", "jpeg", "webp"},
)
"""Up to four megapixels, sides of 64 and more, divisible by 16: not read in its documents. Times nobody publishes."""

_FIRST_AND_MORE: Mapping[str, tuple[str, str]] = {
    "flux-2-pro": ("0.03", "0.015"),
    "flux-2-max": ("0.07", "0.03"),
    "flux-2-flex": ("0.05", ""),
    "flux-2-klein": ("0.014", ""),
}
"""Dollars for the first megapixel and for each more (empty: unknown), by the beginning of the name."""


def price_of(model: str) -> Price | None:
    """Give the price by class, of a picture without references; each answer tells its own sum, with them."""
    first, more = next((one for name, one in _FIRST_AND_MORE.items() if model.startswith(name)), ("", ""))
    if not first:
        return None
    at_2k = {"2K": Decimal(first) + 3 * Decimal(more)} if more else {}
    return Price(
        amounts={"1K": Decimal(first), **at_2k},  # type: ignore[dict-item]  # names of classes
        source="others' lists of Black Forest Labs' prices, November 2026; each answer tells its own",
        listed="others",
        as_of="2026-11",
    )
