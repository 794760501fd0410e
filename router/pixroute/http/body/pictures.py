"""From what `decode` found to pictures that can be looked at."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from itertools import islice

from attrs import evolve

from pixroute.http.body.blob import Blob, written
from pixroute.http.body.echoes import is_echo
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Item
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.lack import lack
from pixroute.http.wire.places import is_place
from pixroute.outcome import Blame, Delivered, Failure, FailureKind, Stage
from pixroute.picture import BadPicture, inspect
from pixroute.provider import AttemptContext

FETCHED_AT_ONCE = 4
MOST_SPARES = 16
"""Items beyond those asked that are tried in place of others that failed."""

_DATA_URI = re.compile(r"data:([\w.+/-]*)[^,]*;base64,")

log = logging.getLogger("pixroute.http")


async def deliver(
    items: Sequence[Item], *, endpoint: Endpoint, attempt: AttemptContext, sinks: Sinks
) -> list[Delivered | Failure]:
    """Resolve the first items, as many as were asked, in order; further ones only in place of those that failed.

    Those at URLs are fetched at the same time, four at once. What is not in the list was not needed.
    """
    taker = _Taker(endpoint=endpoint, attempt=attempt, sinks=sinks)
    wanted = len(items) if sinks.wanted is None else sinks.wanted
    found = await taker.all(items[:wanted])
    left = iter(items[wanted : wanted + MOST_SPARES])
    while len(items) > len(found) and (batch := list(islice(left, wanted - sum(map(_is_picture, found))))):
        if taker.ends_at is None:
            taker.ends_at = attempt.http.now() + attempt.http.pace.fetch  # for all the others together
        found += await taker.all(batch)
    return found


class _Taker:
    """Takes the items of one answer; those at URLs within a time for each, or until `ends_at`."""

    def __init__(self, *, endpoint: Endpoint, attempt: AttemptContext, sinks: Sinks) -> None:
        self._endpoint = endpoint
        self._attempt = attempt
        self._sinks = sinks
        self.ends_at: float | None = None

    async def all(self, items: Sequence[Item]) -> list[Delivered | Failure]:
        """Resolve some, in order."""
        places = [index for index, item in enumerate(items) if isinstance(item, str) and is_place(item)]
        if not places:
            return [self._take(item) for item in items]
        room = asyncio.Semaphore(FETCHED_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            fetched = {index: group.create_task(self._fetch(str(items[index]), room)) for index in places}
            held = {index: self._take(item) for index, item in enumerate(items) if index not in fetched}
        return [held[index] if index in held else fetched[index].result() for index in range(len(items))]

    def _take(self, item: Item) -> Delivered | Failure:
        try:
            return _held(item, self._sinks)
        except Exception as error:  # noqa: BLE001 - whatever one of them raises, those beside it are paid for
            return self._raised(error)

    async def _fetch(self, url: str, room: asyncio.Semaphore) -> Delivered | Failure:
        try:
            async with room:
                found = await self._attempt.http.fetch(
                    url, endpoint=self._endpoint, attempt=self._attempt, sinks=self._sinks, ends_at=self.ends_at
                )
            if isinstance(found, Delivered) and is_echo(found.content, self._sinks.references):
                return _no_picture(FailureKind.EMPTY, "at its URL lies a reference, as it was sent")
        except Exception as error:  # noqa: BLE001 - as above
            return evolve(self._raised(error), url=url.strip())
        return found

    def _raised(self, error: Exception) -> Failure:
        text = self._endpoint.sanitizer.traceback(error)
        fields = {"origin": self._endpoint.origin, "error": type(error).__name__}
        log.error("a picture of an answer could not be taken\n%s", text, extra=fields)
        failure = _no_picture(FailureKind.BAD_IMAGE, f"taking it raised {type(error).__name__}")
        return failure if lack(error, Stage.BODY) is None else evolve(failure, blame=Blame.OURS)


def _is_picture(found: Delivered | Failure) -> bool:
    """Look whether it will stand; it is judged where all pictures are."""
    if isinstance(found, Failure):
        return False
    try:
        with found.content.open() as source:
            inspect(source, found.content.size)
    except BadPicture:
        return False
    return True


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
    try:
        prefix, data = written(item)
    except ValueError:
        return _no_picture(FailureKind.BAD_IMAGE, "its text is neither base64 nor a URL")
    return Delivered(content=sinks.put(data), declared_type=_declared(prefix))


def _declared(prefix: str) -> str | None:
    uri = _DATA_URI.search(prefix) if prefix else None
    return uri[1] or None if uri else None


def _no_picture(kind: FailureKind, why: str) -> Failure:
    return Failure(
        kind=kind,
        message=f"The answer holds no picture: {why}.",
        advice="If it happens again, show the provider this request's id; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
