"""An Azure OpenAI resource."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

from attrs import Factory, field, frozen

from pixroute import Capabilities, HttpProvider, HttpSettings, ImageRequest, Latency, Quantiles, Size
from pixroute.dialects import openai_images
from pixroute.dialects.openai_sizes import LARGEST_PIXELS, exact, said_size, shape_of, sizes_of
from pixroute.http import Auth, Call, Details, Item, Reply, Tokens
from pixroute_azure import entra
from pixroute_azure.wire import by_deployment, by_v1

LATENCY = Latency(
    table={"1K": Quantiles(15, 40, 90), "2K": Quantiles(30, 80, 150)},
    source="users' reports of the gpt-image family, 2026, at OpenAI itself; Azure's are not known",
)
LIST_VERSION = "2024-10-21"
"""The version by which the models of a resource are listed."""


def _sizes_of(settings: AzureOpenAISettings) -> tuple[str, ...]:
    return sizes_of(str(settings.model))


@frozen(kw_only=True)
class AzureOpenAISettings(HttpSettings):
    """Settings of an Azure OpenAI resource.

    Args:
        base_url: the resource, `https://NAME.openai.azure.com`, without a path.
        model: the deployment's name.
        api: "deployments" for `/openai/deployments/NAME/…`, "v1" for `/openai/v1/…`, which is read of second hand.
        api_version: of "deployments".
        credential: "key" for the resource's key; "entra" for a token: that of `api_key`, or without one of whoever
            azure-identity finds (extra `azure`).
        sizes: the only sizes that the deployed model takes. Default: by the deployment's name, as OpenAI documents for
            the gpt-image-1 family; for any other empty, which means gpt-image-2's rule.
    """

    base_url: str = ""
    model: str = "gpt-image-2"
    api: Literal["deployments", "v1"] = "deployments"
    api_version: str = "2025-04-01-preview"
    credential: Literal["key", "entra"] = "key"
    sizes: tuple[str, ...] = field(default=Factory(_sizes_of, takes_self=True), validator=exact)


class AzureOpenAI(HttpProvider[AzureOpenAISettings]):
    """Speaks OpenAI's images API at Azure; its prices are by token, so unknown unless configured."""

    latency = LATENCY
    versions = ("",)
    lists_model = False  # it lists models, not deployments

    def __init__(self, name: str, settings: AzureOpenAISettings) -> None:
        if not settings.base_url:
            raise ValueError(
                f"provider {name!r}: `base_url` is missing; give the resource's, https://NAME.openai.azure.com"
            )
        if not settings.model:
            raise ValueError(f"provider {name!r}: `model` is missing; give the deployment's name")
        by_token = settings.credential == "entra"
        self.auth = Auth() if by_token else Auth("api-key", "{key}")
        if by_token and settings.api_key is None:
            self.tokens = Tokens(entra.fetch, account=settings.base_url)
        self.models_path = "openai/v1/models" if settings.api == "v1" else f"openai/models?api-version={LIST_VERSION}"
        super().__init__(name, settings)

    def capabilities(self) -> Capabilities:
        """Tell what the sizes say."""
        return self._capabilities

    def encode(self, request: ImageRequest) -> Call:
        """Ask the deployment; a size is always said."""
        deployment, version = self.settings.model, self.settings.api_version
        size, form = said_size(request.size, self._listed), request.output_format
        if self.settings.api == "v1":
            return by_v1(request, deployment=deployment, size=size, n=request.n, output_format=form)
        return by_deployment(
            request, deployment=deployment, version=version, size=size, n=request.n, output_format=form
        )

    def decode(self, reply: Reply) -> Sequence[Item]:
        """Give the entries of `data`."""
        return openai_images.pictures(reply)

    def details(self, reply: Reply) -> Details:
        """Give usage and rewritten prompts."""
        return openai_images.details(reply)

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
            output_formats={"png", "jpeg"},
            references=16,
            reference_formats={"png", "jpeg", "webp"},
            mask_formats={"png"},
            max_images=10,
            max_prompt=32_000,
        )
