"""Gemini's `generateContent`, asked for one picture (upstreams §2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pixroute.dialects.references import base64_of, media_type_of
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Item, Picture, Reply
from pixroute.http.judging.envelope import carries_error
from pixroute.outcome import Failure, FailureKind, Stage
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
    """Give why a 2xx answer holds no picture, unless it is an error; drafts before a refusal do not count."""
    if not reply.ok or carries_error(reply.json):
        return None
    reason = _reason(reply.json)
    if reason in REFUSALS:
        return _failure(FailureKind.MODERATED, f"The provider declined the content: {reason}.", reply, reason)
    if _picture(reply.json) is None:
        text = f"The answer holds no picture; it ended with {reason or 'no reason given'}."
        return _failure(FailureKind.EMPTY, text, reply, reason)
    return None


def _failure(kind: FailureKind, message: str, reply: Reply, reason: str | None) -> Failure:
    return Failure(kind=kind, message=message, stage=Stage.BODY, status=reply.status, code=reason)


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


def _reason(document: Any) -> str | None:
    """Why it ended: the prompt's block before the candidate's end, for a blocked prompt has no candidates."""
    blocked = _at(document, "promptFeedback", "blockReason")
    reason = blocked or _at(document, "candidates", 0, "finishReason")
    return reason if isinstance(reason, str) else None


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
