"""Pictures that lie at a URL: fetched under rules of their own (semantics §6, result URLs).

The URL is somebody else's word. It gets no credential, leads to public addresses only unless it is the provider's own
origin or the settings allow others, and one redirect is followed. A GET costs nothing and another picture does: what
may pass is asked for again until the time is over.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import define, frozen
from backoff import expo

from pixroute.content import Content
from pixroute.http.body.sinks import Sinks
from pixroute.http.endpoint import Endpoint, Trust, origin_of, within_reach
from pixroute.http.judging.exceptions import FOREIGN, failure_of
from pixroute.http.judging.hints import read_hint
from pixroute.http.pace import LARGEST
from pixroute.http.wire.connections import Response
from pixroute.http.wire.memory import Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.places import place
from pixroute.http.wire.sockets import AddressRefused, Reach
from pixroute.http.wire.wire import Cut, Wire, store
from pixroute.outcome import Blame, Delivered, Failure, FailureKind, Stage
from pixroute.picture import BadPicture, CutPicture, inspect
from pixroute.provider import AttemptContext

if TYPE_CHECKING:
    from pixroute.http.transport import Transport

_PASSING = frozenset({404, 408, 425, 429})
"""Statuses, beside 5xx, that a file's first seconds bring; 401, 403 and 410 are final."""
_PASSING_KINDS = frozenset(
    {
        FailureKind.CONNECT,
        FailureKind.DISCONNECTED,
        FailureKind.PROXY_CUT,
        FailureKind.PROTOCOL,
        FailureKind.TIMEOUT,
    }
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_PRIVATE = "its address is not public (`allow_private_results = true` in the provider's settings admits others)"


@frozen(kw_only=True)
class _Lost:
    """What went wrong with one GET; `again`: it may pass, `hint` seconds from now at the earliest."""

    why: str
    again: bool = False
    hint: float = 0.0
    blame: Blame = Blame.PROVIDER


@frozen
class _Redirect:
    """Where an answer leads."""

    url: str


@define(kw_only=True)
class Fetch:
    """Fetches one picture for one attempt, until `ends_at`, as the transport's `now` gives time."""

    transport: Transport
    endpoint: Endpoint
    attempt: AttemptContext
    sinks: Sinks
    ends_at: float
    _content: Content | None = None
    _etag: str | None = None

    async def run(self, text: str) -> Delivered | Failure:
        """Fetch; a failure keeps the URL, for the picture is paid for."""
        url = text.strip()
        self.attempt.note(url=url)  # at once: the attempt may be cut while it is fetched
        try:
            url = place(text, f"{self.endpoint.base_url}/")
        except ValueError:
            return _failure(url, _Lost(why="its URL is not a plain one"))
        self.attempt.note(url=url)
        pauses = expo(factor=self.transport.pace.fetch_pause)
        next(pauses)  # backoff's generators yield None first
        while True:
            found = await self._follow(url)
            if isinstance(found, Delivered):
                return found
            pause = max(next(pauses), found.hint)
            if not found.again or self.transport.now() + pause >= self.ends_at:
                return _failure(url, found)
            await asyncio.sleep(pause)

    async def _follow(self, url: str) -> Delivered | _Lost:
        """Ask once, and once more where a redirect leads."""
        found = await self._get(url, trusted=self._is_ours(url))
        if isinstance(found, _Redirect):
            found = await self._get(found.url, trusted=False)
        return _Lost(why="it is redirected twice") if isinstance(found, _Redirect) else found

    async def _get(self, url: str, *, trusted: bool) -> Delivered | _Lost | _Redirect:
        if fault := self._fault(url, trusted=trusted):
            return _Lost(why=fault)
        proxy = self.transport.proxy(url, self.endpoint)
        held = self._continued()
        wire = Wire(pace=self.transport.pace, limit=LARGEST - held, ends_at=self.ends_at, time=self.transport.time)
        headers = {"User-Agent": "pixroute", "Accept-Encoding": "identity"}
        if held and self._etag:
            headers |= {"Range": f"bytes={held}-", "If-Range": self._etag}
        request = Outgoing(method="GET", url=url, headers=headers, exact=True)
        try:
            with wire.clock, self.transport.memory.share() as share:
                connections = self.transport.connections(self._trust(proxy, trusted=trusted))
                response = await wire.send(connections, request, None, proxy)
                try:
                    return _elsewhere(url, response) or await self._read(url, wire, response, share)
                finally:
                    response.close()
        except Cut as cut:
            return _Lost(why=cut.failure.message, again=cut.failure.timed_out, blame=cut.failure.blame)
        except FOREIGN as error:
            return _lost_by(error, wire)
        except ValueError:  # what the name system or the parser of URLs cannot read
            return _Lost(why="its URL cannot be read")

    async def _read(self, url: str, wire: Wire, response: Response, share: Share) -> Delivered | _Lost:
        content, whole = self._prepared(response), True
        if content is None:
            return _answered(url, response)
        if found := _CONTENT_RANGE.match(response.headers.get("Content-Range", "")):
            whole = found[3] in {"*", str(int(found[2]) + 1)}
        while chunk := await wire.read():
            store(content.write, chunk)
            await wire.go_on(share, content.held)
        content.truncate()
        if not whole or self._is_cut(content):
            if whole:
                self._etag = None  # all of it came, and its end is missing: it is written at this moment
            return _Lost(why="what lies there is cut: its end is missing", again=True)
        return Delivered(content=self.sinks.take(content), declared_type=response.media_type, url=url)

    def _prepared(self, response: Response) -> Content | None:
        """Give the sink that this answer goes on with, or begins anew; None: the answer is no picture."""
        held, begins = self._continued(), 0
        if response.status == 206:
            found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            begins = int(found[1]) if found else held
        tag = response.headers.get("ETag", "")
        same = not held or tag in {"", self._etag}
        if response.status not in {200, 206} or begins not in {0, held} or (begins and not same):
            if response.status in {206, 416}:
                self._etag = None  # it does not do what was asked of it: from the beginning, next time
            return None
        if self._content is None:
            self._content = store(self.sinks.open)
        if not begins:
            self._content.begin_anew()
            self._etag = tag if tag.startswith('"') and "Content-Encoding" not in response.headers else None
        return self._content

    def _continued(self) -> int:
        """Tell how many bytes are here that may be gone on from: only those of what cannot have changed since."""
        return self._content.size if self._content is not None and self._etag else 0

    @staticmethod
    def _is_cut(content: Content) -> bool:
        try:
            with content.open() as source:
                inspect(source, content.size)
        except CutPicture:
            return True
        except BadPicture:
            pass  # what it is instead is told where all pictures are judged
        return False

    def _is_ours(self, url: str) -> bool:
        """Tell whether it is the provider's own origin, which is trusted with the key already."""
        return origin_of(urlsplit(url)) == self.endpoint.origin

    def _trust(self, proxy: str | None, *, trusted: bool) -> Trust:
        """Admit public addresses only; through a proxy, whose own address is private, it is the proxy that must."""
        reach: Reach = "any" if self._anywhere or proxy else self.endpoint.trust.reach if trusted else "public"
        return Trust(reach=reach, ca_file=self.endpoint.trust.ca_file, added=True)

    @property
    def _anywhere(self) -> bool:
        return self.endpoint.private_results

    def _fault(self, url: str, *, trusted: bool) -> str | None:
        """Tell what forbids this URL before anything is asked."""
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and self.endpoint.plaintext):
            return f"its URL is {parts.scheme}:// and the provider's is https://"
        if not (self._anywhere or trusted or within_reach(parts, "public")):
            return _PRIVATE
        return None


def _elsewhere(url: str, response: Response) -> _Redirect | _Lost | None:
    """Give where the answer leads, if that is https."""
    location = response.headers.get("Location", "").strip()
    if response.status not in _REDIRECTS or not location:
        return None
    said = f"{urlsplit(url).hostname} answered {response.status}, a redirect"
    try:
        target = place(location, url)
    except ValueError:
        return _Lost(why=f"{said} to what is no URL")
    parts = urlsplit(target)
    if parts.scheme != "https":
        return _Lost(why=f"{said} to {parts.scheme}://{parts.hostname}, not followed because it is not https")
    return _Redirect(target)


def _answered(url: str, response: Response) -> _Lost:
    status = response.status
    again = status in _PASSING or status >= 500 or status in {206, 416}
    hint = read_hint({name.lower(): value for name, value in response.headers.items()}, now=time.time()).seconds
    return _Lost(why=f"{urlsplit(url).hostname} answered {status}", again=again, hint=hint or 0.0)


def _lost_by(error: Exception, wire: Wire) -> _Lost:
    cause = getattr(error, "os_error", None)
    if isinstance(cause, AddressRefused) and "public" in str(cause):
        return _Lost(why=_PRIVATE)
    failure = failure_of(error, wire.seen())
    again = failure.kind in _PASSING_KINDS and not isinstance(cause, AddressRefused)
    return _Lost(why=failure.message, again=again, blame=_ours(failure))


def _ours(failure: Failure) -> Blame:
    return Blame.OURS if failure.blame is Blame.OURS else Blame.PROVIDER


def _failure(url: str, lost: _Lost) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The picture was made, but could not be fetched from its URL: {lost.why.rstrip('.')}.",
        advice="It is billed: the record keeps the URL; fetch it by hand before it expires.",
        stage=Stage.BODY,
        answered=True,
        url=url,
        blame=lost.blame,
    )
