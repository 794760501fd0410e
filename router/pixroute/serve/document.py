"""JSON with pictures in it, written by chunks: no picture is ever whole in base64."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pybase64
from attrs import define, field

from pixroute.content import Content

CHUNK = 48 * 1024
"""Bytes of a picture that are encoded at a time; divisible by 3."""


@define
class Document:
    """A JSON document whose pictures are marks until it is written."""

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

    def pieces(self) -> Iterator[bytes | Content]:
        """Give text and pictures in turn."""
        text = json.dumps(self._tree, separators=(",", ":"))
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
    """Read some bytes of a picture; a file in a thread."""
    if content.path is None:
        return content.read_at(at, count)
    return await asyncio.to_thread(content.read_at, at, count)
