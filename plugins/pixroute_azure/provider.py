"""An Azure OpenAI resource."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from pixroute import ImageRequest, Latency, Quantiles
from pixroute.dialects.families import OpenAIFamily, OpenAIFamilySettings
from pixroute.http import Auth, Call, Tokens
from pixroute_azure import entra
from pixroute_azure.wire import by_deployment, by_v1

LATENCY = Latency(
    table={"1K": Quantiles(15, 40, 90), "2K": Quantiles(30, 80, 150)},
    source="users' reports of the gpt-image family, 2026, at OpenAI itself; Azure's are not known",
)
LIST_VERSION = "2024-10-21"
"""The version by which the models of a resource are listed."""


@frozen(kw_only=True)
class AzureOpenAISettings(OpenAIFamilySettings):
    """Settings of an Azure OpenAI resource.

    Args:
        base_url: the resource, `https://NAME.openai.azure.com`, without a path.
        model: the deployment's name.
        api: "deployments" for `/openai/deployments/NAME/…`, "v1" for `/openai/v1/…`, which is read of second hand.
        api_version: of "deployments".
        credential: "key" for the resource's key; "entra" for a token: that of `api_key`, or without one of whoever
            azure-identity finds (extra `azure`).
    """

    base_url: str = ""
    api: Literal["deployments", "v1"] = "deployments"
    api_version: str = "2025-04-01-preview"
    credential: Literal["key", "entra"] = "key"


class AzureOpenAI(OpenAIFamily[AzureOpenAISettings]):
    """Speaks OpenAI's images API at Azure; its prices are by token, so unknown unless configured."""

    latency = LATENCY
    output_formats = ("png", "jpeg")
    max_prompt = 32_000
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

    def encode(self, request: ImageRequest) -> Call:
        """Ask the deployment; a size is always said."""
        deployment, version = self.settings.model, self.settings.api_version
        size, form = self.size_of(request), request.output_format
        if self.settings.api == "v1":
            return by_v1(request, deployment=deployment, size=size, n=request.n, output_format=form)
        return by_deployment(
            request, deployment=deployment, version=version, size=size, n=request.n, output_format=form
        )
