"""`pixroute check --online` at xAI, Azure and Vertex AI: a key that is good, wrong, or cannot be had."""

from __future__ import annotations

import pytest

from pixroute.cli import probe
from pixroute.config.walk import Link
from pixroute.http.transport import Transport
from pixroute.policy import Policy
from pixroute.secret import Secret
from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.tokens import TokenServer
from pixroute_azure.provider import AzureOpenAI, AzureOpenAISettings
from pixroute_vertex.provider import Vertex, VertexSettings
from pixroute_xai.provider import XAI, XAISettings

KEY = Secret("sk-correct-horse")


@pytest.fixture
async def asked():
    """Ask a provider and give what was found of its key, as text by level."""
    transport = Transport()

    async def asked(provider):
        link = Link(name="a", provider=provider, settings=provider.settings)
        found = await probe.probe(link, Policy(), transport)
        return [f"{one.level}: {one.message}" for one in found if one.path.endswith("api_key")]

    yield asked
    await transport.aclose()


def xai(url):
    return XAI("a", XAISettings(api_key=KEY, base_url=f"{url}/v1", plaintext="accept"))


def azure(url):
    return AzureOpenAI("a", AzureOpenAISettings(api_key=KEY, base_url=url, plaintext="accept", model="my-deployment"))


def azure_v1(url):
    return AzureOpenAI("a", AzureOpenAISettings(api_key=KEY, base_url=url, plaintext="accept", api="v1"))


def vertex(url):
    return Vertex("a", VertexSettings(api_key=KEY, base_url=f"{url}/v1beta1", plaintext="accept", project="one"))


@pytest.mark.parametrize("provider", [xai, azure, azure_v1, vertex])
async def test_a_good_key(asked, provider):
    """A deployment of one's own name is no unknown model."""
    async with Emulator(time_scale=0, keys={"sk-correct-horse"}) as emulator:
        found = await asked(provider(emulator.http_url))

    assert found == ["note: the key is accepted"]
    assert emulator.ledger.entries == ()


@pytest.mark.parametrize("provider", [xai, azure, azure_v1, vertex])
async def test_a_wrong_key(asked, provider):
    """Told as what it is, and not shown."""
    async with Emulator(time_scale=0, keys={"another"}) as emulator:
        (found,) = await asked(provider(emulator.http_url))

    assert found.startswith("error: ")
    assert "correct-horse" not in found


@pytest.mark.slow  # google-auth's import, and an RSA key
@pytest.mark.parametrize("works", [True, False])
async def test_a_token_is_fetched_before(asked, tmp_path, works):
    """By a service account's file; where none is to be had, that is what is told."""
    async with TokenServer() as tokens, Emulator(time_scale=0, keys=tokens.issued) as emulator:
        tokens.works = works
        settings = VertexSettings(
            base_url=f"{emulator.http_url}/v1beta1", plaintext="accept", credentials=tokens.account_file(tmp_path)
        )
        (found,) = await asked(Vertex("a", settings))

    assert found == "note: the key is accepted" if works else found.startswith("error: cannot be used: no token")
