"""What is known of models at fal; of others, that they are told sides and make 1K."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from pixroute import Capabilities, Price
from pixroute.dialects import gemini
from pixroute_fal.wire import Words


@frozen(kw_only=True)
class FalModel:
    """A family of apps; `price` is None where unknown. Nobody publishes how long they take."""

    capabilities: Capabilities
    words: Words = "sides"
    price: Price | None = None


def _price(**amounts: str) -> Price:
    by_class = {f"{name[-1]}K": Decimal(amount) for name, amount in amounts.items()}
    return Price(
        amounts=by_class,  # type: ignore[arg-type]  # names of classes
        source="litellm's table of prices, November 2026; not read at fal itself",
        listed="others",
        as_of="2026-11",
    )


_FORMATS = frozenset({"png", "jpeg"})
_BANANA = Capabilities(
    resolutions={"1K", "2K", "4K"},
    aspect_ratios=gemini.ASPECT_RATIOS,
    references=gemini.REFERENCES,
    output_formats=_FORMATS,
    max_images=4,
)
_SEEDREAM = Capabilities(
    resolutions={"2K", "4K"},
    exact_pixels=(3_686_400, 16_777_216),
    references=10,
    max_images=6,
    size_tolerance=0.15,
)

MODELS: Mapping[str, FalModel] = {
    "fal-ai/nano-banana-pro": FalModel(capabilities=_BANANA, words="class", price=_price(at_1="0.15", at_2="0.15")),
    "fal-ai/bytedance/seedream/v4": FalModel(capabilities=_SEEDREAM),
    "fal-ai/flux/dev": FalModel(
        capabilities=Capabilities(resolutions={"1K"}, output_formats=_FORMATS, max_images=4), price=_price(at_1="0.025")
    ),
}
"""By the beginning of the app's path; the first that fits. 4K at fal has no known price."""
OTHER = FalModel(capabilities=Capabilities(resolutions={"1K"}, references=1, max_images=4))


def model_of(app: str) -> FalModel:
    """Give what is known of an app."""
    return next((model for prefix, model in MODELS.items() if app.startswith(prefix)), OTHER)
