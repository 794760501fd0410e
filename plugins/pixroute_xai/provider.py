"""xAI's images API."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen

from pixroute import Billing, Capabilities, Failure, FailureKind, HttpProvider, HttpSettings, ImageRequest
from pixroute.dialects import openai_images
from pixroute.http import Call, Details, Item, Reply
from pixroute_xai.models import CAPABILITIES, LATENCY, PRICES
from pixroute_xai.wire import call


@frozen(kw_only=True)
class XAISettings(HttpSettings):
    """Settings of xAI's endpoint.

    Args:
        base_url: up to and including the version.
        model: such as `grok-imagine-image-quality`.
    """

    base_url: str = "https://api.x.ai/v1"
    model: str = "grok-imagine-image"


class XAI(HttpProvider[XAISettings]):
    """Speaks xAI's images API: shapes and classes by words, no exact sizes, no mask."""

    latency = LATENCY
    versions = ("/v1",)
    models_path = "models"

    def __init__(self, name: str, settings: XAISettings) -> None:
        super().__init__(name, settings)
        self.price = PRICES.get(settings.model)

    def capabilities(self) -> Capabilities:
        """Tell what its models make."""
        return CAPABILITIES

    def encode(self, request: ImageRequest) -> Call:
        """Ask by shape and class."""
        return call(request, model=self.settings.model)

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`; of those withheld nobody says whether they are billed."""
        return [_unsure(item) for item in openai_images.pictures(reply)]

    def details(self, reply: Reply) -> Details:
        """Give rewritten prompts and what the answer cost, in its ticks of 1e-10 dollars."""
        return openai_images.details(reply)


def _unsure(item: Item) -> Item:
    if isinstance(item, Failure) and item.kind is FailureKind.MODERATED:
        return evolve(item, billing=Billing.AMBIGUOUS)
    return item
