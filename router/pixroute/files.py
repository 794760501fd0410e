"""Files written whole or not at all, and pictures moved between file and memory."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from attrs import evolve

from pixroute.convert import InMemory
from pixroute.outcome import Content
from pixroute.result import Image


async def write_beside(target: Path, content: Content) -> None:
    """Write in a thread, beside the target, then rename: a reader sees the old file or the new one, never a half."""
    await asyncio.to_thread(_write, target, content)


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


def _write(target: Path, content: Content) -> None:
    beside = target.with_name(f".{target.name}.part")
    try:
        with content.open() as source, beside.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
