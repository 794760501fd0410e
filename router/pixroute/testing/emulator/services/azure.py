"""OpenAI's images API at Azure (facts: paths by its adapter; headers and error words second hand)."""

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator.dialects.openai_images import EmulatedOpenAIImages
from pixroute.testing.emulator.dialects.plain import ModelList
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.dialects.dialect import Dialect

MODELS = "azure-models"


def error(status: int, code: str, message: str, **more: Any) -> Wording:
    """Its envelope: a code that may be the status, and a message."""
    return status, {"error": {"code": code, "message": message, **more}}


class AzureImages(EmulatedOpenAIImages):
    """A deployment is called as its model; in a deployment's path the API's version must be said."""

    voice = "azure-openai"

    def read(self, call: "ReceivedCall") -> Order:
        """Read it as OpenAI does."""
        if not call.route.startswith("azure-v1") and not call.query.get("api-version"):
            raise Rejected(*error(404, "404", "Resource not found"))
        order = super().read(evolve(call, route="edits" if call.route.endswith("edits") else "images"))
        if order.mime == "image/webp":
            raise Rejected(*error(400, "invalid_value", "Invalid value: 'webp'.", param="output_format"))
        return order


class AzureModels(ModelList):
    """Lists what may be deployed."""

    voice = "azure-openai"


def _dialect(call: "ReceivedCall") -> "Dialect":
    return AzureModels() if call.route == MODELS else AzureImages()


_FILTERED = "Your request was rejected as a result of our safety system."
_BLOCKED = (
    "Your resource has been temporarily blocked because we detected behavior that may violate our content policy."
)

AZURE = Service(
    name="azure-openai",
    routes=(
        ("POST", "/openai/deployments/{model}/images/generations", "azure"),
        ("POST", "/openai/deployments/{model}/images/edits", "azure-edits"),
        ("POST", "/openai/v1/images/generations", "azure-v1"),
        ("POST", "/openai/v1/images/edits", "azure-v1-edits"),
        ("GET", "/openai/models", MODELS),
        ("GET", "/openai/v1/models", MODELS),
    ),
    dialect=_dialect,
    keys=(("api-key", ""), ("authorization", "Bearer ")),
    errors={
        "overloaded": error(503, "503", "The service is temporarily unable to process your request. Please try later."),
        "rate-limited": error(429, "429", "Requests have exceeded the call rate limit of your current pricing tier."),
        "quota": error(429, "insufficient_quota", "You exceeded your current quota, please check your plan."),
        "bad-key": error(401, "401", "Access denied due to invalid subscription key or wrong API endpoint."),
        "forbidden": error(403, "Forbidden", "Access denied due to Virtual Network/Firewall rules."),
        "forbidden/blocked": error(403, "Forbidden", _BLOCKED),
        "model-gone": error(404, "DeploymentNotFound", "The API deployment for this resource does not exist."),
        "invalid": error(400, "invalid_value", "Invalid size.", param="size", type="invalid_request_error"),
        "server-error": error(500, "InternalServerError", "The server had an error processing your request."),
    },
    refusals={
        "content-filter": error(400, "contentFilter", "Your task failed as a result of our safety system."),
        "content-policy": error(
            400,
            "content_policy_violation",
            _FILTERED,
            inner_error={"code": "ResponsibleAIPolicyViolation", "content_filter_results": {}},
        ),
    },
    bills_refusals=False,
    empty=(200, {"created": 1, "data": []}),
    id_header="apim-request-id",
)
