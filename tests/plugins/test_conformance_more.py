"""The newer built-in providers keep the contract that everybody's must keep."""

import pytest

from pixroute.testing.conformance import KEY, MESSAGE, PICTURE, PICTURE_URL, ProviderConformance, Refusal, Upstream
from pixroute_azure.provider import AzureOpenAI, AzureOpenAISettings
from pixroute_dashscope.provider import DashScopeSettings, create
from pixroute_image_tasks.provider import ImageTasks, ImageTasksSettings
from pixroute_vertex.provider import Vertex, VertexSettings
from pixroute_xai.provider import XAI, XAISettings

pytestmark = pytest.mark.slow  # sockets, and hundreds of requests and answers

CONTENT = {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}, "finishReason": "STOP"}
AZURE = Upstream(
    healthy={"created": 1, "data": [{"b64_json": PICTURE}], "usage": {"total_tokens": 5}},
    error={"error": {"code": None, "message": MESSAGE, "type": "invalid_request_error"}},
    refusals={
        "filtered": Refusal(body={"error": {"code": "contentFilter", "message": "Your task failed."}}, billed=False),
        "policy": Refusal(
            body={
                "error": {
                    "code": "content_policy_violation",
                    "message": "Your request was rejected as a result of our safety system.",
                    "inner_error": {"code": "ResponsibleAIPolicyViolation", "content_filter_results": {}},
                }
            },
            billed=False,
        ),
    },
)
DECLINED = {
    "code": "DataInspectionFailed",
    "message": "Input data may contain inappropriate content.",
    "request_id": "r",
}
DASHSCOPE = Upstream(
    healthy={
        "output": {"choices": [{"finish_reason": "stop", "message": {"content": [{"image": PICTURE_URL}]}}]},
        "usage": {"width": 1024, "height": 1024, "image_count": 1},
        "request_id": "r",
    },
    error={"code": "", "message": MESSAGE, "request_id": "r"},
    refusals={
        "400": Refusal(body=DECLINED, billed=None),
        "under 200": Refusal(body=DECLINED, status=200, billed=None),
    },
)


class TestXAI(ProviderConformance):
    """Grok Imagine."""

    upstream = Upstream(
        healthy={"data": [{"b64_json": PICTURE}], "usage": {"cost_in_usd_ticks": 200_000_000}},
        error={"code": "some", "error": MESSAGE},
        refusals={
            "flag": Refusal(
                body={"data": [{"b64_json": PICTURE, "respect_moderation": False}]}, status=200, billed=None
            )
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return XAI("xai", XAISettings(api_key=KEY))


class TestAzureDeployments(ProviderConformance):
    """By the deployment's path."""

    upstream = AZURE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return AzureOpenAI("azure", AzureOpenAISettings(api_key=KEY, base_url="https://one.openai.azure.com"))


class TestAzureV1(ProviderConformance):
    """By the newer path, with a token of Entra and listed sizes."""

    upstream = AZURE

    @pytest.fixture
    def provider(self):
        """Give it."""
        settings = AzureOpenAISettings(
            api_key=KEY, base_url="https://one.openai.azure.com", api="v1", credential="entra", model="gpt-image-1.5"
        )
        return AzureOpenAI("azure", settings)


class TestVertex(ProviderConformance):
    """Gemini on Vertex AI, with a token from elsewhere."""

    upstream = Upstream(
        healthy={"candidates": [CONTENT], "usageMetadata": {"trafficType": "ON_DEMAND"}, "createTime": "2026-11-28"},
        error={"error": {"code": 1, "message": MESSAGE, "status": ""}},
        refusals={
            "reason": Refusal(
                body={"candidates": [{"content": {"parts": []}, "finishReason": "IMAGE_SAFETY"}]},
                status=200,
                billed=False,
            )
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return Vertex("vertex", VertexSettings(api_key=KEY, project="one"))


class TestDashScope(ProviderConformance):
    """Qwen-Image, at once."""

    upstream = DASHSCOPE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return create("dashscope", DashScopeSettings(api_key=KEY))


class TestDashScopeWan(ProviderConformance):
    """Wan, of which every picture has more than 1.6 million pixels."""

    upstream = DASHSCOPE

    @pytest.fixture
    def provider(self):
        """Give it."""
        return create("dashscope", DashScopeSettings(api_key=KEY, model="wan2.6-t2i"))


class TestDashScopeTasks(ProviderConformance):
    """The first Qwen-Image, by a task."""

    upstream = Upstream(
        before=(
            {"output": {"task_id": "t1", "task_status": "PENDING"}, "request_id": "r"},
            {"output": {"task_id": "t1", "task_status": "RUNNING"}, "request_id": "r"},
        ),
        healthy={
            "output": {"task_id": "t1", "task_status": "SUCCEEDED", "results": [{"url": PICTURE_URL}]},
            "usage": {"image_count": 1},
        },
        error={"code": "", "message": MESSAGE, "request_id": "r"},
        refusals={
            "the task": Refusal(
                body={"output": {"task_id": "t1", "task_status": "FAILED", **DECLINED}}, status=200, billed=None
            ),
            "its result": Refusal(
                body={"output": {"task_id": "t1", "task_status": "SUCCEEDED", "results": [DECLINED]}},
                status=200,
                billed=None,
            ),
        },
        lost={"code": "InvalidParameter", "message": "task not found"},
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return create("dashscope", DashScopeSettings(api_key=KEY, model="qwen-image-plus"))


class TestSub2api(ProviderConformance):
    """A family of gateways, by its own document."""

    upstream = Upstream(
        before=(
            {"id": "imgtask_1", "task_id": "imgtask_1", "object": "image.generation.task", "status": "processing"},
            {"id": "imgtask_1", "task_id": "imgtask_1", "status": "processing"},
        ),
        healthy={"id": "imgtask_1", "status": "completed", "result": {"created": 1, "data": [{"url": PICTURE_URL}]}},
        refusals={
            "the task": Refusal(
                body={
                    "status": "failed",
                    "error": {"type": "image_generation_user_error", "code": "moderation_blocked", "message": "No."},
                },
                status=200,
                billed=None,
            )
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return ImageTasks("tasks", ImageTasksSettings(api_key=KEY, base_url="https://one.test/v1"))


class TestEvolink(ProviderConformance):
    """Its URLs stand in a list."""

    upstream = Upstream(
        before=({"id": "task-1", "object": "image.generation.task", "status": "pending"},),
        healthy={"id": "task-1", "status": "completed", "results": [PICTURE_URL]},
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return ImageTasks("tasks", ImageTasksSettings(api_key=KEY, base_url="https://one.test/v1", preset="evolink"))


class TestApimart(ProviderConformance):
    """Its shapes and classes are words; a task that failed is refunded."""

    upstream = Upstream(
        before=({"code": 200, "data": [{"status": "submitted", "task_id": "task_1"}]},),
        healthy={"code": 200, "data": {"status": "completed", "result": {"images": [{"url": [PICTURE_URL]}]}}},
        refusals={
            "the task": Refusal(
                body={
                    "code": 200,
                    "data": {"status": "failed", "error": {"message": "It violates our content policy."}},
                },
                status=200,
                billed=False,
            )
        },
    )

    @pytest.fixture
    def provider(self):
        """Give it."""
        return ImageTasks("tasks", ImageTasksSettings(api_key=KEY, base_url="https://one.test/v1", preset="apimart"))
