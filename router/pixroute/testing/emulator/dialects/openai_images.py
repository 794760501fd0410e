"""`/v1/images/generations` and `/v1/images/edits`: OpenAI's own models, and Nano Banana as aggregators serve it."""

from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import json_answer, now
from pixroute.testing.emulator.envelopes import gateway, openai
from pixroute.testing.emulator.models import GPT_IMAGES, NANO_BANANAS
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.pictures import measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

MAX_REFERENCES = 16


class EmulatedOpenAIImages:
    """GPT image models (upstreams §1): sizes are validated and the answer is always base64."""

    voice = "openai"

    def read(self, call: "ReceivedCall") -> Order:
        """Validate as OpenAI does."""
        wanted = _wanted(call)
        model, size, count = call.model, wanted.get("size", "auto"), int(wanted.get("n", 1))
        if model not in GPT_IMAGES:
            raise _rejected(f"The model '{model}' does not exist.", "model", "model_not_found", status=404)
        for name in ("response_format", "stream", "partial_images"):
            if wanted.get(name):
                raise _rejected(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
        if not 1 <= count <= 10:
            raise _rejected("Invalid 'n': expected a value from 1 to 10.", "n", "integer_out_of_range")
        pixels = (1024, 1024) if size == "auto" else sizes.parse_pixels(size)
        if pixels is None or not sizes.openai_size_is_legal(model, *pixels):
            raise _rejected(f"Invalid size '{size}'.", "size", "invalid_value")
        wanted_format = wanted.get("output_format", "png")
        if wanted_format not in {"png", "jpeg", "webp"}:
            raise _rejected(f"Invalid value: '{wanted_format}'.", "output_format", "invalid_value")
        mime = f"image/{wanted_format}"
        return Order(model=model, prompt=wanted["prompt"], width=pixels[0], height=pixels[1], count=count, mime=mime)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell everything the specification has."""
        text, pixels = len(order.prompt) // 4 + 1, order.width * order.height
        tokens = len(sheets) * pixels * 4160 // 1024**2
        body = {
            "created": now(),
            "background": "opaque",
            "output_format": order.mime.removeprefix("image/"),
            "quality": "high",
            "size": f"{order.width}x{order.height}",
            "data": [_item(order, sheet) for sheet in sheets],
            "usage": {
                "input_tokens": text,
                "output_tokens": tokens,
                "total_tokens": text + tokens,
                "input_tokens_details": {"text_tokens": text, "image_tokens": 0},
                "output_tokens_details": {"text_tokens": 0, "image_tokens": tokens},
            },
        }
        return json_answer(body, headers={"openai-version": "2020-10-01", "openai-processing-ms": "1"})


class BananaImages:
    """Nano Banana Pro as other aggregators serve it here: `n` is dropped and usage is null (upstreams §3.2)."""

    voice = "gateway"

    def read(self, call: "ReceivedCall") -> Order:
        """Take "4096x4096", "4K" or "16:9" for a size; the default is 1024x1024."""
        wanted = _wanted(call)
        if call.model not in NANO_BANANAS and not call.model.startswith("gemini-"):
            raise Rejected(404, gateway(f"The model `{call.model}` does not exist", "model_not_found"))
        pixels = _banana_pixels(str(wanted.get("size", "1K")))
        if pixels is None or not 256 <= min(pixels) <= max(pixels) <= 6400:
            raise Rejected(400, gateway(f"invalid size: {wanted['size']}", "invalid_request", param="size"))
        order = Order(model=call.model, prompt=wanted["prompt"], width=pixels[0], height=pixels[1])
        return evolve(order, as_url=wanted.get("response_format") == "url")

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell little, as aggregators do."""
        return json_answer({"created": now(), "data": [_item(order, sheet) for sheet in sheets], "usage": None})


def _wanted(call: "ReceivedCall") -> dict[str, Any]:
    if call.route == "images":
        return {name: value for name, value in call.json.items() if value is not None}
    files = [*call.fields.get("image", []), *call.fields.get("image[]", [])]
    if not 1 <= len(files) <= MAX_REFERENCES:
        raise _rejected("Missing required parameter: 'image'.", "image", "missing_required_parameter")
    if not all(isinstance(file, bytes) and measure(file) for file in files):
        raise _rejected("Invalid image file or mode for image 1.", "image", "invalid_image_file")
    return {name: values[0] for name, values in call.fields.items()}


def _rejected(message: str, param: str, code: str, *, status: int = 400) -> Rejected:
    return Rejected(status, openai(message, "invalid_request_error", code, param))


def _banana_pixels(size: str) -> tuple[int, int] | None:
    if size in sizes.SCALES:
        return sizes.banana_size("1:1", size)
    return sizes.banana_size(size, "1K") if size in sizes.BANANA_1K else sizes.parse_pixels(size)


def _item(order: Order, sheet: "Sheet") -> dict[str, Any]:
    return {"url": sheet.url} if order.as_url else {"b64_json": sheet.base64}
