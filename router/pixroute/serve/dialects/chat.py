"""Chat completions whose answer is a picture: what chat clients send, and OpenRouter's way of answering it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from pixroute.request import Reference
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest
from pixroute.serve.dialects.conversation import Turn, prompt_of, shown_in
from pixroute.serve.dialects.dialect import Links, StreamEvent, truth, usage_of
from pixroute.serve.document import Document
from pixroute.serve.pictures_in import picture_of
from pixroute.serve.problem import GatewayProblem, bad

_IMAGE_CONFIG = frozenset({"aspect_ratio", "image_size"})
_OURS = frozenset({"messages", "modalities", "image_config", "stream_options"})


@frozen(kw_only=True)
class ChatDialect:
    """The dialect."""

    sign: bytes = b": keepalive\n\n"

    def pictures(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find them in the last message that has any."""
        return shown_in(_turns(fields))

    def masks(self, _fields: Mapping[str, Any]) -> list[Reference | str]:
        """Give none: it has no word for it."""
        return []

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk) -> GatewayRequest:
        """Read a body."""
        modalities, config = fields.get("modalities"), fields.get("image_config") or {}
        if modalities is not None and (not isinstance(modalities, list) or "image" not in modalities):
            raise bad('only pictures are made here: modalities must hold "image"', "modalities")
        if not isinstance(config, Mapping):
            raise bad("image_config must be an object", "image_config")
        plain = {
            **{name: value for name, value in fields.items() if name not in _OURS},
            "prompt": prompt_of(_turns(fields), "messages"),
            "resolution": config.get("image_size") or fields.get("resolution"),
            "aspect_ratio": config.get("aspect_ratio") or fields.get("aspect_ratio"),
        }
        asked = desk.take(plain, references=references)
        ignored = tuple(f"image_config.{name} was not passed on" for name in sorted(config.keys() - _IMAGE_CONFIG))
        return evolve(asked, notes=(*asked.notes, *ignored))

    def answer(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Document:
        """Write one message with all pictures."""
        document = Document()
        message = {"role": "assistant", "content": "", "images": _images(result, document, links)}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return document.of({**_head(result, asked, "chat.completion"), "choices": [choice], **_told(result, asked)})

    def problem(self, problem: GatewayProblem) -> dict[str, Any]:
        """Write OpenAI's envelope."""
        return problem.envelope()

    def progress(self, _told: Mapping[str, Any]) -> StreamEvent | None:
        """Tell nothing: a chunk is something said."""
        return None

    def completed(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Iterator[StreamEvent]:
        """Say that there are pictures, that this is all, and what it cost."""
        document = Document()
        said = {"role": "assistant", "content": "", "images": _images(result, document, links)}
        head = _head(result, asked, "chat.completion.chunk")
        yield StreamEvent(document=document.of({**head, "choices": [_delta(said, None)]}))
        last = {**head, "choices": [_delta({}, "stop")], **_told(result, asked)}
        yield StreamEvent(document=Document().of(last))
        yield StreamEvent(document=Document.raw("[DONE]"))

    def failed(self, problem: GatewayProblem) -> Iterator[StreamEvent]:
        """Tell the error in the form that OpenAI's clients raise."""
        yield StreamEvent(document=Document().of(problem.envelope()))


def _turns(fields: Mapping[str, Any]) -> list[Turn]:
    messages = fields.get("messages")
    if not isinstance(messages, list) or not all(isinstance(one, Mapping) for one in messages):
        raise bad("messages must be a list of messages", "messages")
    return [_turn(one) for one in messages]


def _turn(message: Mapping[str, Any]) -> Turn:
    content = message.get("content")
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    shown = message.get("images") or []
    if not isinstance(parts, list) or not isinstance(shown, list):
        raise bad("a message's content must be text or a list of parts", "messages")
    parts = [*parts, *shown]
    if not all(isinstance(part, Mapping) for part in parts):
        raise bad("a part of a message must be an object", "messages")
    words = tuple(part["text"] for part in parts if isinstance(part.get("text"), str) and part["text"].strip())
    pictures = tuple(_picture(part) for part in parts if "image_url" in part)
    return Turn(is_user=message.get("role") == "user", words=words, pictures=pictures)


def _picture(part: Mapping[str, Any]) -> Reference | str:
    held = part["image_url"]
    url = held.get("url") if isinstance(held, Mapping) else held
    if not isinstance(url, str):
        raise bad("image_url must be an object with a url", "messages")
    return picture_of(url, "messages")


def _images(result: GatewayAnswer, document: Document, links: Links) -> list[dict[str, Any]]:
    return [
        {
            "type": "image_url",
            "index": number,
            "image_url": {"url": links.get(one) or f"data:{one.media_type};base64,{document.picture(one.content)}"},
        }
        for number, one in enumerate(result.images)
    ]


def _head(result: GatewayAnswer, asked: GatewayRequest, kind: str) -> dict[str, Any]:
    model = asked.model or result.image.model or ""
    return {"id": f"chatcmpl-{result.request_id}", "object": kind, "created": int(time.time()), "model": model}


def _told(result: GatewayAnswer, asked: GatewayRequest) -> dict[str, Any]:
    return {"usage": usage_of(result), "pixroute": truth(result, asked)}


def _delta(said: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": said, "finish_reason": finish, "logprobs": None}
