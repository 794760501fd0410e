"""Gemini's `generateContent`, asked for one picture (upstreams §2)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pixroute.dialects.references import base64_of, media_type_of
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Item, Picture, Reply
from pixroute.http.judging.answered import answered
from pixroute.http.judging.envelope import ADVICE, says_error
from pixroute.http.judging.pictureless import quoted
from pixroute.outcome import Failure, FailureKind
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

_CAPITAL = re.compile("[A-Z]")
_LINK = re.compile(
    r"""(?xm)
    data:image/[\w.+-]+;base64,[A-Za-z0-9+/=_-]+
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
        said = said or quoted(" ".join(_texts(reply.json)))
        text += f" and said: {said.rstrip('.')}." if said else "."
        return _failure(FailureKind.EMPTY, text, reply, reason)
    return None


def _failure(kind: FailureKind, message: str, reply: Reply, reason: str | None) -> Failure:
    advice = ADVICE.get(kind, "Ask for a picture in the prompt, or check `model`; what was answered is billed.")
    return answered(reply, kind, message, advice, code=reason)


def pictures(reply: Reply) -> Sequence[Item]:
    """Give the one picture: the last that is no thought, if there is one; other binary is discarded."""
    picture = _picture(reply.json)
    if picture is None:
        raise ValueError("the answer holds no picture")
    for blob in _blobs(reply.json):
        if blob is not picture:
            blob.discard()
    return [picture]


def details(reply: Reply) -> Details:
    """Give the model's version and the tokens."""
    chunks = reply.json if isinstance(reply.json, list) else [reply.json]
    model, usage = (
        next((one for chunk in reversed(chunks) if (one := _at(chunk, name))), None)
        for name in ("modelVersion", "usageMetadata")
    )
    return Details(
        model=model if isinstance(model, str) else None,
        usage=usage if isinstance(usage, dict) else None,
    )


def _ending(document: Any) -> tuple[str | None, bool, str]:
    """Say why it ended, whether the prompt was blocked, and in whose words: a blocked prompt has no candidates."""
    reason: str | None = None
    said = ""
    for chunk in document if isinstance(document, list) else [document]:
        feedback = _at(chunk, "promptFeedback")
        if isinstance(block := _at(feedback, "blockReason"), str) and block:
            return block, True, quoted(_at(feedback, "blockReasonMessage"))
        candidate = _at(chunk, "candidates", 0)
        if isinstance(ended := _at(candidate, "finishReason"), str):
            reason, said = ended, quoted(_at(candidate, "finishMessage"))
    return reason, False, said


def _texts(document: Any) -> Iterator[str]:
    """Give what the model said in place of a picture, thoughts apart."""
    for chunk in document if isinstance(document, list) else [document]:
        parts = _at(chunk, "candidates", 0, "content", "parts")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(text := _at(part, "text"), str) and not _at(part, "thought"):
                yield text


def _picture(document: Any) -> Picture | None:
    """Find the picture: the last of a candidate that is no thought, else one written as text, else the last thought."""
    candidates = list(_parts_of_candidates(document))
    for wanted in (_inline, _written):
        for parts in candidates:
            if found := [one for part in parts if not part.get("thought") and (one := wanted(part))]:
                return found[-1]
    thoughts = [one for parts in candidates for part in parts if (one := _inline(part) or _written(part))]
    return thoughts[-1] if thoughts else None


def _parts_of_candidates(document: Any) -> Iterator[list[Mapping[str, Any]]]:
    """Give the parts of every candidate, in order; those of a stream's chunks are put together."""
    by_index: dict[int, list[Mapping[str, Any]]] = {}
    for chunk in document if isinstance(document, list) else [document]:
        held = _at(chunk, "candidates") or _at(chunk, "response", "candidates")  # as Google's other endpoints wrap it
        for place, candidate in enumerate(held if isinstance(held, list) else [held]):
            index = _at(candidate, "index")
            parts = _at(candidate, "content", "parts")
            by_index.setdefault(index if isinstance(index, int) else place, []).extend(
                part for part in (parts if isinstance(parts, list) else [parts]) if isinstance(part, Mapping)
            )
    return iter(by_index.values())


def _inline(part: Mapping[str, Any]) -> Picture | None:
    data = _at(part, "inlineData", "data") or _at(part, "fileData", "fileUri")
    return data if isinstance(data, Blob | str) and data else None


def _written(part: Mapping[str, Any]) -> Picture | None:
    return _linked(part.get("text"))


def _linked(text: Any) -> Picture | None:
    """Find the picture that some relays write into a text part, as a URL or a data URI (upstreams §2.4)."""
    if isinstance(text, Blob):
        return text
    link = _LINK.search(text) if isinstance(text, str) else None
    return link[0].strip() if link else None


def _at(document: Any, *path: str | int) -> Any:
    """Give what lies at the path, or None: an answer may hold null, or nothing, at every step.

    Names are sought as they are written and in snake case, as Google's SDK passes an answer on.
    """
    for step in path:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            if not isinstance(step, str) or not isinstance(document, Mapping):
                return None
            document = document.get(_CAPITAL.sub(r"_\g<0>", step).lower())
    return document


def _blobs(document: Any) -> Iterator[Blob]:
    if isinstance(document, Blob):
        yield document
    elif isinstance(document, dict | list):
        for value in document.values() if isinstance(document, dict) else document:
            yield from _blobs(value)
