"""Seedream on Ark and, passed through, on the aggregator's `/v1/images/generations` (upstreams §4)."""

import re
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer, now
from pixroute.testing.emulator.envelopes import ark
from pixroute.testing.emulator.models import SEEDREAMS
from pixroute.testing.emulator.order import Order, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

DAY = 86_400.0
MAX_REFERENCES = 14


class EmulatedSeedream:
    """Ark's dialect: `n` is ignored, the watermark is on unless refused, 4.x gives JPEG only."""

    voice = "ark"

    def read(self, call: "ReceivedCall") -> Order:
        """Validate as Ark does."""
        wanted, model = call.json, call.model
        name = model.removeprefix("doubao-")
        if name not in SEEDREAMS and not name.startswith("ep-"):
            message = f"The model or endpoint {model} does not exist or you do not have access to it."
            raise Rejected(404, ark("InvalidEndpointOrModel.NotFound", message, "NotFound"))
        _check_fields(name, wanted)
        inputs = _inputs(wanted.get("image", []))
        count = _count(wanted)
        if len(inputs) + count > 15:
            raise _invalid("image", "input and output images must not exceed 15")
        width, height = _pixels(model, str(wanted.get("size", "2048x2048")), wanted["prompt"])
        return Order(
            model=model,
            prompt=wanted["prompt"],
            width=width,
            height=height,
            count=count,
            mime=f"image/{wanted.get('output_format', 'jpeg')}",
            as_url=wanted.get("response_format", "url") == "url",
            lifetime=DAY,
            watermark=wanted.get("watermark", True),
        )

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures with their sizes, and tokens by the pixel."""
        tokens = sum(sheet.width * sheet.height for sheet in sheets) // 256
        body = {
            "model": order.model,
            "created": now(),
            "data": [_item(order, sheet) for sheet in sheets],
            "usage": {"generated_images": len(sheets), "output_tokens": tokens, "total_tokens": tokens},
        }
        return json_answer(body, headers={"server": "istio-envoy"})


def _check_fields(name: str, wanted: dict[str, Any]) -> None:
    alone = name.startswith(("seedream-5-0-pro", "seedream-5-0-flash"))
    pro_refuses = {"sequential_image_generation", "stream"} if alone else set()
    only_5 = set() if name.startswith("seedream-5") else {"output_format", "tools", "layer_decomposition"}
    for field in (pro_refuses | only_5) & wanted.keys():
        raise _invalid(field, "this parameter is not supported by the model")
    if wanted.get("stream"):
        raise _invalid("stream", "streaming is not emulated")
    if wanted.get("output_format", "jpeg") not in {"png", "jpeg"}:
        raise _invalid("output_format", "must be png or jpeg")


def _inputs(image: str | list[str]) -> list[str]:
    images = [image] if isinstance(image, str) else image
    for one in images:
        head, _, data = one.partition(";base64,")
        if not one.startswith("http") and not (re.fullmatch(r"data:image/[a-z]+", head) and decode_picture(data)):
            raise _invalid("image", "invalid image, expected a URL or data:image/<lower-case type>;base64,")
    if len(images) > MAX_REFERENCES:
        raise _invalid("image", f"at most {MAX_REFERENCES} images")
    return images


def _count(wanted: dict[str, Any]) -> int:
    if wanted.get("sequential_image_generation", "disabled") != "auto":
        return 1
    count: int = wanted.get("sequential_image_generation_options", {}).get("max_images", 15)
    if not 1 <= count <= 15:
        raise _invalid("sequential_image_generation_options.max_images", "must be between 1 and 15")
    return count


def _pixels(model: str, size: str, prompt: str) -> tuple[int, int]:
    classes, least, most = sizes.seedream_limits(model)
    if size in classes:
        presets = sizes.SEEDREAM_CLASSES[size]
        described = (ratio for ratio in re.findall(r"\b\d+:\d+\b", prompt) if ratio in presets)
        return presets[next(described, "1:1")]
    width, height = sizes.parse_pixels(size) or (0, 0)
    if not width:
        raise _invalid("size", f"must be WIDTHxHEIGHT or one of {', '.join(classes)}")
    if width * height < least:
        raise _invalid("size", f"image size must be at least {least} pixels")
    if width * height > most or not 1 / 16 <= width / height <= 16:
        raise _invalid("size", f"image size must be at most {most} pixels, its ratio from 1/16 to 16")
    return width, height


def _invalid(param: str, reason: str) -> Rejected:
    message = f"The parameter `{param}` specified in the request is not valid: {reason}."
    return Rejected(400, ark("InvalidParameter", message, "BadRequest", param))


def _item(order: Order, sheet: "Sheet") -> dict[str, Any]:
    picture = {"url": sheet.url} if order.as_url else {"b64_json": sheet.base64}
    return {**picture, "size": f"{sheet.width}x{sheet.height}"}
