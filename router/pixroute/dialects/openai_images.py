"""OpenAI's images API, and what gateways and Ark make of it (upstreams §1, §3.2, §4.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from attrs import evolve

from pixroute.dialects.references import data_of, media_type_of
from pixroute.http.body.blob import Blob
from pixroute.http.body.scanner import PICTURE
from pixroute.http.call import Call, Details, Item, Part, Reply
from pixroute.http.judging.envelope import carries_error, failure_from
from pixroute.http.judging.pictureless import declined, flag_in
from pixroute.http.usage import amount_of
from pixroute.outcome import Failure, FailureKind, Stage
from pixroute.request import ImageRequest, Reference


def call(request: ImageRequest, *, root: str = "", model: str | None, **fields: str | int | None) -> Call:
    """Ask `{root}images/generations` by JSON, or with references `{root}images/edits` by a form.

    `fields` stand beside model and prompt; what is None is left out. A mask is part of an edit, as PNG whose
    transparent pixels are to be painted.
    """
    said = {"model": model, "prompt": request.prompt, **fields}
    sent = {name: value for name, value in said.items() if value is not None}
    if not request.references:
        return Call.post(f"{root}images/generations", json=sent)
    texts = (Part(name=name, value=str(value)) for name, value in sent.items())
    return Call.post(f"{root}images/edits", form=(*texts, *_files(request)))


def _files(request: ImageRequest) -> Iterator[Part]:
    name = "image" if len(request.references) == 1 else "image[]"
    for number, reference in enumerate(request.references, 1):
        yield _file(name, f"reference-{number}", reference)
    if request.mask:
        yield _file("mask", "mask", request.mask)


def _file(name: str, called: str, picture: Reference) -> Part:
    media_type = media_type_of(picture)
    filename = f"{called}.{media_type.rpartition('/')[2]}"
    return Part(name=name, value=data_of(picture), filename=filename, media_type=media_type)


def pictures(reply: Reply) -> Sequence[Item]:
    """Give every entry of `data`: base64 or URL, whichever was asked for, or the failure that stands in its place.

    Of a stream the previews count only where nothing else came.
    """
    return [_read(item, reply) for item in _entries(reply.json)]


def _entries(document: Any) -> Sequence[Any]:
    """Find the entries: under `data` or `images`, there once more, or in the events of a stream."""
    if isinstance(document, list):
        previews = [event for event in document if _is_preview(event)]
        rest = [event for event in document if not _is_preview(event)]
        found = [entry for event in rest for entry in _entries_or_none(event)]
        return found if any(_picture_in(entry) for entry in found) else found + previews[-1:]
    if _picture_in(document):
        return [document]
    if not isinstance(document, dict):
        raise TypeError("the answer is no object")
    held = document.get("data") or document["images" if "images" in document else "data"]
    if isinstance(held, dict) and not _picture_in(held) and not carries_error(held):
        return _entries(held)
    return held if isinstance(held, list) else [held]


def _entries_or_none(event: Any) -> Sequence[Any]:
    try:
        return _entries(event)
    except (KeyError, TypeError, AttributeError):
        return [event] if _picture_in(event) else []


def _is_preview(event: Any) -> bool:
    return isinstance(event, dict) and "partial_image" in str(event.get("type"))


def _picture_in(entry: Any) -> Blob | str | None:
    """Give what an entry holds, by any name that is used for it."""
    if isinstance(entry, Blob):
        return entry
    if isinstance(entry, str):
        return entry if _BARE.match(entry.lstrip()) else None
    if not isinstance(entry, dict):
        return None
    for name in _NAMES:
        value = entry.get(name)
        if isinstance(value, dict):
            value = value.get("url")
        if value and isinstance(value, Blob | str):
            return value
    return None


_BARE = re.compile(rf"(?i:https?://)|{PICTURE.decode()}")  # an entry that is nothing but the picture
_NAMES = ("b64_json", "url", "b64", "base64", "image_url", "image")


def _read(item: Any, reply: Reply) -> Item:
    if flag := flag_in(item):
        return declined(flag, reply)
    if picture := _picture_in(item):
        return picture
    if carries_error(item):
        return failure_from(evolve(reply, json=item), stage=Stage.BODY)
    return Failure(
        kind=FailureKind.EMPTY,
        message="One entry of the answer holds no picture.",
        advice="If it happens again, show the provider this request's id; it is billed.",
        stage=Stage.BODY,
        status=reply.status,
        answered=True,
    )


def details(reply: Reply) -> Details:
    """Give Ark's model, the usage, and the prompts as they were rewritten."""
    last = reply.json[-1] if isinstance(reply.json, list) and reply.json else reply.json
    document = last if isinstance(last, dict) else {}
    model, usage, items = document.get("model"), document.get("usage"), document.get("data")
    return Details(
        model=model if isinstance(model, str) else None,
        usage=usage if isinstance(usage, dict) else None,
        cost=_ticks(usage),
        revised_prompts=tuple(_revised_prompt(item) for item in (items if isinstance(items, list) else ())),
    )


def _ticks(usage: Any) -> Decimal | None:
    """Read the one price whose name says unit and currency: xAI's ticks of 1e-10 dollars."""
    ticks = amount_of(usage.get("cost_in_usd_ticks")) if isinstance(usage, dict) else None
    return None if ticks is None else ticks.scaleb(-10)


def _revised_prompt(item: Any) -> str | None:
    prompt = item.get("revised_prompt") if isinstance(item, dict) else None
    return prompt if isinstance(prompt, str) else None
