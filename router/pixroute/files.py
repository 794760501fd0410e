"""Files written whole or not at all."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from pixroute.outcome import Content


async def write_beside(target: Path, content: Content) -> None:
    """Write in a thread, beside the target, then rename: a reader sees the old file or the new one, never a half."""
    await asyncio.to_thread(_write, target, content)


def _write(target: Path, content: Content) -> None:
    beside = target.with_name(f".{target.name}.part")
    try:
        with content.open() as source, beside.open("wb") as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
