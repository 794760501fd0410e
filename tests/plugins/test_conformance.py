"""The built-in providers keep the contract that everybody's must keep."""

import pytest

from pixroute.testing.conformance import (
    BODY,
    KEY,
    MESSAGE,
    ORIGIN,
    PICTURE,
    PICTURE_URL,
    ProviderConformance,
    Refusal,
    Upstream,
)
from pixroute_bfl.provider import Bfl, BflSettings
from pixroute_fal.provider import Fal, FalSettings
from pixroute_gemini.provider import Gemini, GeminiSettings
from pixroute_nano_banana.provider import NanoBananaProHttpSettings, NanoBananaProHttpsSettings, create
from pixroute_openai.provider import OpenAIImages, OpenAIImagesSettings
from pixroute_openrouter.provider import OpenRouter, OpenRouterSettings
from pixroute_replicate.provider import Replicate, ReplicateSettings
from pixroute_seedream.provider import Seedream, SeedreamSettings
from pixroute_stability.provider import Stability, StabilitySettings

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


FAL_JOB = f"{ORIGIN}/fal-ai/flux/requests/r1"
FAL = Upstream(
    before=(
        {
            "status": "IN_QUEUE",
            "request_id": "r1",
            "status_url": f"{FAL_JOB}/status",
            "response_url": FAL_JOB,
            "cancel_url": f"{FAL_JOB}/cancel",
        },
        {"status": "COMPLETED", "request_id": "r1", "metrics": {}},
    ),
    healthy={"images": [{"url": PICTURE_URL, "content_type": "image/png"}], "has_nsfw_concepts": [False]},
    error={"detail": MESSAGE},
    refusals={
        "error": Refusal(
            body={"detail": [{"loc": ["body", "prompt"], "msg": "Flagged.", "type": "content_policy_violation"}]},
            status=422,
        ),
        "flag": Refusal(body={"images": [{"url": PICTURE_URL}], "has_nsfw_concepts": [True]}),
    },
    job_origins=("https://queue.fal.run",),
)


class TestFal(ProviderConformance):
    """By sides."""

    upstream = FAL

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Fal("fal", FalSettings(api_key=KEY))


class TestFalByClass(ProviderConformance):
    """By class and shape, with reference pictures."""

    upstream = FAL

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Fal("fal", FalSettings(api_key=KEY, model="fal-ai/nano-banana-pro/edit"))


PREDICTION = {
    "id": "p1",
    "status": "succeeded",
    "output": [PICTURE_URL],
    "error": None,
    "urls": {"get": f"{ORIGIN}/v1/predictions/p1", "cancel": f"{ORIGIN}/v1/predictions/p1/cancel"},
}
WAITING = {**PREDICTION, "status": "processing", "output": None}
NSFW = {**PREDICTION, "status": "failed", "output": None, "error": "NSFW content detected. Try another prompt."}


class TestReplicate(ProviderConformance):
    """The wait ends before the picture is made, and polls go on."""

    upstream = Upstream(
        before=(WAITING, WAITING),
        healthy=PREDICTION,
        error={"title": "Trouble", "detail": MESSAGE, "status": None},
        refusals={"status": Refusal(body=NSFW), "at once": Refusal(body=NSFW, before=())},
        lost={"detail": "Not found", "status": 404},
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Replicate("replicate", ReplicateSettings(api_key=KEY))


class TestReplicateAtOnce(ProviderConformance):
    """The picture is made within the wait; with a list of reference pictures."""

    upstream = Upstream(healthy=PREDICTION, error={"detail": MESSAGE})

    @pytest.fixture
    def provider(self):
        """Give it."""
        settings = ReplicateSettings(
            api_key=KEY, model="google/nano-banana", references_as="image_input", max_references=3
        )
        return Replicate("replicate", settings)


class TestBfl(ProviderConformance):
    """FLUX.2 at its maker."""

    upstream = Upstream(
        before=(
            {"id": "b1", "polling_url": f"{ORIGIN}/v1/get_result?id=b1", "cost": 3.0},
            {"id": "b1", "status": "Pending"},
        ),
        healthy={"id": "b1", "status": "Ready", "result": {"sample": PICTURE_URL, "prompt": "p", "seed": 1}},
        error={"detail": MESSAGE},
        refusals={
            "request": Refusal(body={"id": "b1", "status": "Request Moderated", "result": None}),
            "content": Refusal(body={"id": "b1", "status": "Content Moderated", "result": None}),
        },
        lost={"id": "b1", "status": "Task not found"},
        job_origins=("https://api.eu.bfl.ai", "https://api.us2.bfl.ai"),
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Bfl("bfl", BflSettings(api_key=KEY))


STABILITY_ERROR = {"id": "s1", "name": "trouble", "errors": [MESSAGE]}
DENIED = {"id": "s1", "name": "content_moderation", "errors": ["Your request was denied and you were not charged."]}


class TestStability(ProviderConformance):
    """The picture is the whole body."""

    upstream = Upstream(
        healthy=BODY,
        error=STABILITY_ERROR,
        refusals={
            "error": Refusal(body=DENIED, status=403, billed=False),
            "flag": Refusal(body=BODY, headers={"finish-reason": "CONTENT_FILTERED"}),
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Stability("stability", StabilitySettings(api_key=KEY, model="sd3.5-large"))


class TestStabilityInJson(ProviderConformance):
    """The picture is base64."""

    upstream = Upstream(
        healthy={"image": PICTURE, "finish_reason": "SUCCESS", "seed": 1},
        error=STABILITY_ERROR,
        refusals={"flag": Refusal(body={"image": PICTURE, "finish_reason": "CONTENT_FILTERED", "seed": 1})},
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Stability("stability", StabilitySettings(api_key=KEY, answer="json"))
