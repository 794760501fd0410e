"""Gemini on Vertex AI (facts: captures)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator.dialects.dialect import json_answer
from pixroute.testing.emulator.dialects.gemini import EmulatedGemini
from pixroute.testing.emulator.dialects.plain import ModelList
from pixroute.testing.emulator.envelopes import detail, google
from pixroute.testing.emulator.models import GEMINIS
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.dialects.dialect import Dialect
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

MODELS = "vertex-models"
FORMATS = ("image/png", "image/jpeg")
_USAGE = {"promptTokenCount": 30, "totalTokenCount": 30, "trafficType": "ON_DEMAND"}


class VertexGemini(EmulatedGemini):
    """Google's dialect, in which a format may be asked for, and whose answers say a little more."""

    voice = "vertex"

    def read(self, call: "ReceivedCall") -> Order:
        """Read it as Google's other API does."""
        config = call.json.get("generationConfig", {})
        image = dict(config.get("imageConfig", {}))
        mime = image.pop("imageOutputOptions", {}).get("mimeType")
        if mime not in {None, *FORMATS}:
            raise Rejected(400, google(400, "INVALID_ARGUMENT", f"Unsupported mime type {mime}"))
        document = {**call.json, "generationConfig": {**config, "imageConfig": image}}
        order = super().read(evolve(call, json=document))
        return evolve(order, mime=mime) if mime else order

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures, the kind of traffic and the time."""
        answer = super().render(order, sheets)
        if order.stream:
            return answer
        told = json.loads(answer.body)
        told["usageMetadata"]["trafficType"] = "ON_DEMAND"
        told["createTime"] = "2026-11-28T12:00:00.000000Z"
        return evolve(answer, body=json.dumps(told).encode())


class PublisherModels(ModelList):
    """Lists Google's models."""

    voice = "vertex"

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":  # noqa: ARG002 - the same for all
        """List them by their whole names."""
        return json_answer({"publisherModels": [{"name": f"publishers/google/models/{name}"} for name in GEMINIS]})


def _dialect(call: "ReceivedCall") -> "Dialect":
    return PublisherModels() if call.route == MODELS else VertexGemini()


def _ended(reason: str) -> dict[str, Any]:
    return {"candidates": [{"content": {}, "finishReason": reason, "index": 0}], "usageMetadata": _USAGE}


_UNKNOWN_KEY = (
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential."
)
_INFO = detail("ErrorInfo", reason="ACCESS_TOKEN_TYPE_UNSUPPORTED", domain="googleapis.com")
_DENIED = "Permission 'aiplatform.endpoints.predict' denied on resource (or it may not exist)."
_GONE = "Publisher Model `publishers/google/models/{model}` was not found or your project does not have access to it."

_PLACE = "/v1beta1/projects/{project}/locations/{location}/publishers/google/models"
_MODEL = "{model:[^/:]+}:{method:generateContent|streamGenerateContent}"

VERTEX = Service(
    name="vertex",
    routes=(
        ("POST", f"{_PLACE}/{_MODEL}", "vertex"),
        ("GET", "/v1beta1/publishers/google/models", MODELS),
    ),
    dialect=_dialect,
    errors={
        "overloaded": (503, google(503, "UNAVAILABLE", "The service is currently unavailable.")),
        "rate-limited": (429, google(429, "RESOURCE_EXHAUSTED", "Resource exhausted. Please try again later.")),
        "quota": (403, google(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.")),
        "bad-key": (401, google(401, "UNAUTHENTICATED", _UNKNOWN_KEY, _INFO)),
        "forbidden": (403, google(403, "PERMISSION_DENIED", _DENIED)),
        "model-gone": (404, google(404, "NOT_FOUND", _GONE)),
        "invalid": (400, google(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")),
        "server-error": (500, google(500, "INTERNAL", "Internal error encountered.")),
    },
    refusals={
        "image-safety": (200, _ended("IMAGE_SAFETY")),
        "blocked": (200, {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": _USAGE}),
    },
    bills_refusals=False,
    empty=(200, _ended("STOP")),
)
