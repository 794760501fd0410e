"""What xAI's image models cost and how long they take (upstreams-more, xAI)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pixroute import Capabilities, Latency, Price, Quantiles

SIZE_TOLERANCE = 0.15
"""Its pixels are not documented; the usual 1280x720 of a 16:9 picture is 12 % fewer than the 1024x1024 of its class."""
_SOURCE = "xAI's price list as read by others, November 2026; each answer states its own price, which counts"


def _price(amounts: Mapping[Any, Decimal]) -> Price:
    return Price(amounts=amounts, source=_SOURCE, listed="others", as_of="2026-11")


PRICES: Mapping[str, Price] = {
    "grok-imagine-image-2.0": _price({"1K": Decimal("0.04"), "2K": Decimal("0.06")}),
    "grok-imagine-image-quality": _price({"other": Decimal("0.05")}),
    "grok-imagine-image": _price({"other": Decimal("0.02")}),
}
"""By model; another's is unknown until it is configured."""
LATENCY = Latency(
    table={"1K": Quantiles(9, 20, 40)},
    source="an aggregator's documents, November 2026: about 9 s at 1K; beyond P50 inferred",
)
CAPABILITIES = Capabilities(
    resolutions={"1K", "2K"},
    aspect_ratios={
        *("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "1:2", "2:1", "9:20", "20:9"),
        *("6:13", "13:6"),  # said as 9:19.5 and 19.5:9
    },
    references=3,
    max_images=10,
    size_tolerance=SIZE_TOLERANCE,
)
"""Refused prompts: whether they are billed is not documented."""
