"""Where the pictures of one attempt are put while they arrive: memory, or files beside the target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pixroute.content import Content
from pixroute.http.body.blob import reserve_memory
from pixroute.request import Reference


class Sinks:
    """Opens a sink for every picture that arrives; on leaving (`with`) the files of those not taken are gone.

    Left by an exception, the files of those taken are gone too: nobody got them.

    Args:
        into: pictures go to files beside this one, under names of their own; None: to memory.
        wanted: how many pictures are asked; None: nobody knows any more.
        references: what was sent, which is no result if it comes back.
    """

    __slots__ = ("_into", "_opened", "references", "wanted")

    def __init__(self, into: Path | None, *, wanted: int | None = None, references: Sequence[Reference] = ()) -> None:
        self.wanted = wanted
        self.references = references
        self._into = into
        self._opened: dict[Content, bool] = {}  # and whether it was taken

    def open(self) -> Content:
        """Open a sink for one picture."""
        content = Content.beside(self._into) if self._into else Content(reserve_memory(), size=0)
        self._opened[content] = False
        return content

    def put(self, data: bytes) -> Content:
        """Keep a picture that is here already."""
        if self._into is None:
            return Content(data)
        content = self.open()
        content.write(data)
        return self.take(content)

    def take(self, content: Content) -> Content:
        """Give a picture away: from now on it is the taker's to move or discard."""
        self._opened[content] = True
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for content, taken in self._opened.items():
            if content.path is not None and (not taken or kind is not None):
                content.discard()
