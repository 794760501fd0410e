"""OpenRouter's images API."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from pixroute import Billing, Capabilities, HttpProvider, HttpSettings, ImageRequest, Latency, Quantiles
from pixroute.dialects import gemini, openai_images
from pixroute.http import Call, Details, Item, Reply, amount_of
from pixroute_openrouter.wire import call

BANANA_LATENCY = Latency(
    table={"1K": Quantiles(45, 90, 150), "2K": Quantiles(65, 120, 180), "4K": Quantiles(120, 170, 250)},
    source="an aggregator's guide to Nano Banana Pro, January 2026; not measured at OpenRouter",
)
BANANA = Capabilities(
    resolutions={"1K", "2K", "4K"},
    aspect_ratios=gemini.ASPECT_RATIOS,
    references=gemini.REFERENCES,
)
LITE = evolve(BANANA, resolutions={"1K"})
OTHER = evolve(BANANA, references=1)
"""Of other makers' models nothing is known here but that they are asked in the same words."""


@frozen(kw_only=True)
class OpenRouterSettings(HttpSettings):
    """Settings of OpenRouter.

    Args:
        base_url: up to and including the version.
        model: maker and model, as `google/gemini-3-pro-image`.
    """

    base_url: str = "https://openrouter.ai/api/v1"
    model: str = "google/gemini-3-pro-image"


class OpenRouter(HttpProvider[OpenRouterSettings]):
    """Speaks `/images`; a price is not kept here, for each answer says what it cost.

    It asks several hosts of a model by itself, so one call that fails may be billed, and more than once.
    """

    server_errors = Billing.AMBIGUOUS
    versions = ("/api/v1",)
    models_path = "key"  # its list of models is public; what it tells of a key is free, and refused to a wrong one

    def __init__(self, name: str, settings: OpenRouterSettings) -> None:
        super().__init__(name, settings)
        if "gemini-3-pro" in settings.model:
            self.latency = BANANA_LATENCY

    def capabilities(self) -> Capabilities:
        """Tell what the model's name says."""
        if "gemini" not in self.settings.model:
            return OTHER
        return LITE if "-lite-" in self.settings.model else BANANA

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return call(request, model=self.settings.model)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give the usage, its exact cost in dollars, and who made the picture."""
        usage = reply.json["usage"]
        return Details(usage=usage, cost=amount_of(usage["cost"]), served_by=reply.headers.get("x-provider-name"))
