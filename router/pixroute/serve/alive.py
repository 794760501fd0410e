"""Answers that live while a picture is made: a true status for a while, then signs of life before the document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from aiohttp import web
from attrs import frozen

from pixroute.config.serve import ServeSettings
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import GatewayRequest
from pixroute.serve.call import GatewayCall, Outcome
from pixroute.serve.dialects.dialect import GatewayDialect, Links, StreamEvent, headers
from pixroute.serve.document import LUMP, Document, DocumentReader
from pixroute.serve.problem import GatewayProblem

NOT_BUFFERED = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
"""What tells caches and nginx to hand on at once."""
EVENTS = "text/event-stream; charset=utf-8"
SIGN = b" "


@frozen(kw_only=True)
class Answering:
    """One answer to be given; `repeated`: others joined or made it before; `turn` waits until it may be written."""

    request: web.Request
    call: GatewayCall
    asked: GatewayRequest
    dialect: GatewayDialect
    settings: ServeSettings
    link: Callable[[GatewayAnswer], Awaitable[Links]]
    turn: Callable[[], Awaitable[None]]
    repeated: bool = False

    async def answer(self) -> web.StreamResponse:
        """Give it, as the caller asked for it."""
        return await (self._stream() if self.asked.stream else self._plain())

    @property
    def _more(self) -> Mapping[str, str]:
        """Headers beside its own."""
        return {"Idempotent-Replayed": "true"} if self.repeated or self.call.repeated else {}

    # Plain

    async def _plain(self) -> web.StreamResponse:
        """Wait with a true status; then begin with 200, and a space now and then."""
        settings = self.settings
        await self.call.wait(settings.quiet_for if settings.heartbeat == "auto" else None)
        if (outcome := self.call.outcome) is not None:
            await self.turn()
            return await self._whole(outcome)
        response = web.StreamResponse(headers={**NOT_BUFFERED, **self._more, "Content-Type": "application/json"})
        await response.prepare(self.request)
        while (outcome := self.call.outcome) is None:
            await response.write(SIGN)
            await self.call.wait(settings.heartbeat_every)
        await self.turn()
        if isinstance(outcome, GatewayProblem):
            await response.write(json.dumps(self.dialect.problem(outcome)).encode())
        else:
            await self._write(response, self.dialect.answer(outcome, self.asked, await self._links(outcome)))
        await response.write_eof()
        return response

    async def _whole(self, outcome: Outcome) -> web.StreamResponse:
        if isinstance(outcome, GatewayProblem):
            return refusal(self.dialect, outcome, self._more)
        document = self.dialect.answer(outcome, self.asked, await self._links(outcome))
        told = {**NOT_BUFFERED, **self._more, **headers(outcome), "Content-Type": "application/json"}
        if document.length <= LUMP:
            return await self._at_once(b"".join([chunk async for chunk in document.chunks()]), told)
        response = web.StreamResponse(headers=told)
        response.content_length = document.length
        await response.prepare(self.request)
        await self._write(response, document)
        await response.write_eof()
        return response

    async def _at_once(self, body: bytes, told: Mapping[str, str]) -> web.Response:
        """Write head and body in one go, which costs one system call."""
        response = web.Response(body=body, headers=told)
        await response.prepare(self.request)
        await response.write_eof()
        return response

    # As a stream

    async def _stream(self) -> web.StreamResponse:
        """Send events; what is known before the first of them still has a true status."""
        if isinstance(early := self.call.outcome, GatewayProblem):
            return refusal(self.dialect, early, self._more)
        response = web.StreamResponse(headers={**NOT_BUFFERED, **self._more, "Content-Type": EVENTS})
        await response.prepare(self.request)
        every = None if self.settings.heartbeat == "off" else self.settings.heartbeat_every
        if every is not None:
            await response.write(self.dialect.sign)
        seen = 0
        while self.call.outcome is None:
            seen = await self._news(response, seen)
            before = len(self.call.told)
            await self.call.wait(every, seen)
            if every is not None and self.call.outcome is None and len(self.call.told) == before:
                await response.write(self.dialect.sign)
        await self._news(response, seen)
        await self.turn()
        for event in await self._last(self.call.outcome):
            await self._send(response, event)
        await response.write_eof()
        return response

    async def _news(self, response: web.StreamResponse, seen: int) -> int:
        for told in self.call.told[seen:]:
            seen += 1
            if (event := self.dialect.progress(told)) is not None:
                await self._send(response, event)
        return seen

    async def _links(self, answer: GatewayAnswer) -> Links:
        return await self.link(answer) if self.asked.as_url else {}

    async def _send(self, response: web.StreamResponse, event: StreamEvent) -> None:
        name = f"event: {event.name}\n" if event.name else ""
        await response.write(f"{name}data: ".encode())
        await self._write(response, event.document)
        await response.write(b"\n\n")

    async def _write(self, response: web.StreamResponse, document: Document) -> None:
        """Write a document as fast as its reader takes it."""
        loop = asyncio.get_running_loop()
        reader = DocumentReader(pictures=document.pictures, began=loop.time())
        watching = loop.create_task(reader.watch(loop.time, self._give_up)) if document.pictures else None
        try:
            async for chunk in document.chunks():
                await response.write(chunk)
                await reader.took(len(chunk), loop.time())
        finally:
            if watching:
                watching.cancel()

    def _give_up(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()

    async def _last(self, outcome: Outcome) -> Iterator[StreamEvent]:
        if isinstance(outcome, GatewayProblem):
            return self.dialect.failed(outcome)
        return self.dialect.completed(outcome, self.asked, await self._links(outcome))


def refusal(dialect: GatewayDialect, problem: GatewayProblem, more: Mapping[str, str] | None = None) -> web.Response:
    """Give an answer that is an error and nothing else."""
    return json_response(
        dialect.problem(problem), status=problem.status, headers={**problem.all_headers(), **(more or {})}
    )


def json_response(tree: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Give a small JSON document."""
    return web.Response(
        body=json.dumps(tree).encode(),
        status=status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json",
    )
