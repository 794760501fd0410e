"""Stability AI's v2beta API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from attrs import evolve, frozen

from pixroute import Billing, Capabilities, Failure, HttpProvider, HttpSettings, ImageRequest, Price
from pixroute.http import Call, Item, Reply
from pixroute_stability.wire import ASPECT_RATIOS, call, filtered

_PRICES: Mapping[str, str] = {"ultra": "0.08", "core": "0.03", "sd3.5-large": "0.065", "sd3.5-medium": "0.035"}
_SOURCE = "litellm's table of prices, November 2026; not read at Stability itself"
_CAPABILITIES = Capabilities(
    resolutions={"1K"},
    aspect_ratios=ASPECT_RATIOS,
    output_formats={"png", "jpeg", "webp"},
    references=1,
    reference_formats={"png", "jpeg", "webp"},
    max_prompt=10_000,
)


@frozen(kw_only=True)
class StabilitySettings(HttpSettings):
    """Settings of Stability AI.

    Args:
        base_url: up to and including the version.
        model: `ultra`, `core`, or a model of the sd3 route such as `sd3.5-large`.
        answer: "image" takes the picture as the whole body, a third smaller; "json" in base64.
        strength: how far a picture may go from its reference, 0 (not at all) to 1.
    """

    base_url: str = "https://api.stability.ai/v2beta"
    model: str = "core"
    answer: Literal["image", "json"] = "image"
    strength: float = 0.6


class Stability(HttpProvider[StabilitySettings]):
    """Sends forms, and takes bytes or JSON. An error for its content is said not to be charged."""

    server_errors = Billing.AMBIGUOUS
    versions = ("/v2beta",)

    def __init__(self, name: str, settings: StabilitySettings) -> None:
        super().__init__(name, settings)
        if amount := _PRICES.get(settings.model):
            self.price = Price(amounts={"1K": Decimal(amount)}, source=_SOURCE, listed="others", as_of="2026-11")

    def capabilities(self) -> Capabilities:
        """Tell what the models have in common; `core` takes no reference pictures."""
        return _CORE if self.settings.model == "core" else _CAPABILITIES

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape, in a form."""
        settings = self.settings
        return call(request, model=settings.model, answer=settings.answer, strength=settings.strength)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the base64 of a JSON answer."""
        return [reply.json["image"]]

    def classify(self, reply: Reply) -> Failure | None:
        """Find CONTENT_FILTERED under 200, in the document or in a header: the picture beside it is blurred."""
        return filtered(reply, who=self.name)


_CORE = evolve(_CAPABILITIES, references=0)
