"""xAI's images API (facts: captures and xAI's adapter; pixels and error words second hand)."""

import math
import re
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

SIDES = {"1k": 1024, "2k": 2048}
TICKS = {"grok-imagine-image-2.0": (400_000_000, 600_000_000), "grok-imagine-image-quality": (500_000_000,) * 2}
SHAPES = ("1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1", "auto")
MAX_PICTURES, MAX_REFERENCES = 10, 3
HOURS = 4 * 3600.0
FIELDS = {"model", "prompt", "n", "response_format", "aspect_ratio", "resolution", "quality", "user", "image", "images"}
_DATA = re.compile(r"data:image/[a-z]+;base64,")


def error(status: int, code: str, message: str) -> Wording:
    """Its envelope: two texts."""
    return status, {"code": code, "error": message}


class EmulatedXAI:
    """Shapes and classes are words; a picture has no exact size, no seed, no mask; edits are JSON."""

    voice = "xai"

    def read(self, call: "ReceivedCall") -> Order:
        """Refuse what it does not know."""
        wanted = call.json
        if unknown := wanted.keys() - FIELDS:
            raise _invalid(f"Argument not supported: {min(unknown)}")
        resolution, shape = wanted.get("resolution", "1k"), wanted.get("aspect_ratio", "auto")
        if resolution not in SIDES or shape not in SHAPES:
            raise _invalid(f"resolution or aspect_ratio is not valid: {resolution}, {shape}")
        count = int(wanted.get("n", 1))
        if not 1 <= count <= MAX_PICTURES:
            raise _invalid("n must be between 1 and 10")
        # Beside a generation references are dropped without a word.
        if call.route == "edits":
            _check(wanted)
        width, height = _pixels(shape, SIDES[resolution])
        return Order(
            model=call.model,
            prompt=wanted["prompt"],
            width=width,
            height=height,
            count=count,
            mime="image/jpeg",
            as_url=wanted.get("response_format", "url") == "url",
            lifetime=HOURS,
        )

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures, and in ticks of 1e-10 dollars what they cost."""
        base, more = TICKS.get(order.model, (200_000_000,) * 2)
        each = more if order.width * order.height > 2_100_000 else base
        data = [_item(order, sheet) for sheet in sheets]
        return json_answer({"data": data, "usage": {"cost_in_usd_ticks": each * len(sheets)}})


def _item(order: Order, sheet: "Sheet") -> dict[str, Any]:
    held = {"url": sheet.url} if order.as_url else {"b64_json": sheet.base64}
    return {**held, "mime_type": sheet.mime, "revised_prompt": "", "respect_moderation": True}


def _check(wanted: dict[str, Any]) -> None:
    references = wanted["images"] if "images" in wanted else [wanted["image"]]
    if not 1 <= len(references) <= MAX_REFERENCES:
        raise _invalid("at most 3 images")
    for one in references:
        if one["type"] != "image_url" or not decode_picture(_DATA.sub("", one["url"])):
            raise _invalid("Invalid image")


def _pixels(shape: str, side: int) -> tuple[int, int]:
    width, height = (1.0, 1.0) if shape == "auto" else map(float, shape.split(":"))
    return int(side * math.sqrt(width / height)) // 16 * 16, int(side * math.sqrt(height / width)) // 16 * 16


def _invalid(message: str) -> Rejected:
    return Rejected(*error(400, "Client specified an invalid argument", message))


XAI_SERVICE = Service(
    name="xai",
    routes=(),
    shares=frozenset({"images", "edits"}),
    families=frozenset({"grok"}),
    dialect=lambda _: EmulatedXAI(),
    errors={
        "overloaded": error(503, "The service is currently unavailable", "The model is at capacity, try again later."),
        "rate-limited": error(429, "Some resource has been exhausted", "Too many requests: rate limit reached."),
        "quota": error(403, "The caller does not have permission", "Your team has run out of credits; buy more."),
        "bad-key": error(400, "Client specified an invalid argument", "Incorrect API key provided: xa***."),
        "forbidden": error(403, "The caller does not have permission", "This key may not use the model."),
        "model-gone": error(404, "Some requested entity was not found", "The model {model} does not exist."),
        "invalid": error(400, "Client specified an invalid argument", "resolution is not valid"),
        "server-error": error(500, "Internal error", "An internal error occurred."),
    },
    refusals={
        "flag": (200, {"data": [{"respect_moderation": False}], "usage": {"cost_in_usd_ticks": 0}}),
        "dropped": (200, {"data": []}),
    },
    empty=(200, {"data": [{"mime_type": "image/jpeg"}]}),
)
