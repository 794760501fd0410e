"""An OpenAI-compatible images endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from attrs import Factory, field, frozen

from pixroute import Capabilities, HttpProvider, HttpSettings, ImageRequest, Latency, Quantiles, Size
from pixroute.dialects import openai_images
from pixroute.dialects.openai_sizes import LARGEST_PIXELS, exact, said_size, shape_of, sizes_of
from pixroute.http import Call, Details, Item, Reply


def _sizes_of(settings: OpenAIImagesSettings) -> tuple[str, ...]:
    return sizes_of(str(settings.model))


@frozen(kw_only=True)
class OpenAIImagesSettings(HttpSettings):
    """Settings of an OpenAI-compatible endpoint.

    Args:
        base_url: up to and including the version, as OpenAI's own clients take it.
        model: the model as the endpoint calls it.
        sizes: the only sizes it takes, such as `["1024x1024", "1536x1024"]`. Default: what OpenAI documents for the
            gpt-image-1 family; for any other model empty, which means gpt-image-2's rule: any size up to
            3840x2160 pixels whose sides are divisible by 16, in shapes from 1:3 to 3:1.
    """

    base_url: str = "https://api.openai.com/v1"
    model: str = "gpt-image-2"
    sizes: tuple[str, ...] = field(default=Factory(_sizes_of, takes_self=True), validator=exact)


GPT_LATENCY = Latency(
    table={"1K": Quantiles(15, 40, 90), "2K": Quantiles(30, 80, 150)},
    source="users' reports of 10 to 30 s a picture, 2026; beyond P50 inferred",
)
"""Of the gpt-image family, at medium quality."""


class OpenAIImages(HttpProvider[OpenAIImagesSettings]):
    """Speaks OpenAI's images API; its prices are by token, so unknown unless configured."""

    versions = ("/v1", "/api/v1", "/api/v3", "/v1beta")
    models_path = "models"

    def __init__(self, name: str, settings: OpenAIImagesSettings) -> None:
        super().__init__(name, settings)
        if self._is_gpt:
            self.latency = GPT_LATENCY

    def capabilities(self) -> Capabilities:
        """Tell what the sizes and the model's name say."""
        return self._capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask without `response_format`, which GPT image models refuse; a size is always said."""
        return openai_images.call(
            request,
            model=self.settings.model,
            size=said_size(request.size, self._listed),
            n=request.n,
            output_format=request.output_format if self._is_gpt else None,
        )

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give usage and rewritten prompts."""
        return openai_images.details(reply)

    @property
    def _is_gpt(self) -> bool:
        return self.settings.model.startswith(("gpt-image-", "chatgpt-image-"))

    @cached_property
    def _listed(self) -> tuple[Size, ...]:
        return tuple(Size.parse(text) for text in self.settings.sizes)

    @cached_property
    def _capabilities(self) -> Capabilities:
        return Capabilities(
            resolutions={size.resolution for size in self._listed} or {"1K", "2K"},
            aspect_ratios={shape_of(size) for size in self._listed},
            exact_pixels=None if self._listed else (1, LARGEST_PIXELS),
            exact_sizes={size.nominal() for size in self._listed},
            output_formats={"png", "jpeg", "webp"} if self._is_gpt else (),
            references=16,
            reference_formats={"png", "jpeg", "webp"},
            mask_formats={"png"},
            max_images=10,
            max_prompt=32_000 if self._is_gpt else None,
        )
