"""Reference pictures that callers name by a URL: fetched as result URLs are, from public addresses over https alone.

The address is judged by the socket that connects to it, so that a name cannot mean another one a moment later.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp
from attrs import define

from pixroute.http.endpoint import within_reach
from pixroute.http.wire.places import place
from pixroute.http.wire.sockets import KeepAlive, Reach, socket_factory
from pixroute.request import LARGEST_REFERENCE, Reference
from pixroute.serve.problem import Refused, bad

WITHIN = 30.0
"""Seconds for one picture, from the first packet to the last byte."""
AT_ONCE = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_URL = 4096


@define(eq=False)
class Fetcher:
    """Fetches references.

    Args:
        reach: which addresses its connections may go to.
        context: whose certificates they believe; None: the system's.
    """

    reach: Reach = "public"
    context: ssl.SSLContext | None = None
    _session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def fetch(self, urls: Sequence[str]) -> list[Reference]:
        """Fetch them, a few at a time.

        Raises:
            Refused: one cannot be had; the text names it by its place among them, never what answered there.
        """
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(at: int, url: str) -> Reference:
            async with turns:
                return await self._fetch(at, url)

        tasks = [asyncio.ensure_future(one(at, url)) for at, url in enumerate(urls)]
        try:
            return list(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _fetch(self, at: int, text: str) -> Reference:
        try:
            async with asyncio.timeout(WITHIN):
                found = await self._get(at, text)
                if isinstance(found, str):
                    found = await self._get(at, found)
        except TimeoutError:
            raise _lost(at, f"did not come within {WITHIN:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise _lost(at, "could not be fetched") from None
        if isinstance(found, str):
            raise _lost(at, "is redirected twice")
        return Reference(data=found)

    async def _get(self, at: int, text: str) -> bytes | str:
        """Give what lies there, or where that leads."""
        url = self._checked(at, text)
        if self._session is None:
            self._session = self._opened()
        headers = {"User-Agent": "pixroute", "Accept-Encoding": "identity"}
        async with self._session.get(url, headers=headers, allow_redirects=False) as answer:
            location = answer.headers.get("Location", "").strip()
            if answer.status in _REDIRECTS and location:
                return place(location, url)
            if answer.status != 200:
                raise _lost(at, "could not be fetched")
            held = bytearray()
            async for chunk in answer.content.iter_any():
                held += chunk
                if len(held) > LARGEST_REFERENCE:
                    raise _lost(at, f"has more than {LARGEST_REFERENCE} bytes")
            return bytes(held)

    def _opened(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=0, force_close=True, ssl=self.context or True, socket_factory=socket_factory(KeepAlive(), self.reach)
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)

    def _checked(self, at: int, text: str) -> str:
        try:
            url = place(text, "") if len(text) <= _LONGEST_URL else ""
            parts = urlsplit(url)
        except ValueError:
            raise _lost(at, "is not a plain URL") from None
        if parts.scheme != "https":
            raise _lost(at, "is no https:// URL")
        if not within_reach(parts, self.reach):
            raise _lost(at, "could not be fetched")  # as whatever is not there: nobody learns of our network
        return url


def _lost(at: int, why: str) -> Refused:
    return bad(f"the reference picture at URL {at + 1} {why}", "image", kind="bad_reference")
