"""Pictures that are given as URLs: in a folder or a bucket, behind links that are signed and expire."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aiohttp import web
from attrs import define, field

from pixroute.content import write_beside
from pixroute.result import SUFFIXES, Format, Image
from pixroute.secret import Secret
from pixroute.serve.document import CHUNK, read

if TYPE_CHECKING:
    from obstore.store import ObjectStore

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


class PictureStore(Protocol):
    """Where pictures lie that are given as URLs."""

    async def keep(self, images: Sequence[Image]) -> dict[Image, str]:
        """Keep pictures; gives each its link, from the path on.

        Raises:
            OSError: one cannot be kept.
        """
        ...

    async def answer(self, request: web.Request, link: tuple[str, str, str]) -> web.StreamResponse | None:
        """Give the picture of a link (its name, when it expires, its signature); None where it is not good.

        Raises:
            OSError: it cannot be read.
        """
        ...


@define(kw_only=True)
class LinkSigner:
    """Signs links, and knows its own.

    Args:
        key: signs.
        lifetime: seconds for which a link is good, and its picture is kept at least.
        clock: seconds since 1970.
    """

    key: Secret
    lifetime: float
    clock: Callable[[], float] = time.time

    def name(self, image: Image) -> str:
        """Draw a name that nobody guesses."""
        return secrets.token_urlsafe(24) + SUFFIXES[image.format]

    def link(self, name: str) -> str:
        """Give the link of a name, from the path on."""
        expires = int(self.clock() + self.lifetime)
        return f"/pictures/{name}?expires={expires}&signature={self._signature(name, expires)}"

    def media_type(self, name: str, expires: str, signature: str) -> str | None:
        """Give the media type of a link that was given and is good; None for every other."""
        match = _NAME.fullmatch(name)
        if match is None or not (expires.isascii() and expires.isdigit() and len(expires) < 16):
            return None
        good = hmac.compare_digest(self._signature(name, int(expires)).encode(), signature.encode())
        return f"image/{_TYPES[match[1]]}" if good and int(expires) >= self.clock() else None

    def _signature(self, name: str, expires: int) -> str:
        signed = f"pixroute picture {name} {expires}".encode()
        return hmac.new(self.key.reveal().encode(), signed, hashlib.sha256).hexdigest()


@define(eq=False)
class FolderStore:
    """A folder of pictures.

    Args:
        folder: made where it is missing, for its owner alone.
        links: signs them.
    """

    folder: Path
    links: LinkSigner
    _swept: float = field(default=0.0, init=False)

    async def keep(self, images: Sequence[Image]) -> dict[Image, str]:
        """Write pictures."""
        await asyncio.to_thread(self._sweep)
        kept = {}
        for image in images:
            name = self.links.name(image)
            await write_beside(self.folder / name, image.content)
            kept[image] = self.links.link(name)
        return kept

    async def answer(self, _: web.Request, link: tuple[str, str, str]) -> web.StreamResponse | None:
        """Give a file."""
        media_type, path = self.links.media_type(*link), self.folder / link[0]
        if media_type is None or not await asyncio.to_thread(path.is_file):
            return None
        return web.FileResponse(path, headers={**HEADERS, "Content-Type": media_type})

    def _sweep(self) -> None:
        """Delete what no link leads to any more."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = self.links.clock()
        if now - self._swept < SWEPT_EVERY:
            return
        self._swept = now
        for path in self.folder.iterdir():
            with suppress(OSError):  # another process sweeps, too
                if _NAME.fullmatch(path.name) and path.stat().st_mtime + self.links.lifetime + SWEPT_EVERY < now:
                    path.unlink()


@define(eq=False)
class BucketStore:
    """A bucket of pictures, by obstore; what has expired is left to a rule of the bucket's own.

    Args:
        bucket: opened.
        links: signs them.
    """

    bucket: ObjectStore
    links: LinkSigner

    async def keep(self, images: Sequence[Image]) -> dict[Image, str]:
        """Send pictures, bit by bit."""
        import obstore  # noqa: PLC0415 - an extra
        from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

        kept = {}
        for image in images:
            name = self.links.name(image)
            try:
                await obstore.put_async(self.bucket, name, _bits(image))
            except BaseError as error:
                raise OSError(f"the bucket took no picture ({type(error).__name__})") from error
            kept[image] = self.links.link(name)
        return kept

    async def answer(self, request: web.Request, link: tuple[str, str, str]) -> web.StreamResponse | None:
        """Give what the bucket has, bit by bit."""
        import obstore  # noqa: PLC0415 - an extra
        from obstore.exceptions import BaseError  # noqa: PLC0415 - as above

        media_type = self.links.media_type(*link)
        if media_type is None:
            return None
        try:
            found = await obstore.get_async(self.bucket, link[0])
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise OSError(f"the bucket gave no picture ({type(error).__name__})") from error
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": media_type})
        response.content_length = found.meta["size"]
        await response.prepare(request)
        async for chunk in found.stream():
            await response.write(bytes(chunk))
        await response.write_eof()
        return response


async def _bits(image: Image) -> AsyncIterator[bytes]:
    for at in range(0, image.content.size, CHUNK):
        yield await read(image.content, at, CHUNK)


def open_bucket(url: str) -> ObjectStore:
    """Open a bucket; who may enter it, and by which address, the environment says as it does for the cloud's own tools.

    Raises:
        ValueError: the URL is of no known kind, what the environment says is not enough, or the extra is missing.
    """
    try:
        from obstore.exceptions import BaseError  # noqa: PLC0415 - an extra
        from obstore.store import from_url  # noqa: PLC0415 - as above
    except ImportError:
        raise ValueError("a bucket needs an extra: pip install 'pixroute[buckets]'") from None
    try:
        return from_url(url)
    except (BaseError, ValueError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None
