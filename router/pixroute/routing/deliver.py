"""The last steps of a picture: the format asked for, the file asked for; and whether that file can be, beforehand."""

from __future__ import annotations

import asyncio
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from pixroute.content import Content, write_beside
from pixroute.convert import convert
from pixroute.request import ImageRequest
from pixroute.result import SUFFIXES, Adjustment, Format, Image, ImageResult, true_name

if TYPE_CHECKING:
    from pixroute.http.wire.memory import Memory

CONVERTED_AT_ONCE = 2
_BYTES_PER_PIXEL = 4
_LONGEST_NAME = 255
_LONGEST_SHOWN = 100
_GRACE = 0.2
"""Seconds after the deadline in which a request still ends in time (semantics §10, I6)."""


def obstacle(path: Path, wanted: Format | None) -> str | None:
    """Tell what forbids writing a picture under this name, looked at before anything is bought; None if nothing does.

    Args:
        path: as the caller gave it; the suffix that is true is added or put in place of another.
        wanted: the format if it is known.
    """
    if not path.name:
        return "it is a folder; name a file"
    try:
        # The suffixes are of one length, but for `.webp`, which a picture may turn out to need and then goes without.
        if len(os.fsencode(true_name(path, wanted or "png").name)) > _LONGEST_NAME:
            return f"its name has more than {_LONGEST_NAME} bytes with the suffix that is true"
        names = [path, *(true_name(path, each) for each in ([wanted] if wanted else SUFFIXES))]
        in_the_way = next((name for name in names if os.path.isdir(name)), None)  # noqa: PTH112 - a name too long is none
        if in_the_way is not None:
            return f"{'it' if in_the_way == path else in_the_way} is a folder; name a file"
        if not path.parent.is_dir():
            return f"there is no folder {shortened(path.parent)}"
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return (
        None
        if os.access(path.parent, os.W_OK | os.X_OK)
        else f"the folder {shortened(path.parent)} cannot be written to"
    )


def shortened(path: Path) -> str:
    """Give a path for a sentence: of a long one its end."""
    text = str(path)
    return text if len(text) <= _LONGEST_SHOWN else f"…{text[-_LONGEST_SHOWN:]}"


class Delivery:
    """Takes the last steps for every request of a router: two pictures are converted at a time, in the bodies' memory.

    Args:
        memory: what the bodies share.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._places = asyncio.Semaphore(CONVERTED_AT_ONCE)

    async def deliver(
        self, result: ImageResult, request: ImageRequest, into: Path | None, *, deadline: float | None = None
    ) -> ImageResult:
        """Convert where another format was asked, and put `into=` in its place; whatever fails is an adjustment.

        A picture that is not converted at the loop's time `deadline` stays as it is.
        """
        images, adjustments = list(result.images), list(result.adjustments)
        if request.output_format is not None:
            for place, image in enumerate(images):
                images[place], changes = await self._in_time(image, request.output_format, deadline)
                adjustments += changes
        if into is not None:
            images[0], changes = await placed(images[0], true_name(into, images[0].format))
            adjustments += changes
        extra = tuple([await in_memory(image) for image in result.extra])
        return evolve(result, images=tuple(images), adjustments=tuple(dict.fromkeys(adjustments)), extra=extra)

    async def _in_time(
        self, image: Image, wanted: Format, deadline: float | None
    ) -> tuple[Image, tuple[Adjustment, ...]]:
        try:
            async with asyncio.timeout_at(deadline and deadline + _GRACE):
                return await self._converted(image, wanted)
        except TimeoutError:
            why = "there was no time left to convert it"
            return image, (Adjustment("output_format", wanted, image.format, why),)

    async def _converted(self, image: Image, wanted: Format) -> tuple[Image, tuple[Adjustment, ...]]:
        if image.format == wanted:
            return image, ()
        with ExitStack() as room:
            await self._places.acquire()
            room.callback(self._places.release)
            await room.enter_context(self._memory.share()).wait(image.width * image.height * _BYTES_PER_PIXEL)
            work = asyncio.get_running_loop().run_in_executor(None, convert, image, wanted)
            # A thread cannot be stopped: it keeps its place and its memory until it ends.
            held = room.pop_all()
            work.add_done_callback(lambda _: held.close())
        made, adjustment = await asyncio.shield(work)
        if made is not image:
            image.content.discard()
        return made, (adjustment,)


async def placed(image: Image, target: Path) -> tuple[Image, tuple[Adjustment, ...]]:
    """Give the picture its file: by renaming the one it was written to as it came, else by writing it.

    What cannot be written now could when it was looked at; the picture is paid for, and goes on in memory.
    """
    try:
        if image.content.path is None:
            await write_beside(target, image.content)
        else:
            image.content.move(target)
    except OSError as error:
        image.content.fall_back()
        why = f"it could not be written: {error.strerror or error}"
        return image, (Adjustment("into", str(target), "memory", why),)
    return evolve(image, path=target), ()


async def in_memory(image: Image) -> Image:
    """Take a picture that nobody gave a name out of its temporary file."""
    if image.content.path is None:
        return image
    content = Content(await asyncio.to_thread(image.content.data))
    image.content.discard()
    return evolve(image, content=content)
