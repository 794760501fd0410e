"""Pictures that are given as URLs: files of a folder, behind links that are signed and expire."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import define, field

from pixroute.content import write_beside
from pixroute.result import SUFFIXES, Format, Image
from pixroute.secret import Secret

log = logging.getLogger("pixroute.serve")
SWEPT_EVERY = 60.0
"""Seconds between two looks for what has expired."""
_NAME = re.compile(r"[A-Za-z0-9_-]{32}(\.png|\.jpg|\.webp|\.gif)")
_TYPES: Mapping[str, Format] = {suffix: format_ for format_, suffix in SUFFIXES.items()}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Cache-Control": "private, max-age=3600, immutable",
}
"""A picture is nothing but a picture, whatever a browser would like to see in it."""


@define(eq=False)
class FolderStore:
    """A folder of pictures.

    Args:
        folder: made where it is missing, for its owner alone.
        key: signs the links.
        lifetime: seconds for which a link is good, and its picture is kept at least.
        clock: seconds since 1970.
    """

    folder: Path
    key: Secret
    lifetime: float
    clock: Callable[[], float] = time.time
    _swept: float = field(default=0.0, init=False)

    async def keep(self, images: Sequence[Image]) -> dict[Image, str]:
        """Write pictures; gives each its link, from the path on.

        Raises:
            OSError: one cannot be written.
        """
        await asyncio.to_thread(self._sweep)
        links = {}
        for image in images:
            name = secrets.token_urlsafe(24) + SUFFIXES[image.format]
            await write_beside(self.folder / name, image.content)
            expires = int(self.clock() + self.lifetime)
            links[image] = f"/pictures/{name}?expires={expires}&signature={self._signature(name, expires)}"
        return links

    def find(self, name: str, expires: str, signature: str) -> tuple[Path, str] | None:
        """Give the file and the media type of a link that was given and is good; None for every other."""
        match = _NAME.fullmatch(name)
        if match is None or not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return None
        good = hmac.compare_digest(self._signature(name, int(expires)).encode(), signature.encode())
        if not good or int(expires) < self.clock():
            return None
        path = self.folder / name
        return (path, f"image/{_TYPES[match[1]]}") if path.is_file() else None

    def _signature(self, name: str, expires: int) -> str:
        signed = f"pixroute picture {name} {expires}".encode()
        return hmac.new(self.key.reveal().encode(), signed, hashlib.sha256).hexdigest()

    def _sweep(self) -> None:
        """Delete what no link leads to any more."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = self.clock()
        if now - self._swept < SWEPT_EVERY:
            return
        self._swept = now
        for path in self.folder.iterdir():
            with suppress(OSError):  # another process sweeps, too
                if _NAME.fullmatch(path.name) and path.stat().st_mtime + self.lifetime + SWEPT_EVERY < now:
                    path.unlink()
