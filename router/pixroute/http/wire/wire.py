"""One request on the wire: how far it has come, its time limits, and what it has brought."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import aiohttp
from attrs import evolve

from pixroute.http.body.filler import MOST, Filler
from pixroute.http.body.inflate import BrokenStream, Inflater
from pixroute.http.judging.diagnosis import Observation
from pixroute.http.judging.exceptions import failure_from_observation
from pixroute.http.pace import Pace
from pixroute.http.wire.clock import Clock
from pixroute.http.wire.connections import Connections, Response
from pixroute.http.wire.memory import Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage
from pixroute.provider import AttemptContext

if TYPE_CHECKING:
    from aiohttp.connector import Connection

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 1024**2
"""Bytes of a request body that may be what was too much for whoever broke off."""


_PLAIN = frozenset({b"{", b"["})
"""What begins a document, and nothing that is compressed."""


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
        ends_at: the time, as `time` gives it, at which it is cut, whatever it does.
        time: gives the loop's time without the pauses of the machine; None: the loop's.
        document: the answer of a success begins with its document; what stands before it only says that somebody is
            at work.
    """

    def __init__(
        self,
        *,
        pace: Pace,
        limit: int,
        attempt: AttemptContext | None = None,
        ends_at: float = inf,
        time: Callable[[], float] | None = None,
        document: bool = False,
    ) -> None:
        self.clock = Clock(ends_at=ends_at, time=time, moved=lambda: self._moves)
        self._time = self.clock.time
        self.pace = pace
        self._limit = limit
        self._attempt = attempt
        # What is measured here holds nobody's words: an attempt that looks for secrets need not look.
        self._measured: Callable[..., None] | None = None if attempt is None else measuring(attempt)
        self._stage = Stage.CONNECT
        self._began = self._moved = self._time()
        self._moves = 0
        self._document = document
        self._filler: Filler | None = None
        self._inflater: Inflater | None = None
        self._body_began: float | None = None
        self._stood_still = 0.0
        self.patience = inf
        """Seconds until the next byte, at most."""
        self._received = self._on_wire = 0
        self._announced: int | None = None
        self._plaintext = self._large = False

    async def send(
        self, connections: Connections, request: Outgoing, connect: float | None, proxy: str | None
    ) -> Response:
        """Connect, send, and wait for the head of the answer; redirects are not followed."""
        self._plaintext = request.url.startswith("http:")
        self._large = request.body is not None and len(request.body) >= LARGE
        self._connect = self.pace.connect if connect is None else connect
        response = await connections.send(request, proxy, self)
        self._announced, self._content = response.length, response.content
        headers = response.headers
        self._encoding = headers.get("Content-Encoding", "")
        if self._attempt is not None and (name := headers.get("x-request-id") or headers.get("request-id")):
            self._attempt.note(provider_request_id=name)
        if not (self._document and 200 <= response.status < 300):
            self._reach(Stage.BODY, self._time())
            self._note(first_byte=self._moved - self._began)
        return response

    async def read(self) -> bytes:
        """Return what has arrived of the document; empty at the end.

        Raises:
            Cut: it is too much.
            ClientPayloadError: it broke off, or cannot be inflated.
        """
        while True:
            if not self._content.is_eof():
                self.clock.limit(self._patience())
            chunk = await self._inflated()
            document = self._without_filler(chunk)
            if document or not chunk:
                break
            self._moves += 1
        if not document and self._stage is Stage.BODY:
            return document
        now, first = self._time(), self._stage is not Stage.BODY
        if first:
            self._reach(Stage.BODY, now)
        if document:
            self._take(document, now)
        facts = {"first_byte": now - self._began} if first else {}
        self._note(**facts, wire_bytes=self._received)
        return document

    async def _inflated(self) -> bytes:
        while True:
            inflater = self._inflater
            more = inflater is not None and inflater.waiting
            chunk = b"" if more else await self._content.readany()
            first = not self._on_wire
            self._on_wire += len(chunk)
            if inflater is None:
                if not first or chunk[:1] in _PLAIN:
                    return chunk
                inflater = self._inflater = Inflater(self._encoding)
            try:
                found = inflater.take(chunk)
            except BrokenStream:
                raise aiohttp.ClientPayloadError("ContentEncodingError") from None
            if found or not (chunk or more):
                return found

    def _without_filler(self, chunk: bytes) -> bytes:
        if self._stage is Stage.BODY or (self._filler is None and chunk[:1] in _PLAIN):
            return chunk
        if self._filler is None:
            self._filler = Filler()
        document = self._filler.strip(chunk)
        if self._filler.size > MOST:
            raise Cut(_all_filler(self.seen()))
        return document

    def _take(self, document: bytes, now: float) -> None:
        self._moved = now
        self._moves += 1
        self._body_began = self._body_began or now
        self._received += len(document)
        if self._received > self._limit:
            raise Cut(_too_large(self._limit))

    def _patience(self) -> float:
        """Give the seconds until the next byte: none if they come too slowly, and no end before the document."""
        if self._stage is not Stage.BODY:
            return inf
        if self._body_began is None:
            return self.pace.body_idle
        reading = self._moved - self._body_began - self._stood_still
        slow = reading > self.pace.grace and self._received < reading * self.pace.slowest
        return 0 if slow else min(self.pace.body_idle, self.patience)

    async def go_on(self, share: Share, held: int) -> None:
        """Let others have the loop, and wait until there is memory for what is held."""
        if share.fits(held):
            await asyncio.sleep(0)
            return
        self.clock.limit()  # it is we who do not read
        await share.wait(held)
        self._stood_still += self._time() - self._moved

    def seen(self) -> Observation:
        """Tell what was seen, for a diagnosis."""
        now = self._time()
        return Observation(
            stage=self._stage,
            elapsed=now - self._began,
            idle=now - self._moved,
            received=self._received,
            announced=self._announced,
            plaintext=self._plaintext,
            large_upload=self._large,
        )

    def is_all(self, chunk: bytes) -> bool:
        """Tell whether this is the whole body, as it was announced."""
        return len(chunk) == self._announced

    def finished(self) -> None:
        """Take note that the document is complete: an answer that goes on has stalled at its tail (upstreams §3.5)."""
        if not self._content.at_eof():
            self._note(rescued=True)

    def close(self) -> None:
        """Note what came in all, and let go of the attempt: a pooled connection keeps the context that holds this."""
        if self._stage is Stage.BODY and self._on_wire != self._received:
            self._note(wire_bytes=self._on_wire)
        self._attempt = self._measured = None

    # Told by the request while it is sent.

    def connecting(self) -> None:
        """Take note that a new connection is made."""
        now = self._time()
        self._reach(Stage.CONNECT, now)
        self.clock.limit(self._connect, now)

    def sending(self, connection: Connection, *, at_once: bool) -> None:
        """Take note that from now on bytes may leave; `at_once`: in one step all of them do."""
        now = self._time()
        self._reach(Stage.SEND, now)
        transport = connection.transport
        peer: Any = transport and transport.get_extra_info("peername")
        self._note(remote=peer and peer[0], plaintext=self._plaintext)
        if at_once:
            self._reach(Stage.WAIT, now)
            self.clock.limit()
        else:
            self.clock.limit(self.pace.send_idle, now)

    def sent_some(self) -> None:
        """Take note of progress with a large body."""
        if self._stage is Stage.SEND:
            self._moved = now = self._time()
            self._moves += 1
            self.clock.limit(self.pace.send_idle, now)

    def sent(self) -> None:
        """Take note that all is sent."""
        if self._stage is Stage.SEND:
            self._reach(Stage.WAIT, self._time())
            self.clock.limit()

    def _reach(self, stage: Stage, now: float) -> None:
        """Take note of a stage."""
        self._stage = stage
        self._moved = now
        self._moves += 1
        if self._attempt is not None:
            self._attempt.reached(stage)

    def _note(self, **facts: Any) -> None:
        if self._measured is not None:
            self._measured(**facts)


def measuring(attempt: AttemptContext) -> Callable[..., None]:
    """Give what takes an attempt's measurements: its own way for them, or the one for all facts."""
    return getattr(attempt, "measured", attempt.note)


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


def _all_filler(seen: Observation) -> Failure:
    return failure_from_observation(
        FailureKind.PROTOCOL, evolve(seen, detail="more than 1 MiB of white space or comments before the answer")
    )


def _too_large(limit: int) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The answer was given up at {limit:,} bytes: it is larger than any picture asked for.",
        advice="If such pictures are real, ask for fewer at once or for a smaller size; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
