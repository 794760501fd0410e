"""Gemini's own API: `:generateContent` and `:streamGenerateContent`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, frozen

from pixroute.request import Reference
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest
from pixroute.serve.dialects.conversation import Turn, prompt_of, shown_in
from pixroute.serve.dialects.dialect import Links, StreamEvent, truth
from pixroute.serve.document import Document
from pixroute.serve.pictures_in import decoded
from pixroute.serve.problem import GatewayProblem, bad, money, spends

_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's words; any other is INVALID_ARGUMENT."""
_OURS = frozenset({"contents", "generationConfig", "generation_config"})
_CONFIG = frozenset({"imageConfig", "image_config", "candidateCount", "candidate_count", "responseModalities"})


@frozen(kw_only=True)
class GeminiDialect:
    """The dialect; a stream lives by empty lines, which its clients skip."""

    sign: bytes = b"\n"

    def pictures(self, fields: Mapping[str, Any]) -> list[Reference | str]:
        """Find them in the last turn that has any."""
        return shown_in(_turns(fields))

    def masks(self, _fields: Mapping[str, Any]) -> list[Reference | str]:
        """Give none: it has no word for it."""
        return []

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk) -> GatewayRequest:
        """Read a body."""
        config = _table(fields, "generationConfig", "generation_config")
        image = _table(config, "imageConfig", "image_config")
        plain = {
            "model": fields.get("model"),
            "prompt": prompt_of(_turns(fields), "contents"),
            "stream": fields.get("stream"),
            "n": _either(config, "candidateCount", "candidate_count"),
            "resolution": _either(image, "imageSize", "image_size"),
            "aspect_ratio": _either(image, "aspectRatio", "aspect_ratio"),
            **{name: value for name, value in fields.items() if name not in {*_OURS, "model", "stream", "prompt"}},
        }
        asked = desk.take(plain, references=references)
        ignored = sorted(name for name in config.keys() - _CONFIG if config[name] is not None)
        return evolve(asked, notes=(*asked.notes, *(f"generationConfig.{name} was not passed on" for name in ignored)))

    def answer(self, result: GatewayAnswer, asked: GatewayRequest, _links: Links) -> Document:
        """Write a candidate for each picture."""
        document = Document()
        candidates = [
            {
                "content": {
                    "role": "model",
                    "parts": [{"inlineData": {"mimeType": one.media_type, "data": document.picture(one.content)}}],
                },
                "finishReason": "STOP",
                "index": number,
            }
            for number, one in enumerate(result.images)
        ]
        return document.of(
            {
                "candidates": candidates,
                "modelVersion": result.image.model or asked.model or "",
                "responseId": result.request_id,
                "pixroute": truth(result, asked),
            }
        )

    def problem(self, problem: GatewayProblem) -> dict[str, Any]:
        """Write Google's envelope."""
        reason: dict[str, Any] = {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": problem.kind.upper(),
            "domain": "pixroute",
            "metadata": {"may_be_billed": str(spends(problem.cost)).lower()},
        }
        if problem.cost is not None:
            reason["metadata"] |= {name: str(value) for name, value in money(problem.cost).items()}
        status = _STATUSES.get(problem.status, "INVALID_ARGUMENT")
        return {"error": {"code": problem.status, "message": problem.message, "status": status, "details": [reason]}}

    def progress(self, _told: Mapping[str, Any]) -> StreamEvent | None:
        """Tell nothing: a chunk without a candidate is taken for an answer."""
        return None

    def completed(self, result: GatewayAnswer, asked: GatewayRequest, links: Links) -> Iterator[StreamEvent]:
        """Tell all in one chunk."""
        yield StreamEvent(document=self.answer(result, asked, links))

    def failed(self, problem: GatewayProblem) -> Iterator[StreamEvent]:
        """Tell the error in a chunk, which Google's clients raise."""
        yield StreamEvent(document=Document().of(self.problem(problem)))


def _turns(fields: Mapping[str, Any]) -> list[Turn]:
    contents = fields.get("contents")
    if isinstance(contents, str | Mapping):
        contents = [contents]
    if not isinstance(contents, list):
        raise bad("contents must be a list of contents", "contents")
    return [_turn(one) for one in contents]


def _turn(content: Any) -> Turn:
    if isinstance(content, str):
        return Turn(is_user=True, words=(content,))
    if not isinstance(content, Mapping):
        raise bad("a content must be an object with parts", "contents")
    parts = content.get("parts") or []
    parts = [parts] if isinstance(parts, Mapping) else parts
    if not isinstance(parts, list) or not all(isinstance(part, Mapping) for part in parts):
        raise bad("parts must be a list of objects", "contents")
    words = tuple(part["text"] for part in parts if isinstance(part.get("text"), str) and part["text"])
    pictures = tuple(one for part in parts for one in _pictures(part))
    return Turn(is_user=(content.get("role") or "user") == "user", words=words, pictures=pictures)


def _pictures(part: Mapping[str, Any]) -> Iterator[Reference | str]:
    inline = _either(part, "inlineData", "inline_data")
    if isinstance(inline, Mapping) and isinstance(inline.get("data"), str):
        yield Reference(data=decoded(inline["data"], "contents"))
    file = _either(part, "fileData", "file_data")
    if isinstance(file, Mapping):
        url = _either(file, "fileUri", "file_uri")
        if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
            raise bad("fileData is taken with a fileUri of https:// only; no files are kept here", "contents")
        yield url


def _either(table: Mapping[str, Any], one: str, other: str) -> Any:
    return table[one] if table.get(one) is not None else table.get(other)


def _table(fields: Mapping[str, Any], one: str, other: str) -> Mapping[str, Any]:
    found = _either(fields, one, other)
    if found is not None and not isinstance(found, Mapping):
        raise bad(f"{one} must be an object", one)
    return found or {}
