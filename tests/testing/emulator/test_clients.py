"""Official clients of the newer upstreams get their pictures from the emulator."""

import base64
import io

import openai
import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials
from PIL import Image

from pixroute.testing.emulator import Emulator

pytestmark = pytest.mark.slow  # draws, and clients that are slow to make
# google-genai subclasses aiohttp's session, which aiohttp discourages.
from_google = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
WANTED = types.GenerateContentConfig(
    response_modalities=["IMAGE"], image_config=types.ImageConfig(aspect_ratio="16:9", image_size="2K")
)


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def vertex_client(emulator):
    """Give google-genai's client in Vertex mode, with a token of its own."""
    return genai.Client(
        vertexai=True,
        project="one",
        location="global",
        credentials=Credentials(token="any"),
        http_options=types.HttpOptions(base_url=emulator.http_url),
    ).aio


@from_google
async def test_google_genai_in_vertex_mode():
    """A picture of the asked size, and what Vertex says beside it."""
    async with Emulator(time_scale=0) as emulator:
        async with vertex_client(emulator) as client:
            answer = await client.models.generate_content(model="gemini-3-pro-image", contents="fox", config=WANTED)

        assert size_of(answer.parts[-1].inline_data.data) == (2752, 1536)
        assert answer.usage_metadata.traffic_type is types.TrafficType.ON_DEMAND
        assert emulator.requests[0].path.startswith("/v1beta1/projects/one/locations/global/publishers/google/models/")


@from_google
async def test_google_genai_in_vertex_mode_is_refused():
    """Its errors are the client's own."""
    async with Emulator(time_scale=0, faults={"vertex": "rate-limited"}) as emulator:
        async with vertex_client(emulator) as client:
            with pytest.raises(genai.errors.ClientError) as caught:
                await client.models.generate_content(model="gemini-3-pro-image", contents="fox", config=WANTED)

        assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")


def azure_client(emulator, **more):
    """Give openai's client in Azure mode."""
    return openai.AsyncAzureOpenAI(
        azure_endpoint=emulator.http_url, api_version="2025-04-01-preview", max_retries=0, **more
    )


@pytest.mark.parametrize("credential", ["key", "token"])
async def test_openai_in_azure_mode(credential):
    """By the deployment's path, with a key or a token of Entra; an edit takes a mask."""
    png = io.BytesIO()
    Image.new("RGBA", (64, 64)).save(png, "PNG")
    sent = {"api_key": "any"} if credential == "key" else {"azure_ad_token": "any"}
    async with Emulator(time_scale=0) as emulator:
        async with azure_client(emulator, **sent) as client:
            answer = await client.images.generate(model="gpt-image-2", prompt="fox", size="1536x1024")
            picture = ("a.png", png.getvalue())
            edited = await client.images.edit(model="gpt-image-2", prompt="fox", image=[picture] * 2, mask=picture)

        assert size_of(base64.b64decode(answer.data[0].b64_json)) == (1536, 1024)
        assert size_of(base64.b64decode(edited.data[0].b64_json)) == (1024, 1024)
        assert [call.route for call in emulator.requests] == ["azure", "azure-edits"]
        assert emulator.requests[1].fields["mask"] == [png.getvalue()]


async def test_openai_in_azure_mode_is_refused():
    """A filtered prompt is the client's BadRequestError, its code in place."""
    async with Emulator(time_scale=0, faults={"azure": "refused:shape=content-policy"}) as emulator:
        async with azure_client(emulator, api_key="any") as client:
            with pytest.raises(openai.BadRequestError) as caught:
                await client.images.generate(model="gpt-image-2", prompt="fox")

        assert caught.value.code == "content_policy_violation"
        assert emulator.ledger.billed == 0


async def test_openai_lists_what_azure_may_deploy():
    """As `pixroute check --online` does."""
    async with Emulator(time_scale=0) as emulator, azure_client(emulator, api_key="any") as client:
        listed = [model.id async for model in await client.models.list()]

    assert "gpt-image-2" in listed
