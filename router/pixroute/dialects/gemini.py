"""Gemini's `generateContent`, asked for one picture (upstreams §2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pixroute.dialects.references import base64_of, media_type_of
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Item, Picture, Reply
from pixroute.http.judging.envelope import ADVICE, request_id_in, says_error
from pixroute.outcome import Failure, FailureKind, Stage
from pixroute.redact import quote
from pixroute.request import ImageRequest

ASPECT_RATIOS = frozenset({"1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"})
"""The shapes of Nano Banana Pro, which every later model has too (upstreams §2.3)."""
REFERENCES = 14
"""Most pictures of one prompt."""

REFUSALS = frozenset(
    {
        "SAFETY",
        "IMAGE_SAFETY",
        "PROHIBITED_CONTENT",
        "IMAGE_PROHIBITED_CONTENT",
        "BLOCKLIST",
        "SPII",
        "RECITATION",
        "IMAGE_RECITATION",
        "JAILBREAK",
        "MODEL_ARMOR",
    }
)
"""The reasons, of finishing or of blocking, that decline the content (upstreams §2.5); any other is no picture."""

_LINK = re.compile(
    r"""(?xm)
    data:image/[\w.+-]+;base64,[A-Za-z0-9+/=]+
  | (?<=\]\()https?://[^\s()]+(?=\))              # ![image](https://…)
  | ^[ \t]*https?://\S+[ \t]*$                    # alone on its line: a link within a sentence is not the picture
    """
)


def call(request: ImageRequest, *, root: str = "", model: str) -> Call:
    """Ask for one picture; a shape that was not asked for is left to the model, which follows the last reference."""
    size = request.size
    config: dict[str, str] = {}
    if size and size.aspect_ratio:
        config["aspectRatio"] = "{}:{}".format(*size.aspect_ratio)
    if size:
        config["imageSize"] = size.resolution
    return Call.post(
        f"{root}models/{model}:generateContent",
        json={
            "contents": [{"role": "user", "parts": list(_parts(request))}],
            "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": config},
        },
    )


def _parts(request: ImageRequest) -> Iterator[dict[str, Any]]:
    yield {"text": request.prompt}
    for reference in request.references:
        yield {"inlineData": {"mimeType": media_type_of(reference), "data": base64_of(reference)}}


def refusal(reply: Reply) -> Failure | None:
    """Give why a 2xx answer holds no picture, unless it is an error; drafts before a refusal do not count.

    Any `blockReason` declines the prompt; what the model or Google's filter says beside it is passed on.
    """
    if not reply.ok or reply.json is None or says_error(reply.json):
        return None
    reason, blocked, said = _ending(reply.json)
    if blocked or reason in REFUSALS:
        told = f"{reason}: {said}" if said else f"{reason}"
        return _failure(FailureKind.MODERATED, f"The provider declined the content: {told.rstrip('.')}.", reply, reason)
    if _picture(reply.json) is None:
        text = f"The answer holds no picture; it ended with {reason or 'no reason given'}"
        said = said or quote(" ".join(_texts(reply.json)), limit=_QUOTED)
        text += f" and said: {said.rstrip('.')}." if said else "."
        return _failure(FailureKind.EMPTY, text, reply, reason)
    return None


def _failure(kind: FailureKind, message: str, reply: Reply, reason: str | None) -> Failure:
    return Failure(
        kind=kind,
        message=message,
        advice=ADVICE.get(kind, "Ask for a picture in the prompt, or check `model`; what was answered is billed."),
        stage=Stage.BODY,
        status=reply.status,
        code=reason,
        provider_request_id=request_id_in(reply.headers),
    )


def pictures(reply: Reply) -> Sequence[Item]:
    """Give the one picture: the last that is no thought; all other binary of the answer is discarded."""
    picture = _picture(reply.json)
    if picture is None:
        raise ValueError("the answer holds no picture")
    for blob in _blobs(reply.json):
        if blob is not picture:
            blob.discard()
    return [picture]


def details(reply: Reply) -> Details:
    """Give the model's version and the tokens."""
    model, usage = _at(reply.json, "modelVersion"), _at(reply.json, "usageMetadata")
    return Details(
        model=model if isinstance(model, str) else None,
        usage=usage if isinstance(usage, dict) else None,
    )


def _ending(document: Any) -> tuple[str | None, bool, str]:
    """Say why it ended, whether the prompt was blocked, and in whose words: a blocked prompt has no candidates."""
    reason: str | None = None
    said = ""
    for chunk in document if isinstance(document, list) else [document]:
        feedback = _either(chunk, "promptFeedback", "prompt_feedback")
        if isinstance(block := _either(feedback, "blockReason", "block_reason"), str) and block:
            return block, True, _quoted(_either(feedback, "blockReasonMessage", "block_reason_message"))
        candidate = _at(chunk, "candidates", 0)
        if isinstance(ended := _either(candidate, "finishReason", "finish_reason"), str):
            reason, said = ended, _quoted(_either(candidate, "finishMessage", "finish_message"))
    return reason, False, said


def _texts(document: Any) -> Iterator[str]:
    """Give what the model said in place of a picture, thoughts apart."""
    for chunk in document if isinstance(document, list) else [document]:
        parts = _at(chunk, "candidates", 0, "content", "parts")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(text := _at(part, "text"), str) and not _at(part, "thought"):
                yield text


def _either(document: Any, *names: str) -> Any:
    """Give the field by whichever of its spellings is there."""
    return next((found for name in names if (found := _at(document, name)) is not None), None)


def _quoted(text: Any) -> str:
    return quote(text, limit=_QUOTED) if isinstance(text, str) else ""


_QUOTED = 240  # characters of an explanation that are passed on


def _picture(document: Any) -> Picture | None:
    parts = _at(document, "candidates", 0, "content", "parts")
    listed = parts if isinstance(parts, list) else []
    shown = [part for part in listed if isinstance(part, dict) and not part.get("thought")]
    inline = [data for part in shown if isinstance(data := _at(part, "inlineData", "data"), Blob | str) and data]
    written = [link for part in shown if (link := _linked(part.get("text")))]
    return (inline or written or [None])[-1]


def _linked(text: Any) -> Picture | None:
    """Find the picture that some relays write into a text part, as a URL or a data URI (upstreams §2.4)."""
    if isinstance(text, Blob):
        return text
    link = _LINK.search(text) if isinstance(text, str) else None
    return link[0].strip() if link else None


def _at(document: Any, *path: str | int) -> Any:
    """Give what lies at the path, or None: an answer may hold null, or nothing, at every step."""
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _blobs(document: Any) -> Iterator[Blob]:
    if isinstance(document, Blob):
        yield document
    elif isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _blobs(value)
