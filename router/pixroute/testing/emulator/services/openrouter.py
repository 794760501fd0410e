"""OpenRouter's `/api/v1/images` (facts: captured; the fields beside `model` and `prompt` second-hand)."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

PRICE = Decimal("0.03422675")
MAX_PICTURES = 10
_DATA = re.compile(r"data:image/[a-z]+;base64,")


def error(code: int, message: str, **metadata: Any) -> Wording:
    """Its envelope: the code is a number, the status once more."""
    return code, {"error": {"code": code, "message": message, **({"metadata": metadata} if metadata else {})}}


class OpenRouterImages:
    """Answers with base64, what it cost and who made it."""

    voice = "openrouter"

    def read(self, call: "ReceivedCall") -> Order:
        """Take a resolution and a shape; "provider/model" names the model."""
        wanted, model = call.json, call.model
        if "/" not in model:
            raise Rejected(*error(400, f"{model} is not a valid model ID"))
        resolution, shape = wanted.get("resolution", "1K"), wanted.get("aspect_ratio", "1:1")
        if resolution not in sizes.SCALES or shape not in sizes.BANANA_1K:
            raise Rejected(*error(400, f"Invalid resolution or aspect_ratio: {resolution}, {shape}"))
        count = int(wanted.get("n", 1))
        if not 1 <= count <= MAX_PICTURES:
            raise Rejected(*error(400, "n must be from 1 to 10"))
        for reference in wanted.get("input_references", []):
            _check(reference)
        width, height = sizes.banana_size(shape, resolution)
        mime = f"image/{wanted.get('output_format', 'png')}"
        return Order(model=model, prompt=wanted["prompt"], width=width, height=height, count=count, mime=mime)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures, the usage with its cost, and in headers who made them."""
        text, cost = len(order.prompt) // 4 + 1, float(PRICE * len(sheets))
        made = 1120 * len(sheets)
        body = {
            "created": 0,
            "data": [{"b64_json": sheet.base64, "media_type": sheet.mime} for sheet in sheets],
            "usage": {
                "prompt_tokens": text,
                "completion_tokens": made,
                "total_tokens": text + made,
                "cost": cost,
                "is_byok": False,
                "cost_details": {"upstream_inference_cost": cost},
                "completion_tokens_details": {"image_tokens": made},
            },
        }
        return json_answer(body, headers={"X-Generation-Id": "gen-emulated", "X-Provider-Name": "Google AI Studio"})


def _check(reference: Any) -> None:
    url = reference["image_url"]["url"]
    if reference["type"] != "image_url":
        raise Rejected(*error(400, "input_references: unknown type"))
    if not url.startswith("https://") and not (_DATA.match(url) and decode_picture(_DATA.sub("", url))):
        raise Rejected(*error(400, "input_references: invalid image"))


OPENROUTER = Service(
    name="openrouter",
    routes=(("POST", "/api/v1/images", "openrouter"),),
    dialect=lambda _: OpenRouterImages(),
    errors={
        "overloaded": error(503, "The model is overloaded. Please try again later."),
        "rate-limited": error(429, "Rate limit exceeded: too many requests."),
        "quota": error(402, "Insufficient credits. Add more using your account's page."),
        "bad-key": error(401, "No auth credentials found"),
        "forbidden": error(403, "This key may not use the model."),
        "model-gone": error(404, "No endpoints found for {model}."),
        "invalid": error(400, "Invalid resolution."),
        "server-error": error(502, "Provider returned error", provider_name="Google AI Studio", raw="internal error"),
    },
    refusals={
        "flagged": error(403, "Your chosen model requires moderation and your input was flagged.", reasons=["violence"])
    },
    empty=(200, {"created": 0, "data": [], "usage": {"cost": float(PRICE)}}),
)
