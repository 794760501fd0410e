"""Answers without a picture: refused content and empty results (upstreams §1.5, §2.5, §3.3, §4.5)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator.dialects.chat import completion
from pixroute.testing.emulator.dialects.dialect import now
from pixroute.testing.emulator.envelopes import ark, gateway, openai
from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.services import SERVICES, Service

if TYPE_CHECKING:
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.wire import Answer

Wording = tuple[int, Any]

_SORRY = "I can't create that, but I can describe it."
_USAGE = {"promptTokenCount": 30, "candidatesTokenCount": 12, "thoughtsTokenCount": 12, "totalTokenCount": 42}
_MODERATED = "Your request was rejected by the safety system."
_SENSITIVE = "The request failed because the output image may contain sensitive information."


def _candidate(content: Any, reason: str, **more: str) -> Wording:
    candidate = {"content": content, "finishReason": reason, **more, "index": 0}
    return 200, {"candidates": [candidate], "usageMetadata": _USAGE, "modelVersion": "{model}"}


def _said(text: str) -> Wording:
    return _candidate({"role": "model", "parts": [{"text": text}]}, "STOP")


def _items(*items: Any) -> Wording:
    return 200, {"created": now(), "data": list(items)}


_BLOCKED = {"candidates": None, "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": _USAGE}
_CATEGORIES = {"moderation_stage": "input", "categories": ["violence"]}
_USER_ERROR = "image_generation_user_error"

# voice -> shape -> what is answered; the first is the voice's default
REFUSALS: dict[str, dict[str, Wording]] = {
    "google": {
        "image-safety": _candidate({}, "IMAGE_SAFETY", finishMessage="Unable to show the generated image."),
        "no-image": _candidate({"parts": None}, "NO_IMAGE"),
        "image-other": _candidate({"role": "model"}, "IMAGE_OTHER", finishMessage="You will not be charged."),
        "prohibited": (200, _BLOCKED),
        "text": _said(_SORRY),
    },
    "openai": {
        "moderation-blocked": (
            400,
            openai(_MODERATED, _USER_ERROR, "moderation_blocked", moderation_details=_CATEGORIES),
        ),
    },
    "ark": {
        "output": (400, ark("OutputImageSensitiveContentDetected", _SENSITIVE, "BadRequest")),
        "input": (
            400,
            ark("InputTextSensitiveContentDetected", "The input text may contain sensitive information.", "BadRequest"),
        ),
        "item": (200, ark("OutputImageSensitiveContentDetected", _SENSITIVE, "BadRequest")),
        "whole-200": (200, ark("OutputImageSensitiveContentDetected", _SENSITIVE, "BadRequest")),
    },
    "gateway": {"moderated": (403, gateway(f"{_MODERATED} (request id: {{id}})", "content_policy_violation"))},
    "chat": {"text": (200, completion(_SORRY))},
}

EMPTIES: dict[str, dict[str, Wording]] = {
    "google": {
        "none": _candidate({"role": "model", "parts": []}, "STOP"),
        "null": _candidate({"parts": None}, "STOP"),
        "text": _said("Here is the picture."),
    },
    "gateway": {
        "none": _items(),
        "null": _items({"b64_json": None}),
        "text": _items({"revised_prompt": "Here is the picture."}),
    },
    "chat": {
        "none": (200, completion("")),
        "null": (200, completion(None)),
        "text": (200, completion("Here is the picture.")),
    },
}
_FREE = {"ark"}


def shape(service: Service) -> None:
    """Let refusals and empty answers be told in a service's shapes."""
    if service.refusals:
        REFUSALS[service.name] = dict(service.refusals)
    if service.empty:
        EMPTIES[service.name] = dict.fromkeys(("none", "null", "text"), service.empty)
    if not service.bills_refusals:
        _FREE.add(service.name)


for _service in SERVICES:
    shape(_service)


async def _refuse(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    shapes = REFUSALS.get(exchange.dialect.voice) or REFUSALS["gateway"]
    asked = exchange.option("shape")
    shape = asked if asked in shapes else next(iter(shapes))
    status, body = shapes[shape]
    if shape == "item":
        return await _refuse_last_item(exchange, body)
    # Google charges for tokens, of which a refusal has few; at the aggregator every 200 of a per-call model is charged.
    if status == 200 and not exchange.call.to_google:
        _charge(exchange)
    await exchange.ponder()
    return exchange.error(status, body)


async def _refuse_last_item(exchange: "EmulatedExchange", body: Any) -> "Answer":
    fewer = exchange.order.count - 1
    sheets = await exchange.make(evolve(exchange.order, count=fewer)) if fewer else []
    answer = await exchange.render(exchange.order, sheets)
    told = json.loads(answer.body)
    told["data"].append({"error": {name: body["error"][name] for name in ("code", "message")}})
    return exchange.error(200, told)


async def _empty(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    if exchange.dialect.voice != "ark":
        exchange.charge()
    await exchange.ponder()
    voice = exchange.dialect.voice
    status, body = EMPTIES.get(voice, EMPTIES["gateway"])[exchange.option("shape")]
    return exchange.error(status, body)


def _charge(exchange: "EmulatedExchange") -> None:
    if exchange.dialect.voice not in _FREE:  # they charge for pictures only
        exchange.charge()


NO_PICTURE = {
    "refused": FaultKind(
        summary="the content is refused, in any of the upstream's shapes",
        act=_refuse,
        options={"shape": ("own", *dict.fromkeys(shape for shapes in REFUSALS.values() for shape in shapes))},
    ),
    "empty": FaultKind(
        summary="200 without a picture: none, null, or only text",
        act=_empty,
        options={"shape": ("none", "null", "text")},
    ),
}
