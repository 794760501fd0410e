"""The last steps of a picture: the format asked for, the file asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from attrs import evolve

from pixroute.content import InMemory, write_beside
from pixroute.convert import converted
from pixroute.request import ImageRequest
from pixroute.result import Format, Image, ImageResult, true_name


async def deliver(result: ImageResult, request: ImageRequest, into: Path | None) -> ImageResult:
    """Convert where another format was asked, and put `into=` in its place; whatever fails here is an adjustment."""
    if request.output_format is None and into is None and not result.extra:
        return result
    images, adjustments = list(result.images), list(result.adjustments)
    if request.output_format is not None:
        wanted: Format = request.output_format
        for place, image in enumerate(images):
            images[place], adjustment = await converted(image, wanted)
            adjustments += [adjustment] if adjustment else []
    if into is not None:
        images[0] = await placed(images[0], true_name(into, images[0].format))
    extra = tuple([await in_memory(image) for image in result.extra])
    return evolve(result, images=tuple(images), adjustments=tuple(dict.fromkeys(adjustments)), extra=extra)


async def placed(image: Image, target: Path) -> Image:
    """Give the picture its file: by renaming the one it was written to as it came, else by writing it."""
    if image.content.path is None:
        await write_beside(target, image.content)
    else:
        await asyncio.to_thread(image.content.move, target)
    return evolve(image, path=target)


async def in_memory(image: Image) -> Image:
    """Take a picture that nobody gave a name out of its temporary file."""
    if image.content.path is None:
        return image
    content = InMemory(await asyncio.to_thread(image.content.data))
    image.content.discard()
    return evolve(image, content=content)
