"""Provider type `azure-openai`: OpenAI's image models as deployments of an Azure resource."""

from __future__ import annotations

from pixroute import ProviderSpec, hookimpl


@hookimpl
def pixroute_providers() -> list[ProviderSpec]:
    """Offer the type."""
    return [
        ProviderSpec(
            name="azure-openai",
            create="pixroute_azure.provider:AzureOpenAI",
            settings="pixroute_azure.provider:AzureOpenAISettings",
            summary="OpenAI's image models, from Azure",
            sure="second hand",
            example={"base_url": "https://NAME.openai.azure.com"},
        )
    ]
