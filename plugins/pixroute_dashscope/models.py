"""What DashScope's image models make (upstreams-more, DashScope; limits by its pages as read second hand)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import evolve, field, frozen

from pixroute import Capabilities, Latency, Price

FIXED = ((1328, 1328), (1664, 928), (928, 1664), (1472, 1104), (1104, 1472))
"""All that the first Qwen-Image takes; from memory of its page, so second hand."""
SHAPES = frozenset({"1:1", "16:9", "9:16", "4:3", "3:4"})
_SOURCE = "Alibaba Cloud's price list outside China as read by others, November 2026"


@frozen(kw_only=True)
class DashScopeModel:
    """A family; `is_async`: it is asked by a job alone; `least`: fewest pixels of a picture."""

    capabilities: Capabilities
    is_async: bool = False
    least: int = 0
    price: Price | None = None
    latency: Latency = field(factory=Latency)  # unknown for all


def _price(amount: str) -> Price:
    return Price(amounts={"other": Decimal(amount)}, source=_SOURCE, listed="others", as_of="2026-11")


_QWEN = DashScopeModel(
    capabilities=Capabilities(
        resolutions={"1K", "2K"}, exact_pixels=(512 * 512, 2048 * 2048), references=3, max_images=6
    )
)
_FIRST_QWEN = DashScopeModel(
    capabilities=Capabilities(resolutions={"1K"}, aspect_ratios=SHAPES, exact_sizes=set(FIXED)), is_async=True
)
_WAN = DashScopeModel(
    capabilities=Capabilities(
        resolutions={"1K"}, aspect_ratios=SHAPES, exact_pixels=(1280 * 1280, 1440 * 1440), max_images=4
    ),
    least=1280 * 1280,
)
_OLD_WAN = DashScopeModel(
    capabilities=Capabilities(resolutions={"1K"}, aspect_ratios=SHAPES, sides=(512, 1440), max_images=4), is_async=True
)

MODELS: Mapping[str, DashScopeModel] = {
    "qwen-image-3.0-pro": _QWEN,
    "qwen-image-3.0": evolve(_QWEN, price=_price("0.03")),
    "qwen-image-2.0-pro": evolve(_QWEN, price=_price("0.075")),
    "qwen-image-2.0": evolve(_QWEN, price=_price("0.035")),
    "qwen-image-2": _QWEN,
    "qwen-image-edit": _QWEN,
    "qwen-image": _FIRST_QWEN,
    "wan2.6": _WAN,
    "wan2.5": evolve(_WAN, is_async=True),
    "wan": _OLD_WAN,
}
"""By the beginning of the name; the first that fits. Refused prompts: whether they are billed is not documented."""


def model_of(name: str) -> DashScopeModel:
    """Give what is known of a model; an unknown one is taken for the newest."""
    return next((model for prefix, model in MODELS.items() if name.startswith(prefix)), _QWEN)
