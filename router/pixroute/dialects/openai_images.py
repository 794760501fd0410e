"""OpenAI's images API, and what gateways and Ark make of it (upstreams §1, §3.2, §4.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import evolve

from pixroute.dialects.references import data_of, media_type_of
from pixroute.http.body.blob import Blob
from pixroute.http.call import Call, Details, Item, Part, Reply
from pixroute.http.judging.envelope import carries_error, failure_from
from pixroute.http.judging.pictureless import declined, flag_in
from pixroute.outcome import Failure, FailureKind, Stage
from pixroute.request import ImageRequest


def call(request: ImageRequest, *, root: str = "", model: str, **fields: str | int | None) -> Call:
    """Ask `{root}images/generations` by JSON, or with references `{root}images/edits` by a form.

    `fields` stand beside model and prompt; what is None is left out.
    """
    sent = {"model": model, "prompt": request.prompt, **{name: v for name, v in fields.items() if v is not None}}
    if not request.references:
        return Call.post(f"{root}images/generations", json=sent)
    texts = (Part(name=name, value=str(value)) for name, value in sent.items())
    return Call.post(f"{root}images/edits", form=(*texts, *_files(request)))


def _files(request: ImageRequest) -> Iterator[Part]:
    name = "image" if len(request.references) == 1 else "image[]"
    for number, reference in enumerate(request.references, 1):
        media_type = media_type_of(reference)
        filename = f"reference-{number}.{media_type.rpartition('/')[2]}"
        yield Part(name=name, value=data_of(reference), filename=filename, media_type=media_type)


def pictures(reply: Reply) -> Sequence[Item]:
    """Give every entry of `data`: base64 or URL, whichever was asked for, or the failure that stands in its place."""
    return [_read(item, reply) for item in reply.json["data"]]


def _read(item: Any, reply: Reply) -> Item:
    if flag := flag_in(item):
        return declined(flag, reply)
    match item:
        case {"b64_json": (Blob() | str()) as picture} if picture:
            return picture
        case {"url": (Blob() | str()) as picture} if picture:
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
    document = reply.json if isinstance(reply.json, dict) else {}
    model, usage, items = document.get("model"), document.get("usage"), document.get("data")
    return Details(
        model=model if isinstance(model, str) else None,
        usage=usage if isinstance(usage, dict) else None,
        revised_prompts=tuple(_revised_prompt(item) for item in (items if isinstance(items, list) else ())),
    )


def _revised_prompt(item: Any) -> str | None:
    prompt = item.get("revised_prompt") if isinstance(item, dict) else None
    return prompt if isinstance(prompt, str) else None
