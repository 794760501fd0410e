"""An OpenAI-compatible images endpoint."""

from __future__ import annotations

from attrs import frozen

from pixroute import ImageRequest, Latency, Quantiles
from pixroute.dialects import openai_images
from pixroute.dialects.families import OpenAIFamily, OpenAIFamilySettings
from pixroute.http import Call


@frozen(kw_only=True)
class OpenAIImagesSettings(OpenAIFamilySettings):
    """Settings of an OpenAI-compatible endpoint.

    Args:
        base_url: up to and including the version, as OpenAI's own clients take it.
        model: the model as the endpoint calls it.
    """

    base_url: str = "https://api.openai.com/v1"


GPT_LATENCY = Latency(
    table={"1K": Quantiles(15, 40, 90), "2K": Quantiles(30, 80, 150)},
    source="users' reports of 10 to 30 s a picture, 2026; beyond P50 inferred",
)
"""Of the gpt-image family, at medium quality."""


class OpenAIImages(OpenAIFamily[OpenAIImagesSettings]):
    """Speaks OpenAI's images API; its prices are by token, so unknown unless configured."""

    versions = ("/v1", "/api/v1", "/api/v3", "/v1beta")
    models_path = "models"

    def __init__(self, name: str, settings: OpenAIImagesSettings) -> None:
        super().__init__(name, settings)
        if settings.model.startswith(("gpt-image-", "chatgpt-image-")):
            self.latency, self.output_formats, self.max_prompt = GPT_LATENCY, ("png", "jpeg", "webp"), 32_000

    def encode(self, request: ImageRequest) -> Call:
        """Ask without `response_format`, which GPT image models refuse; a format is said to those that take one."""
        return openai_images.call(
            request,
            model=self.settings.model,
            size=self.size_of(request),
            n=request.n,
            output_format=request.output_format if self.output_formats else None,
        )
