"""The built-in providers keep the contract that everybody's must keep."""

import pytest

from pixroute.testing.conformance import KEY, MESSAGE, PICTURE, PICTURE_URL, ProviderConformance, Refusal, Upstream
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpSettings, NanoBananaProHttpsSettings, create
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings
from pixroute_openrouter.provider import OpenRouter, OpenRouterSettings
from pixroute_seedream.provider import Seedream, SeedreamSettings

pytestmark = pytest.mark.slow  # sockets, and hundreds of requests and answers

BY_URL = Upstream(
    healthy={"created": 1, "data": [{"url": PICTURE_URL}]},
    refusal={"error": {"code": "content_policy_violation", "message": "Declined."}},
)
INLINE = Upstream(
    healthy={"created": 1, "data": [{"b64_json": PICTURE}], "usage": {"total_tokens": 5}},
    refusal={"error": {"code": "moderation_blocked", "message": "Rejected by the safety system."}},
)
NATIVE = Upstream(
    healthy={"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}}]},
    refusal={"candidates": [{"content": {"parts": []}, "finishReason": "IMAGE_SAFETY"}]},
    refusal_status=200,
)


class TestNanoBananaImages(ProviderConformance):
    """The HTTP port, in OpenAI's dialect."""

    upstream = BY_URL

    @pytest.fixture
    def provider(self):
        """Give it."""
        return create("banana", NanoBananaProHttpSettings(api_key=KEY, plaintext="accept"))


class TestNanoBananaNative(ProviderConformance):
    """The HTTPS endpoint, in Google's."""

    upstream = NATIVE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return create("banana", NanoBananaProHttpsSettings(api_key=KEY, api="native"))


class TestGemini(ProviderConformance):
    """Google itself."""

    upstream = NATIVE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Gemini("gemini", GeminiSettings(api_key=KEY))


class TestSeedream(ProviderConformance):
    """Through the aggregator."""

    upstream = BY_URL

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Seedream("seedream", SeedreamSettings(api_key=KEY))


class TestSeedreamAtArk(ProviderConformance):
    """At its maker's cloud, several pictures by one call."""

    upstream = BY_URL

    @pytest.fixture
    def provider(self):
        """Give it."""
        settings = SeedreamSettings(api_key=KEY, via="ark", model="seedream-4-0-250828", sequential=True)
        return Seedream("seedream", settings)


class TestOpenAI(ProviderConformance):
    """Free sizes."""

    upstream = INLINE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return OpenAIImages("openai", OpenAIImagesSettings(api_key=KEY))


class TestOpenAIWithListedSizes(ProviderConformance):
    """The three sizes of the models before."""

    upstream = INLINE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return OpenAIImages("openai", OpenAIImagesSettings(api_key=KEY, model="gpt-image-1.5"))


class TestOpenRouter(ProviderConformance):
    """Many makers' models by one key."""

    upstream = Upstream(
        healthy={"created": 0, "data": [{"b64_json": PICTURE, "media_type": "image/png"}], "usage": {"cost": 0.034}},
        error={"error": {"message": MESSAGE, "metadata": {}}},
        refusals={
            "error": Refusal(
                body={"error": {"code": 403, "message": "It was flagged.", "metadata": {"reasons": ["violence"]}}},
                status=403,
                billed=False,
            )
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return OpenRouter("openrouter", OpenRouterSettings(api_key=KEY))
