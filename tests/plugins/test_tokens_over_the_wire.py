"""Vertex AI and Azure with tokens that end, from servers on this machine; nothing but the addresses is different."""

import asyncio
import json

import pytest

from pixroute.errors import RequestFailed
from pixroute.outcome import Billing, Blame, FailureKind, Stage
from pixroute.policy import Policy, RetryPolicy
from pixroute.routing.router import Router
from pixroute.testing.emulator import Emulator
from pixroute.testing.emulator.tokens import TokenServer
from pixroute_azure import entra
from pixroute_azure.provider import AzureOpenAI, AzureOpenAISettings
from pixroute_vertex.provider import Vertex, VertexSettings

pytestmark = pytest.mark.slow  # sockets, an RSA key, and google-auth's import

ONCE = Policy(retry=RetryPolicy(quick=False, rounds=()), max_attempts=1)


@pytest.fixture
async def tokens():
    async with TokenServer() as server:
        yield server


@pytest.fixture
async def emulator(tokens):
    async with Emulator(time_scale=0, keys=tokens.issued) as running:
        yield running


def router_of(provider):
    return Router(providers={"only": provider}, chains={"default": ["only"]}, policy=ONCE)


@pytest.fixture
def vertex(emulator, tokens, tmp_path):
    """Give it with a service account's file."""
    settings = VertexSettings(
        base_url=f"{emulator.http_url}/v1beta1", credentials=tokens.account_file(tmp_path), plaintext="accept"
    )
    return Vertex("vertex", settings)


async def test_a_service_accounts_file_is_all_it_needs(emulator, tokens, vertex):
    """The project is the file's; many requests share one token."""
    async with router_of(vertex) as router:
        await asyncio.gather(*(router.generate("A lighthouse", size="1K") for _ in range(5)))

    posts = [call for call in emulator.requests if call.method == "POST"]
    assert tokens.asked == ["google"]
    assert {call.headers["authorization"] for call in posts} == {f"Bearer {tokens.issued[0]}"}
    assert posts[0].path.startswith("/v1beta1/projects/emulated/locations/global/publishers/google/models/")


async def test_a_token_that_ends_soon_is_renewed_before(tokens, vertex):
    """Google gives it an hour less a second; the next is fetched while the first still serves."""
    tokens.lifetime = 3
    async with router_of(vertex) as router:
        await router.generate("A lighthouse", size="1K")
        await asyncio.sleep(2)  # past its half
        await router.generate("A lighthouse", size="1K")
        await vertex.tokens._work

    assert tokens.asked == ["google"] * 2
    assert vertex.tokens.held() == tokens.issued[1]


async def test_a_token_that_is_refused_is_not_sent_again(emulator, tokens, vertex, monkeypatch):
    """Withdrawn before its time: one 401, which costs nothing, then the next token serves."""
    monkeypatch.setattr("pixroute.http.tokens.YOUNG", 0)  # old enough for the token to be at fault
    async with router_of(vertex) as router:
        await router.generate("A lighthouse", size="1K")
        del tokens.issued[:]
        with pytest.raises(RequestFailed) as caught:
            await router.generate("A lighthouse", size="1K")
        await vertex.tokens.ready()
        await router.generate("A lighthouse", size="1K")

    failure = caught.value.record.attempts[-1].failure
    assert failure
    assert (failure.kind, failure.billing) == (FailureKind.AUTH, Billing.FREE)
    assert len(tokens.asked) == 2


async def test_without_a_token_nothing_is_sent_and_nobody_is_blamed(emulator, tokens, vertex):
    """The server of tokens is down: our own trouble, told as such."""
    tokens.works = False
    async with router_of(vertex) as router:
        with pytest.raises(RequestFailed) as caught:
            await router.generate("A lighthouse", size="1K")

    failure = caught.value.record.attempts[-1].failure
    assert failure
    assert (failure.kind, failure.blame, failure.billing) == (FailureKind.AUTH, Blame.OURS, Billing.FREE)
    assert failure.stage is Stage.QUEUED
    assert not emulator.requests


async def test_the_metadata_server_is_asked_without_a_file(emulator, tokens, monkeypatch):
    """As on a machine of Google's."""
    from google.auth.compute_engine import _metadata  # noqa: PLC0415 - reads its address when it is imported

    host = tokens.url.removeprefix("http://")
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_ROOT", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, host)
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", host, raising=False)
    monkeypatch.setattr(_metadata, "_METADATA_ROOT", f"{tokens.url}/computeMetadata/v1/", raising=False)
    settings = VertexSettings(base_url=f"{emulator.http_url}/v1beta1", project="one", plaintext="accept")
    async with router_of(Vertex("vertex", settings)) as router:
        await router.generate("A lighthouse", size="1K")

    assert tokens.asked == ["metadata"]


@pytest.mark.parametrize("content", ["{}", "no JSON", None], ids=["another", "text", "missing"])
def test_a_file_that_is_none_is_a_mistake_when_it_is_read(tmp_path, content):
    """The file is named, and nothing of it is shown."""
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(ValueError, match=r"`credentials` names .*key\.json"):
        Vertex("vertex", VertexSettings(credentials=path))


def test_the_private_key_is_shown_nowhere(tmp_path):
    """Not by the provider, its settings or its identity."""
    path = tmp_path / "key.json"
    path.write_text(json.dumps({"client_email": "a@b", "project_id": "p", "private_key": "very-private"}))
    vertex = Vertex("vertex", VertexSettings(credentials=path))

    assert "very-private" not in repr((vertex.settings, vertex.identity, vertex.credential()))
    assert vertex.credential() != Vertex("vertex", VertexSettings(project="q")).credential()


async def test_azure_asks_its_metadata_server(emulator, tokens, monkeypatch):
    """By azure-identity, which finds a managed identity."""
    pytest.importorskip("azure.identity")
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", tokens.url)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
    monkeypatch.setattr(entra, "_found", [])
    settings = AzureOpenAISettings(base_url=emulator.http_url, credential="entra", plaintext="accept")
    async with router_of(AzureOpenAI("azure", settings)) as router:
        await router.generate("A lighthouse", size="1K")

    (call,) = [call for call in emulator.requests if call.method == "POST"]
    assert call.headers["authorization"] == f"Bearer {tokens.issued[0]}"
    assert "api-key" not in call.headers
    assert tokens.asked == ["azure"]
