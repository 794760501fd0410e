"""Answers out of public reports, by name: pages of hops, errors in odd envelopes, refusals in other words."""

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.wire import Answer

if TYPE_CHECKING:
    from pixroute.testing.emulator.exchange import EmulatedExchange

_HTML = {"Content-Type": "text/html"}
_TEXT = {"Content-Type": "text/plain"}
_RAY = {"Server": "cloudflare", "CF-RAY": "8f0c1e2d3a4b5c6d-SIN"}


def _openai(
    message: str, code: str | None = None, param: str | None = None, type_: str = "invalid_request_error"
) -> Any:
    return {"error": {"message": message, "type": type_, "param": param, "code": code}}


def _nginx(title: str) -> str:
    return (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<hr><center>nginx</center>\r\n</body></html>\r\n"
    )


_BACKGROUND = "Transparent background is not supported for this model."
_SAFETY = "Your request was rejected as a result of our safety system."

# name -> status, headers of a page (None: JSON), body
CASES: dict[str, tuple[int, dict[str, str] | None, Any]] = {
    "wrong-param": (400, None, _openai(_BACKGROUND, "invalid_value", "background", "image_generation_user_error")),
    "wrong-param-words": (400, None, _openai(_BACKGROUND)),
    "unknown-moderation": (400, None, _openai("Unknown parameter: 'moderation'.", "unknown_parameter", "moderation")),
    "moderation-down": (503, None, _openai("The moderation service is temporarily unavailable.", type_="server_error")),
    "refused-words": (400, None, _openai(_SAFETY)),
    "refused-azure": (400, None, {"error": {"code": "contentFilter", "message": "Your task failed."}}),
    "refused-zh": (400, None, _openai("提示词包含敏感词，请修改后重试")),
    "refused-in-500": (500, None, _openai("Generation blocked [IMAGE_SAFETY]: no", type_="channel_error")),
    "model-replied": (502, None, _openai("No image; model replied: I can't create that.", type_="upstream_error")),
    "challenge": (403, _HTML | _RAY, "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>"),
    "cloudflare-1020": (403, _TEXT | _RAY, "error code: 1020"),
    "nginx-403": (403, _HTML, _nginx("403 Forbidden")),
    "nginx-404": (404, _HTML, _nginx("404 Not Found")),
    "nginx-405": (405, _HTML, _nginx("405 Not Allowed")),
    "nginx-413": (413, _HTML, _nginx("413 Request Entity Too Large")),
    "proxy-407": (407, _HTML, "<html>Proxy Authentication Required</html>"),
    "zscaler-403": (403, _HTML | {"Server": "Zscaler/6.2"}, "<html><title>Internet Security by Zscaler</title></html>"),
    "legal-451": (451, _HTML, "<html>Unavailable For Legal Reasons</html>"),
    "empty-403": (403, _TEXT, ""),
    "empty-404": (404, _TEXT, ""),
    "invalid-url": (404, None, _openai("Invalid URL (POST /v1/v1/images/generations)", "", "")),
    "not-found": (404, None, {"detail": "Not Found"}),
    "web-interface": (200, _HTML, "<!doctype html><html><head><title>Gateway</title></head></html>"),
    "envelope-msg": (200, None, {"code": 402, "msg": "Insufficient credits. Please top up.", "data": None}),
    "envelope-success": (200, None, {"success": False, "message": "user quota is not enough"}),
    "envelope-detail": (200, None, {"detail": "Rate limit exceeded"}),
    "envelope-errors": (200, None, {"errors": [{"message": "Capacity exceeded", "code": 3040}], "success": False}),
    "envelope-number": (200, None, {"error": 429, "message": "too many requests"}),
    "envelope-true": (200, None, {"error": True, "message": "prompt rejected by content policy"}),
    "task-id": (200, None, {"id": "task_0123456789", "object": "image.task", "status": "queued"}),
    "throttled": (429, None, {"detail": "Throttled. Your rate limit resets in ~9s.", "retry_after": 9}),
}  # fmt: skip


async def _say(exchange: "EmulatedExchange", case: tuple[int, dict[str, str] | None, Any]) -> Answer:
    await exchange.after()
    status, headers, body = case
    if headers is None:
        return Answer(status=status, headers={"Content-Type": "application/json"}, body=json.dumps(body).encode())
    return Answer(status=status, headers=headers, body=body.encode())


async def _white_space(exchange: "EmulatedExchange") -> Answer:
    answer = await exchange.deliver(exchange.order)
    return evolve(answer, body=b" \n" * int(exchange.option("pairs")) + answer.body)


REPORTED = {
    name: FaultKind(summary=f"{case[0]}, as in public reports: {str(case[2])[:60]}", act=partial(_say, case=case))
    for name, case in CASES.items()
} | {
    "white-space": FaultKind(summary="white space before the JSON", act=_white_space, options={"pairs": 32.0}),
}
