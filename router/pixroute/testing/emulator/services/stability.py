"""Stability's v2beta: a form in, bytes or JSON out (facts: litellm's adapter, V; bytes and headers second-hand)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator.dialects.dialect import json_answer
from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.pictures import measure
from pixroute.testing.emulator.services.service import Service, Wording
from pixroute.testing.emulator.wire import Answer, http_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.order import Sheet

SIDES = {
    "1:1": (1024, 1024),
    "16:9": (1344, 768),
    "9:16": (768, 1344),
    "21:9": (1536, 640),
    "9:21": (640, 1536),
    "2:3": (832, 1216),
    "3:2": (1216, 832),
    "4:5": (896, 1088),
    "5:4": (1088, 896),
}
FILTERED = "CONTENT_FILTERED"


def trouble(status: int, name: str, *errors: str) -> Wording:
    """Its envelope."""
    return status, {"id": "{id}", "name": name, "errors": list(errors)}


class StableImage:
    """Takes a form only; the answer's form is what `Accept` says."""

    voice = "stability"

    def __init__(self, call: "ReceivedCall") -> None:
        self._as_json = "application/json" in call.headers.get("accept", "")

    def read(self, call: "ReceivedCall") -> Order:
        """Validate as it does."""
        if not call.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Rejected(*trouble(400, "bad_request", "content-type: must be multipart/form-data"))
        fields: dict[str, Any] = {name: values[0] for name, values in call.fields.items()}
        shape = fields.get("aspect_ratio", "1:1")
        if shape not in SIDES:
            raise Rejected(*trouble(400, "bad_request", f"aspect_ratio: {shape} is not supported"))
        if "image" in fields and not (isinstance(fields["image"], bytes) and measure(fields["image"])):
            raise Rejected(*trouble(400, "bad_request", "image: is no picture"))
        if "image" in fields and "strength" not in fields:
            raise Rejected(*trouble(400, "bad_request", "strength: required with image"))
        width, height = SIDES[shape]
        route = call.target["route"]
        model = fields.get("model", "sd3.5-large") if route == "sd3" else route
        mime = f"image/{fields.get('output_format', 'png')}"
        return Order(model=model, prompt=fields["prompt"], width=width, height=height, mime=mime)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> Answer:  # noqa: ARG002 - the answer is the picture
        """Tell the picture."""
        if self._as_json:
            return json_answer({"image": sheets[0].base64, "finish_reason": "SUCCESS", "seed": 42})
        headers = {"Content-Type": sheets[0].mime, "finish-reason": "SUCCESS", "seed": "42", "Date": http_date()}
        return Answer(headers=headers, body=sheets[0].data)


async def _blurred(exchange: "EmulatedExchange") -> Answer:
    answer = await exchange.deliver(exchange.order)
    if "finish-reason" in answer.headers:
        return evolve(answer, headers={**answer.headers, "finish-reason": FILTERED})
    return evolve(answer, body=json.dumps({**json.loads(answer.body), "finish_reason": FILTERED}).encode())


STABILITY = Service(
    name="stability",
    routes=(("POST", "/v2beta/stable-image/generate/{route:ultra|core|sd3}", "stability"),),
    dialect=StableImage,
    errors={
        "overloaded": trouble(503, "service_unavailable", "The service is overloaded, try again later."),
        "rate-limited": trouble(429, "rate_limit_exceeded", "You have exceeded the rate limit."),
        "quota": trouble(402, "payment_required", "You lack sufficient credits to make this request."),
        "bad-key": trouble(401, "unauthorized", "authorization: missing or invalid API key"),
        "forbidden": trouble(403, "permission_denied", "Your key has no access to this model."),
        "model-gone": trouble(404, "not_found", "The specified model was not found."),
        "invalid": trouble(400, "bad_request", "aspect_ratio: is not supported"),
        "server-error": trouble(500, "internal_error", "An unexpected error occurred."),
    },
    refusals={
        "moderation": trouble(
            403, "content_moderation", "Your request was denied by our moderation system and you were not charged."
        )
    },
    bills_refusals=False,
    empty=(200, {"image": "", "finish_reason": "SUCCESS", "seed": 42}),
    faults={"blurred": FaultKind(summary="a blurred picture, said to be CONTENT_FILTERED, under 200", act=_blurred)},
)
