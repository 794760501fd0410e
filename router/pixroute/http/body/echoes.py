"""Reference pictures that come back as they went: never a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from pixroute.content import Content
from pixroute.http.body.blob import Blob, blob_of
from pixroute.http.call import Reply
from pixroute.request import Reference


def without_echoes(reply: Reply, references: Sequence[Reference]) -> Reply:
    """Give an answer without the pictures that are equal to a reference; None stands in their place."""
    if not references:
        return reply
    json, picture = (_without(references, one) for one in (reply.json, reply.picture))
    return evolve(reply, json=json, picture=picture)


def is_echo(content: Content, references: Sequence[Reference]) -> bool:
    """Tell whether it is one of these."""
    return any(one.data and content.size == len(one.data) and content.data() == one.data for one in references)


def _without(references: Sequence[Reference], value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(references, item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without(references, item) for item in value]
    blob = _short(value) if isinstance(value, str) else value
    if isinstance(blob, Blob) and is_echo(blob.sink, references):
        blob.discard()
        return None
    return value


def _short(text: str) -> Blob | None:
    try:
        return blob_of(text)
    except ValueError:
        return None
