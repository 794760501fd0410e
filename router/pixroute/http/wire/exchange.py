"""One call and its answer: a straight line from `Call` to `Reply`, or to the failure that came in between."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
from attrs import evolve, frozen
from yarl import URL

from pixroute.http.body.decoder import BodyError
from pixroute.http.body.incoming import Incoming, small_document
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.exceptions import FOREIGN, failure_from_observation, failure_of
from pixroute.http.judging.hints import read_hint
from pixroute.http.wire.connections import Connections, Response
from pixroute.http.wire.memory import Memory, Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.wire import Cut, Wire, store
from pixroute.outcome import Blame, Failure, FailureKind, Stage

SNIPPET = 1024
"""Characters of a body that is no JSON which may be shown."""
_NOWHERE = "an address that cannot be read"
_HINTS = frozenset({"retry-after", "retry-after-ms"})


@frozen(kw_only=True)
class Exchange:
    """One request, and how its answer is taken."""

    wire: Wire
    endpoint: Endpoint
    sinks: Sinks
    memory: Memory

    async def run(self, connections: Connections, request: Outgoing, proxy: str | None) -> Reply | Failure:
        """Send the request and read the answer; on every way out the connection is free or closed."""
        try:
            with self.wire.clock:
                response = await self.wire.send(connections, request, self.endpoint.connect_timeout, proxy)
                try:
                    return await self._answer(response)
                finally:
                    response.close()
        except Cut as cut:
            return cut.failure
        except BodyError as error:
            return _bad_body(error)
        except FOREIGN as error:
            return failure_of(error, self.wire.seen(), self.endpoint.sanitizer.redact)
        finally:
            self.wire.close()

    async def _answer(self, response: Response) -> Reply | Failure:
        ok = 200 <= response.status < 300
        if response.status < 200 or 300 <= response.status < 400:
            return _no_answer(response, self.endpoint)
        incoming = Incoming(
            picture_expected=ok, open_sink=self.sinks.open, media_type=response.headers.get("Content-Type", "")
        )
        try:
            if (document := await self._read(incoming)) is not None:
                return Reply(status=response.status, headers=_headers(response), json=document)
        except asyncio.CancelledError:
            if not (incoming.usable and self.wire.clock.has_cut):
                raise
            self.wire.finished()
        except aiohttp.ClientError:
            if ok and not incoming.usable:
                raise
            # An error whose text broke off is an answer all the same: its status counts.
        if ok and incoming.half_json:
            return failure_from_observation(FailureKind.DISCONNECTED, evolve(self.wire.seen(), clean_end=True))
        return self._reply(response, incoming)

    async def _read(self, incoming: Incoming) -> Any:
        """Read to the end of what is wanted; gives the document if it is a small one that came whole."""
        chunk = await self.wire.read()
        if self.wire.is_all(chunk) and (document := small_document(chunk)) is not None:
            return document
        with self.memory.share() as share:
            await self._stream(chunk, incoming, share)
        return None

    async def _stream(self, chunk: bytes, incoming: Incoming, share: Share) -> None:
        heard, since = 0, 0.0
        while chunk:
            if store(incoming.feed, chunk):
                self.wire.finished()
                return
            if incoming.has_result:  # from then on comments keep nobody waiting
                now = self.wire.clock.time()
                heard, since = incoming.events, since if heard == incoming.events else now
                self.wire.patience = since + self.wire.pace.body_idle - now
            await self.wire.go_on(share, incoming.held)
            chunk = await self.wire.read()
        store(incoming.finish)

    def _reply(self, response: Response, incoming: Incoming) -> Reply:
        document, picture = incoming.document(), incoming.picture()
        return Reply(
            status=response.status,
            headers=_headers(response),
            json=document,
            picture=picture,
            text="" if document is not None or picture else self.endpoint.redact(incoming.snippet)[:SNIPPET],
        )


def _headers(response: Response) -> dict[str, str]:
    """Give the headers, of one that comes twice the first; of two hints the first that can be read."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), value)
    for name in _HINTS & headers.keys():
        said = response.headers.getall(name)
        if len(said) > 1:
            readable = (one for one in said if read_hint({**headers, name: one}, now=time.time()).seconds is not None)
            headers[name] = next(readable, said[0])
    return headers


def _no_answer(response: Response, endpoint: Endpoint) -> Failure:
    """Explain a status that is neither a success nor an error: a redirect, or a protocol nobody asked for."""
    target = _target(response, endpoint)
    if target is None:
        message = f"The answer was {response.status}, which says neither success nor error."
        advice = "Check `base_url`: another kind of service, or a proxy, may listen there."
        blame = Blame.PROVIDER
    else:
        message = f"The answer was a redirect ({response.status}) to {target or _NOWHERE}, not followed."
        advice = "Key and prompt would have gone there too: if that is the right place, write it into `base_url`."
        blame = Blame.HOP if target else Blame.PROVIDER
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=message,
        advice=advice,
        stage=Stage.BODY,
        status=response.status,
        blame=blame,
        answered=True,
    )


def _target(response: Response, endpoint: Endpoint) -> str | None:
    """Give scheme and host of where a redirect leads: empty where that cannot be read, None where it leads nowhere."""
    if not (location := response.headers.get("Location")):
        return None
    try:
        target = response.url.join(URL(endpoint.conceal(location)))
    except ValueError:
        return ""
    return f"{target.scheme}://{target.host}"


def _bad_body(error: BodyError) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The answer cannot be decoded: {error}.",
        advice="If it happens again, show the provider this request's id; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
