"""Provider type `azure-openai`: OpenAI's image models as deployments of an Azure resource."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl
from pixroute_azure.provider import AzureOpenAI, AzureOpenAISettings


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="azure-openai",
            create=AzureOpenAI,
            settings=AzureOpenAISettings,
            summary="OpenAI's image models, from Azure",
            sure="second hand",
            example={"base_url": "https://NAME.openai.azure.com"},
        )
    ]
