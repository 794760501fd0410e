"""`/v1beta/models/{model}:generateContent` and its streaming twin (upstreams §2)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.envelopes import google
from pixroute.testing.emulator.models import GEMINIS, RETIRED_AT_GOOGLE
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.wire import WireDelivery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

MAX_REFERENCES = 14
FIELDS = {"contents", "generationConfig", "safetySettings", "systemInstruction", "tools", "toolConfig", "cachedContent"}
CONFIG_FIELDS = {"aspectRatio", "imageSize"}


class EmulatedGemini:
    """Google's own dialect; a Bearer key is an aggregator's pass-through, where a retired alias still lives."""

    voice = "google"

    def read(self, call: "ReceivedCall") -> Order:
        """Validate as Google does: capital K, ratios from the table, unknown names refused."""
        if call.model not in GEMINIS or (call.to_google and call.model in RETIRED_AT_GOOGLE):
            message = (
                f"models/{call.model} is not found for API version v1beta, or is not supported for generateContent."
            )
            raise Rejected(404, google(404, "NOT_FOUND", message))
        _refuse_unknown(call.json, FIELDS)
        config = call.json.get("generationConfig", {}).get("imageConfig", {})
        _refuse_unknown(config, CONFIG_FIELDS)
        parts = [part for content in call.json["contents"] for part in content["parts"]]
        references = _references(parts)
        ratio = config.get("aspectRatio") or (sizes.nearest_ratio(*references[-1]) if references else "1:1")
        resolution = config.get("imageSize", "1K")
        if ratio not in sizes.BANANA_1K or resolution not in sizes.SCALES:
            raise _invalid(f"Invalid value at 'generation_config.image_config': {ratio} {resolution}")
        width, height = sizes.banana_size(ratio, resolution)
        prompt = " ".join(part["text"] for part in parts if "text" in part)
        # PNG and JPEG both occur for one and the same request; here the prompt decides.
        mime = "image/jpeg" if len(prompt) % 2 else "image/png"
        stream = call.target["method"] == "streamGenerateContent"
        return Order(model=call.model, prompt=prompt, width=width, height=height, mime=mime, stream=stream)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures as parts, chunked and without a length."""
        parts = [{"text": "Here is the picture."}, *(_part(order, sheet) for sheet in sheets)]
        answer = json_answer(_body(order, parts))
        if order.stream:
            events = b"".join(b"data: %b\r\n\r\n" % _event(order, parts, at) for at in range(len(parts)))
            answer = evolve(answer, headers={**answer.headers, "Content-Type": "text/event-stream"}, body=events)
        if order.form == "text-url":
            answer = evolve(answer, body=answer.body.replace(b"&", b"\\u0026"))
        return evolve(answer, delivery=WireDelivery(framing="chunked"))


def _refuse_unknown(given: dict[str, Any], known: set[str]) -> None:
    for name in given:
        if name not in known:
            raise _invalid(f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.')


def _references(parts: list[dict[str, Any]]) -> list[tuple[int, int]]:
    measured = [decode_picture(part["inlineData"]["data"]) for part in parts if "inlineData" in part]
    found = [size for size in measured if size]
    if len(found) < len(measured) or len(found) > MAX_REFERENCES:
        raise _invalid("Unable to process input image. Please retry or report in the troubleshooting guide.")
    return found


def _invalid(message: str) -> Rejected:
    return Rejected(400, google(400, "INVALID_ARGUMENT", message))


def _part(order: Order, sheet: "Sheet") -> dict[str, Any]:
    if order.form == "text-url":
        return {"text": sheet.url}
    if order.form == "markdown":
        return {"text": f"![image]({sheet.data_uri})"}
    return {"inlineData": {"mimeType": sheet.mime, "data": sheet.base64}, "thoughtSignature": "EsQCemulated"}


def _body(order: Order, parts: list[dict[str, Any]], reason: str | None = "STOP") -> dict[str, Any]:
    asked, made = len(order.prompt) // 4 + 1, 2000 if max(order.width, order.height) > 3168 else 1120
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    return {
        "candidates": [candidate | ({"finishReason": reason} if reason else {})],
        "usageMetadata": {
            "promptTokenCount": asked,
            # More than the sum of its details, as measured.
            "candidatesTokenCount": made + 231,
            "thoughtsTokenCount": 187,
            "totalTokenCount": asked + made + 231 + 187,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": asked}],
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": made}],
        },
        "modelVersion": order.model,
        "responseId": "emulated",
    }


def _event(order: Order, parts: list[dict[str, Any]], at: int) -> bytes:
    return json.dumps(_body(order, [parts[at]], "STOP" if at == len(parts) - 1 else None)).encode()
