"""A 2xx without a picture: an error in another envelope, a refusal told by a flag, a page, or nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pixroute.http.body.blob import Blob
from pixroute.http.call import Reply
from pixroute.http.judging.answered import answered
from pixroute.http.judging.asked import NOTHING, RequestWords
from pixroute.http.judging.envelope import ADVICE, failure_from, page_text, says_error, shortened, withholds
from pixroute.http.judging.intermediary import is_page
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.redact import quote

QUOTED = 240
"""Characters of an answer that are shown."""
_DEEPEST = 4
_LARGEST = 10**15  # Python writes no number of thousands of digits
_FLAGS: Mapping[str, tuple[Any, ...]] = {
    "is_image_safe": (False,),
    "finish_reason": ("CONTENT_FILTERED", "content_filter", "content_filtered"),
    "finishreason": ("CONTENT_FILTERED", "content_filter"),
    "status": ("Request Moderated", "Content Moderated", "moderated", "NSFW", "nsfw"),
    "has_nsfw_concepts": (True, [True]),
    "nsfw": (True, [True]),
    "nsfw_content_detected": (True, [True]),
    "moderated": (True,),
    "content_moderation": ("blocked", "rejected"),
    "respect_moderation": (False,),
}
"""Documented flags of a refusal: Ideogram, Stability, BFL, fal, xAI; a flag outranks the picture beside it."""


def quoted(text: Any) -> str:
    """Give somebody's explanation as it is passed on: short, on one line, without keys; empty if it is no text."""
    return quote(text, limit=QUOTED) if isinstance(text, str) else ""


def flag_in(document: Any) -> str | None:
    """Name the refusal flag that an object itself carries."""
    for name, value in document.items() if isinstance(document, dict) else ():
        values = _FLAGS.get(name.lower()) if isinstance(name, str) else None
        if values is not None and any(type(value) is type(one) and value == one for one in values):
            return f"{name}: {json.dumps(value)}"
    return None


def flagged(reply: Reply, *, who: str) -> Failure | None:
    """Find a refusal told by a flag of the whole answer; those of single pictures are the dialect's."""
    flag = flag_in(reply.json) if reply.ok else None
    return declined(flag, reply, who=who) if flag else None


def declined(
    flag: str, reply: Reply, *, who: str = "The provider", billing: Billing = Billing.BILLED, stage: Stage = Stage.BODY
) -> Failure:
    """Tell of a picture that was withheld, in the upstream's word for it; unknown `billing` is AMBIGUOUS."""
    message = f"{who} withheld the picture ({quote(flag, limit=QUOTED)})."
    return answered(reply, FailureKind.MODERATED, message, ADVICE[FailureKind.MODERATED], stage=stage, billing=billing)


def _flag_below(document: Any, depth: int = 0) -> str | None:
    """Name a refusal flag at any depth, also one known by the form of its name alone: no picture is beside it."""
    if isinstance(document, list):
        return next((flag for one in document[:4] if (flag := _flag_below(one, depth))), None)
    if not isinstance(document, Mapping) or depth > _DEEPEST:
        return None
    named = flag_in(document) or next((f"{n}: true" for n, v in document.items() if v is True and _is_refusal(n)), None)
    return named or next((flag for one in document.values() if (flag := _flag_below(one, depth + 1))), None)


def _is_refusal(name: Any) -> bool:
    return isinstance(name, str) and re.fullmatch(_REFUSAL, name.lower()) is not None


_REFUSAL = (
    r"(is_?|was_?|has_?)?(nsfw|unsafe|censored|moderated|flagged|filtered|blocked|sensitive|rejected)(_?content)?"
)


def pictureless(
    reply: Reply, *, who: str, why: str, now: float | None = None, asked: RequestWords = NOTHING
) -> Failure:
    """Explain a 2xx without a picture by what it says, else by what it is; never by the reader's own trouble."""
    reply = shortened(reply)
    found = failure_from(reply, stage=Stage.BODY, who=who, now=now, asked=asked)
    said = _tells(reply, found) if reply.json is None else says_error(reply.json) or withholds(reply.json)
    if said:
        return found
    if reply.json is None and is_page(reply.text):
        message = f"{who} answered {reply.status} with a web page: {quote(page_text(reply.text), limit=QUOTED)}."
        advice = "Check `base_url`: it probably lacks the API's path, or leads to a web site; nothing is billed."
        return answered(reply, FailureKind.PROTOCOL, message, advice, blame=Blame.HOP)
    if flag := _flag_below(reply.json):
        return declined(flag, reply, who=who, billing=Billing.AMBIGUOUS)
    shown = _shown(reply)
    # xAI answers a list without a word where it blocked all, and nobody says what that costs.
    unsaid = isinstance(reply.json, dict) and reply.json.get("data") == [] and not any(_leaves(reply.json))
    message = f"{who} answered {reply.status} without a picture: {why}{f': {shown}' if shown else ''}."
    advice = "Check `base_url` and `model`; what was answered is billed."
    billing = Billing.AMBIGUOUS if unsaid else Billing.BILLED
    return answered(reply, FailureKind.EMPTY, message, advice, billing=billing)


def _tells(reply: Reply, found: Failure) -> bool:
    """Whether a text under 2xx says what went wrong: a stream's error, or words that are known."""
    return found.code is not None or (not is_page(reply.text) and found.kind is not FailureKind.SERVER_ERROR)


def _shown(reply: Reply) -> str:
    text = page_text(reply.text) if reply.json is None else json.dumps(_plain(reply.json), ensure_ascii=False)
    return quote(text, limit=QUOTED).rstrip(".")


def _plain(document: Any, depth: int = 0) -> Any:
    """Give a document that can be quoted: short, and without anything binary."""
    if isinstance(document, Mapping) and depth < _DEEPEST:
        return {str(name): _plain(value, depth + 1) for name, value in list(document.items())[:12]}
    if isinstance(document, list) and depth < _DEEPEST:
        return [_plain(value, depth + 1) for value in document[:4]]
    if isinstance(document, int) and abs(document) > _LARGEST:
        return "…"
    if isinstance(document, str | int | float | bool) or document is None:
        return document[:QUOTED] if isinstance(document, str) else document
    return "<binary>" if isinstance(document, Blob) else "…"


def _leaves(document: Any) -> Iterator[Any]:
    """Give whatever stands in a document, beside empty lists and objects."""
    if isinstance(document, Mapping):
        for value in document.values():
            yield from (True for _ in _leaves(value))
    elif isinstance(document, list):
        for value in document:
            yield from (True for _ in _leaves(value))
    elif document is not None and document != "":
        yield True
