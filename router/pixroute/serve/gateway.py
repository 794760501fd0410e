"""The gateway: routes to handlers, callers to calls of the router."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiohttp import web
from attrs import define, evolve, field, frozen

from pixroute.config.serve import ServeSettings
from pixroute.request import Reference
from pixroute.routing.router import Router
from pixroute.serve.alive import Answering, json_response, refusal
from pixroute.serve.answer import Answer
from pixroute.serve.asked import Asked, Desk
from pixroute.serve.body import read_body
from pixroute.serve.call import Call, Outcome
from pixroute.serve.dialects.dialect import Dialect
from pixroute.serve.dialects.openai import OpenAIImages
from pixroute.serve.door import check_keyless
from pixroute.serve.names import Menu, described
from pixroute.serve.problem import SERVER, TOO_MANY, Problem, Refused, bad
from pixroute.serve.repeats import Name, Repeats, checked_key

log = logging.getLogger("pixroute.serve")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class Route:
    """A route, as it is served and as it is documented."""

    method: str
    path: str
    handler: str
    summary: str
    dialect: Dialect | None = None


ROUTES: Sequence[Route] = (
    Route(
        method="POST",
        path="/v1/images/generations",
        handler="make",
        summary="Makes pictures, in OpenAI's dialect",
        dialect=OpenAIImages(),
    ),
    Route(
        method="POST",
        path="/v1/images/edits",
        handler="make",
        summary="Makes pictures after others, from a form or from JSON, in OpenAI's dialect",
        dialect=OpenAIImages(word="image_edit", edits=True),
    ),
    Route(method="GET", path="/v1/models", handler="models", summary="Lists chains and providers"),
    Route(method="GET", path="/v1/models/{model}", handler="model", summary="Tells of one chain or provider"),
    Route(method="GET", path="/healthz", handler="alive", summary="Tells that the process lives"),
    Route(method="GET", path="/readyz", handler="ready", summary="Tells whether requests are taken"),
)
_PLACE = ("host", "port", "reuse_port", "tls_cert", "tls_key")
"""What a reload does not change: a server listens where it began."""
PLAIN = OpenAIImages()
"""The dialect in which all else is refused."""


@define(eq=False)
class Gateway:
    """One server's state; it decides nothing about routing.

    Args:
        router: open.
        settings: of `[serve]`.
        menu: who can be asked.
        repeats: requests that may be asked again.
    """

    router: Router
    settings: ServeSettings
    menu: Menu
    repeats: Repeats
    calls: set[Call] = field(factory=set)
    draining: bool = False
    _answers: set[asyncio.Future[None]] = field(factory=set)

    def placed(self, settings: ServeSettings) -> ServeSettings:
        """Give settings that were read again, where this server listens already."""
        return evolve(settings, **{name: getattr(self.settings, name) for name in _PLACE})

    async def answered(self, seconds: float) -> None:
        """Wait until every answer that was begun is written, so long at most."""
        if self._answers:
            await asyncio.wait(self._answers, timeout=seconds)

    def application(self) -> web.Application:
        """Give the application that serves it."""
        app = web.Application(client_max_size=0, middlewares=[self._at_the_door])
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        return app

    def _handler(self, route: Route) -> Handler:
        if route.dialect is None:
            handler: Handler = getattr(self, route.handler)
            return handler
        dialect = route.dialect

        async def asked(request: web.Request) -> web.StreamResponse:
            try:
                return await self.make(request, dialect)
            except Refused as error:
                return refusal(dialect, error.problem)

        return asked

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in or refuse, whatever the route; nothing that goes wrong shows more than a sentence."""
        try:
            check_keyless(request.method, request.headers, request.content_type)
            return await handler(request)
        except Refused as error:
            return refusal(PLAIN, error.problem)
        except web.HTTPException as error:
            return refusal(PLAIN, _unrouted(request, error))
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a bug in the gateway, at %s %s", request.method, request.path)
            if request.writer.output_size:  # the head of an answer is on its way
                raise
            return refusal(
                PLAIN,
                Problem(status=500, message="A bug in the gateway; its log has more.", kind="internal", type=SERVER),
            )

    # Pictures

    async def make(self, request: web.Request, dialect: Dialect) -> web.StreamResponse:
        """Make pictures."""
        self._check_room()
        body = await read_body(request, self.settings)
        references = await self._references([*body.files, *dialect.pictures(body.fields)])
        asked = dialect.read(body.fields, references, Desk(settings=self.settings, names=self.menu))
        name = _name(request, body.digest)
        await self.repeats.ready(name)
        call, repeated = self._call(request, name, asked)
        call.join()
        self._answers.add(answered := asyncio.get_running_loop().create_future())
        given = False
        try:
            more = {"Idempotent-Replayed": "true"} if repeated else {}
            answering = Answering(
                request=request, call=call, asked=asked, dialect=dialect, settings=self.settings, more=more
            )
            response = await answering.answer()
            given = True
        finally:
            self._answers.discard(answered)
            answered.set_result(None)
            if not given:
                self.repeats.abandon(name, call)
            call.leave()
        return response

    def _call(self, request: web.Request, name: Name, asked: Asked) -> tuple[Call, bool]:
        """Join a request that is the same, or begin one; tells which."""
        adopted = self.repeats.adopt(name) if _is_retry(request) and not name.key else None
        found = self.repeats.find(name) if name.key else adopted
        if found is not None:
            return found, True
        self._check_room()

        async def work() -> Outcome:
            timeout = self.settings.timeout
            return Answer.of(await self.router.generate(asked.request, chain=asked.chain, timeout=timeout))

        call = self.repeats.begin(name, work) if name.key else Call().start(work)
        self.calls.add(call)
        call.task.add_done_callback(lambda _: self.calls.discard(call))
        return call, False

    async def _references(self, given: Sequence[Reference | str]) -> tuple[Reference, ...]:
        """Give the reference pictures.

        Raises:
            Refused: too many, or one is a URL.
        """
        if len(given) > self.settings.max_references:
            raise bad(f"at most {self.settings.max_references} reference pictures are taken", "image")
        if any(isinstance(one, str) for one in given):
            raise bad("a reference picture that is a URL is not fetched here; give it as a data URI", "image")
        return tuple(one for one in given if isinstance(one, Reference))

    def _check_room(self) -> None:
        if self.draining:
            message = "the server is shutting down"
            raise Refused(
                Problem(
                    status=503,
                    message=message,
                    kind="shutting_down",
                    type=SERVER,
                    retry_after=5,
                    again=True,
                    headers={"Connection": "close"},
                )
            )
        if len(self.calls) >= self.settings.max_requests:
            message = f"{len(self.calls)} requests are worked on already (`[serve] max_requests`)"
            raise Refused(
                Problem(status=429, message=message, kind="too_many_requests", type=TOO_MANY, retry_after=5, again=True)
            )

    # Who can be asked

    async def models(self, request: web.Request) -> web.Response:
        """List everybody."""
        wanted = request.query.get("output_modalities", "image").split(",")
        listed = [self._described(name) for name in self.menu.names()] if {"image", "all"} & set(wanted) else []
        return json_response({"object": "list", "data": listed})

    async def model(self, request: web.Request) -> web.Response:
        """Tell of one."""
        name = request.match_info["model"]
        self.menu.find(name)
        return json_response(self._described(name))

    def _described(self, name: str) -> dict[str, Any]:
        return described(self.router, name, self.menu)

    # Life

    async def alive(self, _: web.Request) -> web.Response:
        """Say that the process lives."""
        return json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """Say whether requests are taken."""
        if self.draining:
            return json_response({"status": "draining"}, status=503)
        return json_response({"status": "ok"})


def _name(request: web.Request, digest: str) -> Name:
    key = request.headers.get("Idempotency-Key")
    return Name(caller="", key="" if key is None else checked_key(key), digest=f"{request.path} {digest}")


def _is_retry(request: web.Request) -> bool:
    """Tell whether OpenAI's client asks again by itself."""
    count = request.headers.get("x-stainless-retry-count", "")
    return count.isascii() and count.isdigit() and int(count[:6]) > 0


def _unrouted(request: web.Request, error: web.HTTPException) -> Problem:
    if error.status == 404:
        return Problem(
            status=404,
            message=f"there is no {request.path[:200]} here; /openapi.json lists what there is",
            kind="not_found",
        )
    headers: Mapping[str, Any] = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return Problem(status=error.status, message=error.reason or "refused", kind="refused", headers=headers)
