"""From what `decode` found to pictures that can be looked at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import pybase64

from pixroute.http.body.decoder import Blob
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Item
from pixroute.http.endpoint import Endpoint
from pixroute.outcome import Delivered, Failure, FailureKind, Stage
from pixroute.provider import AttemptContext

_DATA_URI = re.compile(r"data:([\w.+/-]*)[^,]*;base64,")


async def deliver(
    items: Sequence[Item], *, endpoint: Endpoint, attempt: AttemptContext, sinks: Sinks
) -> list[Delivered | Failure]:
    """Resolve every item, in order; those at URLs are fetched at the same time."""
    if not any(_is_url(item) for item in items):
        return [_held(item, sinks) for item in items]

    async def resolve(item: Item) -> Delivered | Failure:
        if isinstance(item, str) and _is_url(item):
            return await attempt.http.fetch(item, endpoint=endpoint, attempt=attempt, sinks=sinks)
        return _held(item, sinks)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(resolve(item)) for item in items]
    return [task.result() for task in tasks]


def _is_url(item: Item) -> bool:
    return isinstance(item, str) and item.startswith(("https://", "http://"))


def _held(item: Item, sinks: Sinks) -> Delivered | Failure:
    """Take what is there already: decoded while it came, or too short for that."""
    if isinstance(item, Failure):
        return item
    if isinstance(item, Blob):
        return Delivered(content=sinks.take(item.sink), declared_type=_declared(item.prefix))
    if isinstance(item, bytes):
        return Delivered(content=sinks.put(item))
    if not isinstance(item, str) or not item:
        return _no_picture(FailureKind.EMPTY, "there is nothing where it should be")
    uri = _DATA_URI.match(item)
    try:
        data = pybase64.b64decode(item[uri.end() if uri else 0 :], validate=True)
    except ValueError:
        return _no_picture(FailureKind.BAD_IMAGE, "its text is neither base64 nor a URL")
    return Delivered(content=sinks.put(data), declared_type=_declared(item))


def _declared(prefix: str) -> str | None:
    uri = _DATA_URI.search(prefix)
    return uri[1] or None if uri else None


def _no_picture(kind: FailureKind, why: str) -> Failure:
    return Failure(
        kind=kind,
        message=f"The answer holds no picture: {why}.",
        advice="If it happens again, show the provider this request's id; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
