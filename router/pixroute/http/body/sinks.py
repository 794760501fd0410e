"""Where the pictures of one attempt are put while they arrive: memory, or files beside the target."""

from __future__ import annotations

import secrets
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from pixroute.http.body.blob import reserve_memory
from pixroute.http.pace import LARGEST


class Held:
    """One complete picture (a `Content`): in memory, or in the file at `path`, which its owner moves or discards."""

    def __init__(self, sink: BinaryIO, path: Path | None = None) -> None:
        self.size = sink.seek(0, 2)
        self.path = path
        self._sink = sink
        if path is not None:
            sink.close()

    def data(self) -> bytes:
        """Return the bytes; those in memory are not copied."""
        return self.path.read_bytes() if self.path else self._memory.getvalue()

    def open(self) -> BinaryIO:
        """Return a readable view of its own; closing it changes nothing."""
        return self.path.open("rb") if self.path else BytesIO(self.data())

    def move(self, target: Path) -> None:
        """Rename the file, replacing the target at once."""
        assert self.path is not None
        self.path = self.path.replace(target)

    def discard(self) -> None:
        """Drop the bytes."""
        if self.path:
            self.path.unlink(missing_ok=True)
        self._sink.close()

    @property
    def _memory(self) -> BytesIO:
        assert isinstance(self._sink, BytesIO)
        return self._sink


class Sinks:
    """Opens a sink for every picture that arrives; on leaving (`with`) those not taken are gone.

    Args:
        into: pictures go to files beside this one, under names of their own; None: to memory.
    """

    def __init__(self, into: Path | None) -> None:
        self._into = into
        self._files: dict[BinaryIO, Path] = {}

    def open(self) -> BinaryIO:
        """Open a sink for one picture."""
        if self._into is None:
            # Always the most: what is not used costs nothing, and above 32 MiB glibc takes fresh pages from the
            # system, where a smaller reserve would come from its heap, be zeroed at once and stay there.
            return reserve_memory(LARGEST)
        path = self._into.with_name(f".{self._into.name}.{secrets.token_hex(4)}.part")
        file = path.open("x+b")
        self._files[file] = path
        return file

    def put(self, data: bytes) -> Held:
        """Keep a picture that is here already."""
        if self._into is None:
            return Held(BytesIO(data))
        file = self.open()
        file.write(data)
        return self.take(file)

    def take(self, sink: BinaryIO) -> Held:
        """Give a picture away: from now on it is the taker's to move or discard."""
        return Held(sink, self._files.pop(sink, None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for file, path in self._files.items():
            file.close()
            path.unlink(missing_ok=True)
