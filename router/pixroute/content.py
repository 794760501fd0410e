"""Bytes of a picture, in memory, and files written whole or not at all."""

from __future__ import annotations

import asyncio
import shutil
from io import BytesIO
from pathlib import Path

from attrs import frozen

from pixroute.outcome import Content


@frozen
class InMemory:
    """Bytes as `Content`."""

    bytes_: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.bytes_)

    @property
    def path(self) -> None:
        """No file holds it."""
        return None

    def move(self, target: Path) -> None:
        """Nothing to move."""
        raise ValueError(f"a picture in memory is written to {target}, not moved")

    def data(self) -> bytes:
        """Return the bytes."""
        return self.bytes_

    def open(self) -> BytesIO:
        """Return a view from the first byte on."""
        return BytesIO(self.bytes_)

    def discard(self) -> None:
        """Nothing is held elsewhere."""


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
