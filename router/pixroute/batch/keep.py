"""Pictures brought to disk, and not lost to a full one."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

from pixroute.batch.facts import KeptPicture
from pixroute.batch.items import Item
from pixroute.content import spare_file
from pixroute.result import Image, true_name

log = logging.getLogger("pixroute.batch")


async def keep(images: Sequence[Image], item: Item, folder: Path, role: str = "picture") -> list[KeptPicture]:
    """Write pictures and wait for the disk: `name.png`, of several `name.1.png`; other roles stand in the name."""
    stem = item.name if role == "picture" else f"{item.name}.{role}"
    names = [stem] if len(images) == 1 else [f"{stem}.{number}" for number in range(1, len(images) + 1)]
    return [
        KeptPicture(image, await _keep(image, folder / name), role) for image, name in zip(images, names, strict=True)
    ]


async def _keep(image: Image, path: Path) -> Path:
    try:
        written = await image.save(path)
        await asyncio.to_thread(_reach_disk, written)
    except OSError as error:
        written = await image.save(spare_file(true_name(path, image.format)))
        fields = {"path": str(path), "why": error.strerror, "written": str(written)}
        log.warning("%s: %s; written to %s", path, error.strerror, written, extra=fields)
    return written


def _reach_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file)
