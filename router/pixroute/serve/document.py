"""JSON with pictures in it, written by chunks: no picture is ever whole in base64."""

from __future__ import annotations

import asyncio
import json
import secrets
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pybase64
from attrs import define, field

from pixroute.content import Content

CHUNK = 48 * 1024
"""Bytes of a picture that are encoded at a time; divisible by 3."""
SLOW_AFTER = 10.0
SLOW = 64 * 1024
"""Seconds after which, and bytes a second below which, a reader is slow."""


@define
class Document:
    """A JSON document whose pictures are marks until it is written."""

    words: str | None = None
    _marks: dict[str, Content] = field(factory=dict)
    _tree: Any = None
    _mark: str = field(factory=lambda: secrets.token_hex(12))

    def picture(self, content: Content) -> str:
        """Give what stands for a picture's base64 in the tree."""
        mark = f"{self._mark}{len(self._marks):04d}"
        self._marks[mark] = content
        return mark

    def of(self, tree: Any) -> Document:
        """Take the tree."""
        self._tree = tree
        return self

    @classmethod
    def raw(cls, text: str) -> Document:
        """Give one that is no JSON: these words alone."""
        return cls(words=text)

    @property
    def pictures(self) -> Sequence[Content]:
        """The pictures in it."""
        return tuple(self._marks.values())

    def pieces(self) -> Iterator[bytes | Content]:
        """Give text and pictures in turn."""
        text = json.dumps(self._tree, separators=(",", ":")) if self.words is None else self.words
        while True:
            before, mark, rest = text.partition(self._mark)
            if before:
                yield before.encode()
            if not mark:
                return
            yield self._marks[mark + rest[:4]]
            text = rest[4:]

    @property
    def length(self) -> int:
        """Bytes of the document."""
        return sum(len(piece) if isinstance(piece, bytes) else 4 * ((piece.size + 2) // 3) for piece in self.pieces())

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the document, bit by bit."""
        for piece in self.pieces():
            if isinstance(piece, bytes):
                yield piece
                continue
            for at in range(0, piece.size, CHUNK):
                yield pybase64.b64encode(await read(piece, at, CHUNK))


async def read(content: Content, at: int, count: int) -> bytes:
    """Read some bytes of a picture, which several may do at once; a file in a thread."""
    if content.path is None:
        return content.read_at(at, count)
    return await asyncio.to_thread(_read_view, content, at, count)


def _read_view(content: Content, at: int, count: int) -> bytes:
    with content.open() as view:
        view.seek(at)
        return view.read(count)


@define
class DocumentReader:
    """How fast somebody takes a document: who is slow has its pictures moved out of memory."""

    pictures: Sequence[Content]
    began: float
    taken: int = 0
    spilled: bool = False

    async def took(self, count: int, now: float) -> None:
        """Count bytes that were taken by now."""
        self.taken += count
        seconds = now - self.began
        if not self.spilled and seconds > SLOW_AFTER and self.taken < SLOW * seconds:
            self.spilled = True
            for content in self.pictures:
                if content.path is None:
                    await asyncio.to_thread(_spill, content)


def _spill(content: Content) -> None:
    """Move a picture into a temporary file that goes with it."""
    try:
        file = NamedTemporaryFile(prefix="pixroute-", delete=False)  # noqa: SIM115 - the picture's owner closes it
    except OSError:
        return  # without room on the disk it stays where it is
    path = Path(file.name)
    try:
        content.spill(file)  # type: ignore[arg-type]  # a file in all but its type
    except OSError:
        file.close()
        path.unlink(missing_ok=True)
        return
    weakref.finalize(content, path.unlink, missing_ok=True)
