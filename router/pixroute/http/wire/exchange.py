"""One call and its answer: a straight line from `Call` to `Reply`, or to the failure that came in between."""

from __future__ import annotations

import aiohttp
from attrs import evolve, frozen
from yarl import URL

from pixroute.http.body.decoder import BodyError
from pixroute.http.body.incoming import Incoming
from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Reply
from pixroute.http.endpoint import Endpoint
from pixroute.http.judging.exceptions import FOREIGN, failure_from_observation, failure_of
from pixroute.http.wire.memory import Share
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.wire import Cut, Wire, store
from pixroute.outcome import Failure, FailureKind, Stage


@frozen(kw_only=True)
class Exchange:
    """One request, and how its answer is taken."""

    wire: Wire
    endpoint: Endpoint
    sinks: Sinks
    share: Share

    async def run(self, session: aiohttp.ClientSession, request: Outgoing, proxy: str | None) -> Reply | Failure:
        """Send the request and read the answer; on every way out the connection is free or closed."""
        try:
            with self.wire.clock:
                response = await self.wire.send(session, request, self.endpoint.connect_timeout, proxy)
                try:
                    return await self._answer(response)
                finally:
                    if not response.closed:  # at its end aiohttp has closed it, and given the connection back
                        response.close()
        except Cut as cut:
            return cut.failure
        except BodyError as error:
            return _bad_body(error)
        except FOREIGN as error:
            return failure_of(error, self.wire.seen())
        finally:
            self.wire.close()

    async def _answer(self, response: aiohttp.ClientResponse) -> Reply | Failure:
        if 300 <= response.status < 400:
            return _redirect(response)
        incoming = Incoming(
            picture_expected=response.ok, open_sink=self.sinks.open, media_type=response.headers.get("Content-Type", "")
        )
        try:
            await self._read(incoming)
        except aiohttp.ClientError:
            if response.ok and not incoming.usable:
                raise
            # An error whose text broke off is an answer all the same: its status counts.
        if response.ok and incoming.half_json:
            return failure_from_observation(FailureKind.DISCONNECTED, evolve(self.wire.seen(), clean_end=True))
        return self._reply(response, incoming)

    async def _read(self, incoming: Incoming) -> None:
        while chunk := await self.wire.read():
            if store(incoming.feed, chunk):
                self.wire.finished()
                return
            await self.wire.go_on(self.share, incoming.held)
        store(incoming.finish)

    def _reply(self, response: aiohttp.ClientResponse, incoming: Incoming) -> Reply:
        document, picture = incoming.document(), incoming.picture()
        return Reply(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            json=document,
            picture=picture,
            text=self.endpoint.redact(incoming.snippet) if document is None and picture is None else "",
        )


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
