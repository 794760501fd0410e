"""Pictures that lie at a URL: fetched under rules of their own (semantics §6, result URLs).

The URL is somebody else's word. It gets no credential, leads to public addresses only unless the settings allow
others, and at most one redirect is followed: to https on the same host.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import aiohttp
from attrs import frozen

from pixroute.http.body.sinks import Sinks
from pixroute.http.endpoint import Endpoint, Trust, within_reach
from pixroute.http.judging.exceptions import FOREIGN, failure_of
from pixroute.http.pace import LARGEST
from pixroute.http.wire.memory import Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.sockets import Reach
from pixroute.http.wire.wire import Cut, Wire, store
from pixroute.outcome import Delivered, Failure, FailureKind, Stage
from pixroute.provider import AttemptContext

if TYPE_CHECKING:
    from pixroute.http.transport import Transport


@frozen(kw_only=True)
class Fetch:
    """Fetches one picture for one attempt."""

    transport: Transport
    endpoint: Endpoint
    attempt: AttemptContext
    sinks: Sinks

    async def run(self, url: str) -> Delivered | Failure:
        """Fetch; a failure keeps the URL, for the picture is paid for."""
        self.attempt.note(url=url)  # at once: the attempt may be cut while it is fetched
        ends_at = asyncio.get_running_loop().time() + self.transport.pace.fetch
        found = await self._get(url, ends_at)
        if isinstance(found, str):
            found = await self._get(found, ends_at)
        return _lost(url, "it is redirected twice") if isinstance(found, str) else found

    async def _get(self, url: str, ends_at: float) -> Delivered | Failure | str:
        """Fetch, or give the URL of the one redirect that may be followed."""
        if fault := self._fault(url):
            return _lost(url, fault)
        proxy = self.transport.proxy(url, self.endpoint)
        wire = Wire(pace=self.transport.pace, limit=LARGEST, ends_at=ends_at, time=self.transport.time)
        request = Outgoing(method="GET", url=url, headers={"User-Agent": "pixroute"})
        try:
            with wire.clock, self.transport.memory.share() as share:
                session = self.transport.session(self._trust(proxy))
                response = await wire.send(session, request, None, proxy)
                try:
                    return _redirect(url, response) or await self._read(url, wire, response, share)
                finally:
                    response.close()
        except Cut as cut:
            return _lost(url, cut.failure.message)
        except FOREIGN as error:
            return _lost(url, failure_of(error, wire.seen()).message)

    async def _read(self, url: str, wire: Wire, response: aiohttp.ClientResponse, share: Share) -> Delivered | Failure:
        if response.status != 200:
            return _lost(url, f"{urlsplit(url).hostname} answered {response.status}")
        sink, held = store(self.sinks.open), 0
        while chunk := await wire.read():
            store(sink.write, chunk)
            held += len(chunk)
            await wire.go_on(share, 0 if self.attempt.into else held)
        sink.truncate()
        return Delivered(content=store(self.sinks.take, sink), declared_type=response.content_type)

    def _trust(self, proxy: str | None) -> Trust:
        """Admit public addresses only; through a proxy, whose own address is private, it is the proxy that must."""
        reach: Reach = "any" if self.endpoint.private_results or proxy else "public"
        return Trust(reach=reach, ca_file=self.endpoint.trust.ca_file, added=True)

    def _fault(self, url: str) -> str | None:
        """Tell what forbids this URL before anything is asked."""
        parts = urlsplit(url)
        if not parts.hostname or parts.username:
            return "its URL is not a plain one"
        if parts.scheme != "https" and not (parts.scheme == "http" and self.endpoint.plaintext):
            return f"its URL is {parts.scheme}:// and the provider's is https://"
        if not self.endpoint.private_results and not within_reach(parts, "public"):
            return "its address is not public"
        return None


def _redirect(url: str, response: aiohttp.ClientResponse) -> str | None:
    """Give where the answer leads, if that is https on the same host; any other redirect is an answer of no use."""
    location = response.headers.get("Location")
    if location is None or not 300 <= response.status < 400:
        return None
    target = urlsplit(urljoin(url, location))
    same = target.hostname == urlsplit(url).hostname and target.scheme == "https"
    return target.geturl() if same else None


def _lost(url: str, why: str) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The picture was made, but could not be fetched from its URL: {why.rstrip('.')}.",
        advice="It is billed: the record keeps the URL; fetch it by hand before it expires.",
        stage=Stage.BODY,
        answered=True,
        url=url,
    )
