"""One call and its answer: a straight line from `Call` to `Reply`, or to the failure that came in between."""

from __future__ import annotations

import json

import aiohttp
from attrs import evolve, frozen
from yarl import URL

from pixroute.http.body import BodyError, BodyLimits
from pixroute.http.call import Call, Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.exceptions import FOREIGN, failure_from_observation, failure_of
from pixroute.http.form import encode_form
from pixroute.http.incoming import Incoming
from pixroute.http.memory import Share
from pixroute.http.sinks import Sinks
from pixroute.http.wire import Cut, Outgoing, Wire, store
from pixroute.outcome import Failure, FailureKind, Stage


@frozen(kw_only=True)
class Exchange:
    """What an answer is measured by and where its pictures go."""

    endpoint: Endpoint
    sinks: Sinks
    limits: BodyLimits
    share: Share

    async def run(
        self, wire: Wire, session: aiohttp.ClientSession, request: Outgoing, connect: float
    ) -> Reply | Failure:
        """Send the request and read the answer; on every way out the connection is free or closed."""
        try:
            with wire.clock:
                response = await wire.send(session, request, connect)
                try:
                    return await self._answer(wire, response)
                finally:
                    if not response.closed:  # at its end aiohttp has closed it, and given the connection back
                        response.close()
        except Cut as cut:
            return cut.failure
        except FOREIGN as error:
            return failure_of(error, wire.seen())
        finally:
            wire.close()

    async def _answer(self, wire: Wire, response: aiohttp.ClientResponse) -> Reply | Failure:
        if 300 <= response.status < 400:
            raise Cut(_redirect(response))
        incoming = self._incoming(response)
        try:
            await self._read(wire, incoming)
        except aiohttp.ClientError:
            if response.ok:
                raise
            # An error whose text broke off is an answer all the same: its status counts.
        if response.ok and incoming.half_json:
            return failure_from_observation(FailureKind.DISCONNECTED, evolve(wire.seen(), clean_end=True))
        return self._reply(response, incoming)

    def _incoming(self, response: aiohttp.ClientResponse) -> Incoming:
        self.sinks.expect(response.content_length)
        return Incoming(picture_expected=response.ok, limits=self.limits, open_sink=self.sinks.open)

    async def _read(self, wire: Wire, incoming: Incoming) -> None:
        while chunk := await wire.read():
            if self._feed(incoming, chunk):
                wire.finished()
                return
            await wire.go_on(self.share, incoming.held)

    def _feed(self, incoming: Incoming, chunk: bytes) -> bool:
        try:
            return store(incoming.feed, chunk)
        except BodyError as error:
            raise Cut(_bad_body(error)) from None

    def _reply(self, response: aiohttp.ClientResponse, incoming: Incoming) -> Reply:
        try:
            document = incoming.document()
        except BodyError as error:
            raise Cut(_bad_body(error)) from None
        return Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            json=document,
            text="" if document is not None else self.endpoint.redact(incoming.snippet),
        )


def outgoing(call: Call, endpoint: Endpoint, *, request_id: str, proxy: str | None) -> Outgoing:
    """Make a call ready to be sent.

    Raises:
        ValueError: its URL is not of the endpoint's origin, or its JSON cannot be written.
    """
    headers = endpoint.request_headers(request_id)
    body = None
    if call.form is not None:
        body, headers["Content-Type"] = encode_form(call.form)
    elif call.json is not None:
        body, headers["Content-Type"] = json.dumps(call.json).encode(), "application/json"
    headers.update(call.headers)
    return Outgoing(method=call.method, url=endpoint.url(call.path), headers=headers, body=body, proxy=proxy)


def _redirect(response: aiohttp.ClientResponse) -> Failure:
    target = response.url.join(URL(response.headers.get("Location", "")))
    return Failure(
        kind=FailureKind.PROTOCOL,
        message=f"The answer was a redirect ({response.status}) to {target.scheme}://{target.host}, not followed.",
        advice="Key and prompt would have gone there too: if that is the right place, write it into `base_url`.",
        stage=Stage.BODY,
        status=response.status,
    )


def _bad_body(error: BodyError) -> Failure:
    return Failure(
        kind=FailureKind.BAD_IMAGE,
        message=f"The answer cannot be decoded: {error}.",
        advice="If it happens again, show the provider this request's id; it is billed.",
        stage=Stage.BODY,
        answered=True,
    )
