"""What each Seedream model makes (upstreams §4.2, §4.3, §4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import evolve, field, frozen

from pixroute import Capabilities, Latency, Price, Quantiles

MOST_PICTURES = 15
"""Pictures given to one call and made by it, together; only a series makes more than one."""
FEWER_REFERENCES = 10
"""Most pictures given to 5.0 pro and flash, wherever they are asked; of the others it depends on where."""
SIZE_TOLERANCE = 0.15
"""The 16:9 preset of 2K has 3.69 million pixels, 12 % fewer than the 2048x2048 of its class."""


@frozen(kw_only=True)
class SeedreamModel:
    """A family of models; `price` is None where unknown, `latency` empty."""

    capabilities: Capabilities
    price: Price | None = None
    latency: Latency = field(factory=Latency)


def _price(amount: str) -> Price:
    source = "BytePlus's price list, the same at APIYI, November 2026"
    return Price(amounts={"other": Decimal(amount)}, source=source, listed="vendor", as_of="2026-11")


_ANY = Capabilities(max_images=MOST_PICTURES, size_tolerance=SIZE_TOLERANCE)
_4_0 = evolve(_ANY, resolutions={"1K", "2K", "4K"}, exact_pixels=(921_600, 16_777_216))
_4_5 = evolve(_ANY, resolutions={"2K", "4K"}, exact_pixels=(3_686_400, 16_777_216))
_5_0 = evolve(_ANY, resolutions={"2K"}, exact_pixels=(3_686_400, 9_437_184), output_formats={"png", "jpeg"})
_5_0_PRO = evolve(
    _5_0, resolutions={"1K", "2K"}, exact_pixels=(921_600, 4_194_304), max_images=1, references=FEWER_REFERENCES
)  # no series
_4_5_LATENCY = Latency(
    table={"2K": Quantiles(11, 17, 25), "4K": Quantiles(18, 27, 40)},
    source="inferred from APIYI's documents, November 2026: 8 to 13 s at 2K, about 18 s at 4K",
)
_5_0_PRO_LATENCY = Latency(
    table={"1K": Quantiles(115, 130, 200), "2K": Quantiles(115, 130, 200)},
    source="APIYI's documents, 2026: 110 to 130 s, whatever the size; P99 inferred",
)
_FLASH_PRICE = Price(
    amounts={"other": Decimal("0.018")},
    source="two resellers' price lists, autumn 2026; its limits are taken for pro's",
    listed="others",
    as_of="2026-11",
)

MODELS: Mapping[str, SeedreamModel] = {
    "seedream-4-0": SeedreamModel(capabilities=_4_0, price=_price("0.03")),
    "seedream-4-5": SeedreamModel(capabilities=_4_5, price=_price("0.04"), latency=_4_5_LATENCY),
    "seedream-5-0-pro": SeedreamModel(capabilities=_5_0_PRO, price=_price("0.12"), latency=_5_0_PRO_LATENCY),
    "seedream-5-0-flash": SeedreamModel(capabilities=_5_0_PRO, price=_FLASH_PRICE),
    "seedream-5-0": SeedreamModel(capabilities=_5_0, price=_price("0.035")),
    "seedream-5": SeedreamModel(capabilities=_5_0),
}
"""By the beginning of the name; the first that fits."""
UNKNOWN = SeedreamModel(capabilities=_4_5)
"""An endpoint's id (`ep-…`) tells no model: the limits are those of 4.5, the default model."""


def model_of(name: str) -> SeedreamModel:
    """Give what is known of a model; Volcengine puts `doubao-` before the name."""
    name = name.removeprefix("doubao-")
    return next((model for prefix, model in MODELS.items() if name.startswith(prefix)), UNKNOWN)
