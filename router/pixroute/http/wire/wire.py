"""One request on the wire: how far it has come, its time limits, and what it has brought."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import aiohttp
from yarl import URL

from pixroute.http.judging.diagnosis import Observation
from pixroute.http.judging.exceptions import failure_from_observation
from pixroute.http.pace import Pace
from pixroute.http.wire.clock import Clock
from pixroute.http.wire.memory import Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.provider import AttemptContext

if TYPE_CHECKING:
    from aiohttp.connector import Connection

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 1024**2
"""Bytes of a request body from which on it is sent in pieces and its progress is watched."""
_PIECE = 32 * 1024
_READ_BUFFER = 128 * 1024  # aiohttp pauses the socket at twice this

CURRENT: ContextVar[Wire] = ContextVar("CURRENT")


class Cut(Exception):
    """An exchange that we end ourselves; carries the failure out of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Wire:
    """One request on the wire.

    Args:
        pace: how slow it may be.
        limit: bytes of the answer's body, after inflation.
        attempt: told of stages and facts; None where it is not the attempt's first request, whose stage stands.
        ends_at: the loop's time at which it is cut, whatever it does.
    """

    def __init__(
        self,
        *,
        pace: Pace,
        limit: int,
        attempt: AttemptContext | None = None,
        ends_at: float = inf,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pace = pace
        self._limit = limit
        self._attempt = attempt
        self._stage = Stage.CONNECT
        self._began = self._moved = self._loop.time()
        self._body_began: float | None = None
        self._stood_still = 0.0
        self._received = 0
        self._announced: int | None = None
        self._plaintext = self._large = False
        self.clock = Clock(ends_at=ends_at)

    async def send(
        self, session: aiohttp.ClientSession, request: Outgoing, connect: float | None, proxy: str | None
    ) -> aiohttp.ClientResponse:
        """Connect, send, and wait for the head of the answer; redirects are not followed."""
        self._plaintext = request.url.startswith("http:")
        self._reach(Stage.CONNECT)
        self.clock.limit(self._pace.connect if connect is None else connect)
        CURRENT.set(self)
        response = await session.request(
            request.method,
            URL(request.url, encoded=True) if request.exact else request.url,
            data=self._payload(request.body),
            headers=request.headers,
            proxy=proxy,
            allow_redirects=False,
            read_bufsize=_READ_BUFFER,
        )
        self._reach(Stage.BODY)
        self._announced = response.content_length
        self._content = response.content
        headers = response.headers
        provider_request_id = headers.get("x-request-id") or headers.get("request-id")
        self._note(first_byte=self._moved - self._began, provider_request_id=provider_request_id)
        return response

    async def read(self) -> bytes:
        """Return what has arrived; empty at the end.

        Raises:
            Cut: it is too much.
        """
        self.clock.limit(self._pace.body_idle)
        chunk = await self._content.readany()
        if chunk:
            self._moved = self._loop.time()
            self._body_began = self._body_began or self._moved
            self._received += len(chunk)
            if self._received > self._limit:
                raise Cut(_too_large(self._limit))
        return chunk

    async def go_on(self, share: Share, held: int) -> None:
        """Let others have the loop, and wait until there is memory for what is held.

        Raises:
            Cut: it comes too slowly.
        """
        assert self._body_began is not None
        reading = self._moved - self._body_began - self._stood_still
        if reading > self._pace.grace and self._received < reading * self._pace.slowest:
            raise Cut(failure_from_observation(FailureKind.TIMEOUT, self.seen(), timed_out=True))
        if share.fits(held):
            await asyncio.sleep(0)
            return
        self.clock.limit()  # it is we who do not read
        await share.wait(held)
        self._stood_still += self._loop.time() - self._moved

    def seen(self) -> Observation:
        """Tell what was seen, for a diagnosis."""
        now = self._loop.time()
        return Observation(
            stage=self._stage,
            elapsed=now - self._began,
            idle=now - self._moved,
            received=self._received,
            announced=self._announced,
            plaintext=self._plaintext,
            large_upload=self._large,
        )

    def finished(self) -> None:
        """Take note that the document is complete: an answer that goes on has stalled at its tail (upstreams §3.5)."""
        if not self._content.at_eof():
            self._note(rescued=True)

    def close(self) -> None:
        """Note what came in all, and let go of the attempt: a pooled connection keeps the context that holds this."""
        if self._stage is Stage.BODY:
            compressed = getattr(self._content, "total_compressed_bytes", None)  # an empty stream has no such field
            self._note(wire_bytes=compressed or self._received)
        self._attempt = None

    # Told by the request while it is sent.

    def sending(self, connection: Connection) -> None:
        """Take note that from now on bytes may leave."""
        self._reach(Stage.SEND)
        self.clock.limit(self._pace.send_idle)
        transport = connection.transport
        peer: Any = transport and transport.get_extra_info("peername")
        self._note(remote=peer and peer[0], plaintext=self._plaintext)

    def sent_some(self) -> None:
        """Take note of progress with a large body."""
        if self._stage is Stage.SEND:
            self._moved = self._loop.time()
            self.clock.limit(self._pace.send_idle)

    def sent(self) -> None:
        """Take note that all is sent."""
        if self._stage is Stage.SEND:
            self._reach(Stage.WAIT)
            self.clock.limit()

    def _reach(self, stage: Stage) -> None:
        self._stage = stage
        self._moved = self._loop.time()
        if self._attempt is not None:
            self._attempt.reached(stage)

    def _note(self, **facts: Any) -> None:
        if self._attempt is not None:
            self._attempt.note(**facts)

    def _payload(self, body: bytes | None) -> bytes | io.BytesIO | None:
        if body is None or len(body) < LARGE:
            return body
        self._large = True
        return _Upload(body, self.sent_some)


class WatchedRequest(aiohttp.ClientRequest):
    """Tells its `Wire` when bytes may begin to leave, and when all have left (a trace config costs ten times this)."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        """Send the head, and begin with the body."""
        wire = CURRENT.get()
        wire.sending(conn)
        response = await super().send(conn)
        if self.body == b"":
            wire.sent()
        return response

    async def write_bytes(self, writer: Any, conn: Connection, content_length: int | None = None) -> None:
        """Send the body."""
        await super().write_bytes(writer, conn, content_length)
        if conn.protocol is None or conn.protocol.exception() is None:
            CURRENT.get().sent()


class _Upload(io.BytesIO):
    """A large body: every piece taken means that the one before went out."""

    def __init__(self, body: bytes, taken: Callable[[], None]) -> None:
        super().__init__(body)
        self._taken = taken

    def read(self, size: int | None = -1, /) -> bytes:
        self._taken()
        return super().read(_PIECE if size is None or size < 0 else min(size, _PIECE))


def store(keep: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what keeps a picture on this machine.

    Raises:
        Cut: this machine cannot keep it, which is not the connection's fault.
    """
    try:
        return keep(*args, **kwargs)
    except OSError as error:
        raise Cut(_not_written(error)) from error


def _not_written(error: OSError) -> Failure:
    return Failure(
        kind=FailureKind.UNKNOWN,
        message=f"The picture could not be kept on this machine: {error.strerror}.",
        advice="Check the folder of `into` and the space left there; the picture is billed.",
        stage=Stage.BODY,
        billing=Billing.BILLED,
        blame=Blame.OURS,
    )


def _too_large(limit: int) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The answer was given up at {limit:,} bytes: it is larger than any picture asked for.",
        advice="If such pictures are real, ask for fewer at once or for a smaller size; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
