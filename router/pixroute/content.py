"""The bytes of one picture from the wire to the result: one owner, in memory or in a file, whole or not at all."""

from __future__ import annotations

import asyncio
import os
import secrets
import threading
from collections.abc import Coroutine
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir
from typing import Any, BinaryIO, TypeVar

from pixroute.system import IS_WINDOWS

T = TypeVar("T")

_PIECE = 1 << 20
_GIVES_UP_WITHIN = 0.2
_SPARE_NAME = 200


class Content:
    """Bytes of one picture: given, or written as they arrive to memory or to a file; its owner moves or discards it.

    A file that cannot be written, or not be moved, costs no picture: its bytes go on in memory.

    Args:
        source: the bytes, or what they are written to and read from again; a file has a name.
        size: bytes that are there already; None: all of them.
    """

    def __init__(self, source: bytes | BinaryIO, *, size: int | None = None) -> None:
        self._given = source if isinstance(source, bytes) else None
        self._sink: BinaryIO = BytesIO(source) if isinstance(source, bytes) else source
        self.path = None if isinstance(self._sink, BytesIO) else Path(self._sink.name)
        if size is None:
            size = len(source) if isinstance(source, bytes) else source.seek(0, os.SEEK_END)
        self.size = size

    @classmethod
    def beside(cls, target: Path) -> Content:
        """Make an empty one in a file of its own beside the target; where that cannot be, in memory."""
        try:
            # Unbuffered, so that on a full disk we know what was written.
            return cls(partial_file(target).open("x+b", buffering=0), size=0)
        except OSError:
            return cls(BytesIO(), size=0)

    def __del__(self) -> None:
        """Let go of the file, which stays where it is."""
        self._sink.close()

    @property
    def held(self) -> int:
        """Bytes in memory now."""
        return self.size if self.path is None and not self.closed else 0

    @property
    def closed(self) -> bool:
        """Whether nothing more can be written."""
        return self._sink.closed

    def write(self, data: bytes) -> None:
        """Add to it."""
        rest = memoryview(data)
        while rest:
            try:
                written = self._sink.write(rest)
            except OSError:
                if self.path is None:
                    raise
                self.fall_back()
                continue
            self.size += written
            rest = rest[written:]

    def truncate(self) -> None:
        """Cut off what was reserved and not written."""
        self._sink.truncate(self.size)

    def begin_anew(self) -> None:
        """Forget what was written."""
        self._sink.seek(0)
        self.size = 0

    def read_at(self, start: int, count: int) -> bytes:
        """Return some of the bytes."""
        self._sink.seek(start)
        return self._sink.read(count)

    def data(self) -> bytes:
        """Return the bytes; those in memory are not copied."""
        if self._given is not None:
            return self._given
        if isinstance(self._sink, BytesIO):
            return self._sink.getvalue()
        return self.path.read_bytes() if self.path and self.closed else self.read_at(0, self.size)

    def open(self) -> BinaryIO:
        """Return a readable, seekable view of its own from the first byte on; closing it changes nothing."""
        if self.path is not None:
            with suppress(OSError):  # its folder may be gone; the file that we hold open is not
                return self.path.open("rb")
        return BytesIO(self.data())

    def move(self, target: Path) -> None:
        """Rename the file, replacing the target at once.

        Raises:
            OSError: it cannot be; the bytes are still here.
        """
        assert self.path is not None
        if IS_WINDOWS:  # where an open file has no other name
            self._sink.close()
        self.path = self.path.replace(target)
        self._sink.close()

    def fall_back(self) -> None:
        """Go on in memory, without a file."""
        if self.path is not None:
            memory = BytesIO()
            memory.write(self.data())
            self.discard()
            self._sink, self.path = memory, None

    def spill(self, file: BinaryIO) -> None:
        """Go on in a file that is open for reading and writing, without the memory; whoever reads meanwhile may.

        Raises:
            OSError: it cannot be written; the bytes are still here.
        """
        with self.open() as source:
            while piece := source.read(_PIECE):
                file.write(piece)
        file.flush()
        self._sink, self.path, self._given = file, Path(file.name), None

    def close(self) -> None:
        """Let go of the file or the memory; a file stays where it is."""
        self._sink.close()

    def discard(self) -> None:
        """Drop the bytes; those that were given are their giver's."""
        if self._given is None:
            self._sink.close()
        if self.path is not None:
            with suppress(OSError):  # a folder that is gone took it along
                self.path.unlink(missing_ok=True)


InMemory = Content
"""What a provider without a network delivers: `InMemory(picture)`."""


class Owner:
    """Owns every picture of one request; closed, it discards those that were not given away."""

    __slots__ = ("_closed", "_contents")

    def __init__(self) -> None:
        self._contents: dict[Content, None] = {}
        self._closed = False

    def take(self, content: Content) -> None:
        """Own one more; once closed, discard it at once."""
        if self._closed:
            content.discard()
        else:
            self._contents[content] = None

    def give(self, content: Content) -> None:
        """Give one away: it is the caller's."""
        self._contents.pop(content, None)

    def close(self) -> None:
        """Discard those that were not given away."""
        self._closed = True
        while self._contents:
            self._contents.popitem()[0].discard()


def partial_file(target: Path) -> Path:
    """Name a file beside the target that no other writer has; short, for the target's name may be as long as may be."""
    return target.with_name(f".{secrets.token_hex(8)}.part")


def spare_file(target: Path) -> Path:
    """Name a file among the temporary ones for what cannot be written to its target; never one that is there."""
    folder = Path(gettempdir())
    stem = os.fsencode(target.stem)[:_SPARE_NAME].decode(errors="ignore")
    name = f"{stem}{target.suffix}"
    return folder / (f"{stem}-{secrets.token_hex(4)}{target.suffix}" if (folder / name).exists() else name)


async def write_beside(target: Path, content: Content) -> None:
    """Write in a thread, beside the target, then rename: a reader sees the old file or the new one, never a half.

    Raises:
        OSError: nothing was written.
    """
    given_up = threading.Event()
    writing = asyncio.get_running_loop().run_in_executor(None, _write, target, content, given_up)
    writing.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen, whoever still waits
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        given_up.set()
        await asyncio.wait([writing], timeout=_GIVES_UP_WITHIN)
        raise


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do what must not stop halfway, as the keeping of what is paid; a cancellation meanwhile passes on after it.

    A second one does not wait.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        task.cancelled() or task.exception()  # seen: nobody waits for it
        raise


def _write(target: Path, content: Content, given_up: threading.Event) -> None:
    beside = partial_file(target)
    try:
        with content.open() as source, beside.open("xb") as sink:
            while not given_up.is_set() and (piece := source.read(_PIECE)):
                sink.write(piece)
        if not given_up.is_set():
            beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
