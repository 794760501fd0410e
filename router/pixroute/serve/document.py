"""JSON with pictures in it, written by chunks: no picture is ever whole in base64."""

from __future__ import annotations

import asyncio
import json
import secrets
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pybase64
from attrs import define, field

from pixroute.content import Content

CHUNK = 48 * 1024
"""Bytes of a picture that are encoded at a time; divisible by 3."""
LUMP = CHUNK * 4 // 3
"""Bytes that are worth a write of their own."""
SLOW_AFTER = 10.0
SLOW = 64 * 1024
"""Seconds after which, and bytes a second below which, a reader is slow."""
STUCK = 300.0
"""Seconds after which one who takes nothing at all is given up."""


_MARK = secrets.token_hex(16)
"""Stands for a picture until it is written; it never leaves this process, so nobody's words can hold it."""
_json = json.JSONEncoder(separators=(",", ":")).encode


@define
class Document:
    """A JSON document whose pictures are marks until it is written."""

    words: str | None = None
    _pictures: list[Content] = field(factory=list)
    _tree: Any = None
    _pieces: Sequence[bytes | Content] | None = None

    def picture(self, content: Content) -> str:
        """Give what stands for a picture's base64 in the tree."""
        mark = f"{_MARK}{len(self._pictures):04d}"
        self._pictures.append(content)
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
        return tuple(self._pictures)

    def pieces(self) -> Sequence[bytes | Content]:
        """Give text and pictures in turn."""
        if self._pieces is None:
            self._pieces = tuple(self._cut())
        return self._pieces

    def _cut(self) -> Iterator[bytes | Content]:
        text, *rest = (_json(self._tree) if self.words is None else self.words).split(_MARK)
        yield text.encode()
        for one in rest:
            yield self._pictures[int(one[:4])]
            yield one[4:].encode()

    @property
    def length(self) -> int:
        """Bytes of the document."""
        return sum(len(piece) if isinstance(piece, bytes) else 4 * ((piece.size + 2) // 3) for piece in self.pieces())

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give the document, bit by bit; small bits together, for each costs its writer a system call."""
        held = b""
        async for bit in self._bits():
            if held and len(held) + len(bit) > LUMP:
                yield held
                held = bit
            else:
                held += bit
        yield held

    async def _bits(self) -> AsyncIterator[bytes]:
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
        if seconds > SLOW_AFTER and self.taken < SLOW * seconds:
            await self._move()

    async def _move(self) -> None:
        if self.spilled:
            return
        self.spilled = True
        for content in self.pictures:
            if content.path is None:
                await asyncio.to_thread(_spill, content)

    async def watch(self, clock: Callable[[], float], give_up: Callable[[], None]) -> None:
        """Look at one who takes nothing, of whom nobody hears; after `STUCK` seconds of that he is given up."""
        heard = clock()
        while True:
            before = self.taken
            await asyncio.sleep(SLOW_AFTER)
            if self.taken - before < SLOW * SLOW_AFTER:  # what lies in the socket's buffer is no sign of speed
                await self._move()
            if self.taken > before:
                heard = clock()
            elif clock() - heard > STUCK:
                return give_up()


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
