"""The gateway: routes to handlers, callers to calls of the router."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import web
from attrs import define, evolve, field

from pixroute.config.serve import ServeSettings
from pixroute.request import Reference
from pixroute.routing.router import Router
from pixroute.serve.access import caller_address, check_body, check_keyless, check_version, key_in, unauthorized
from pixroute.serve.alive import Answering, json_response, refusal
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest, unknown_model
from pixroute.serve.body import read_body
from pixroute.serve.call import GatewayCall, Outcome
from pixroute.serve.dialects.dialect import GatewayDialect, Links
from pixroute.serve.dialects.openai import OpenAIDialect
from pixroute.serve.fetching import Fetcher
from pixroute.serve.heads import is_retry, name_of, path_fields, unrouted
from pixroute.serve.keys import KEYLESS, ApiKey, KeyRing
from pixroute.serve.limits import Limits
from pixroute.serve.names import Menu, described, tags_of
from pixroute.serve.openapi import openapi
from pixroute.serve.problem import SERVER, TOO_MANY, GatewayProblem, Refused, bad
from pixroute.serve.repeats import Name, Repeats
from pixroute.serve.routes import ROUTES, Route
from pixroute.serve.store import PictureStore
from pixroute.serve.turns import Turns

log = logging.getLogger("pixroute.serve")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


RESTART = (
    "host", "port", "processes", "reuse_port", "tls_cert", "tls_key", "keys", "shared_keys", "repeats", "repeat_bytes",
    "repeats_file", "store", "bucket", "signing_key", "url_lifetime", "access_log",
)  # fmt: skip
"""What a reload does not change: where a server listens and what it has opened."""
_RequestKey: Any = getattr(web, "RequestKey", lambda name, _: name)  # before aiohttp 3.14 the name alone
KEY, WHO = _RequestKey("pixroute.key", ApiKey), _RequestKey("pixroute.who", str)
"""Where a request keeps its caller's key and address."""
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, x-api-key, x-goog-api-key"
METRICS = "text/plain; version=0.0.4; charset=utf-8"
PLAIN = OpenAIDialect()
"""The dialect in which all else is refused."""


@define(eq=False)
class Gateway:
    """One server's state; it decides nothing about routing.

    Args:
        router: open.
        settings: of `[serve]`.
        menu: who can be asked.
        repeats: requests that may be asked again.
        store: of pictures that are given as URLs.
        place: the URL it listens at.
        keys: who may ask; None: whoever is on this machine.
    """

    router: Router
    settings: ServeSettings
    menu: Menu
    repeats: Repeats
    keys: KeyRing | None = None
    store: PictureStore | None = None
    place: str = ""
    fetcher: Fetcher = field(factory=Fetcher)
    limits: Limits = field(factory=lambda: Limits(asyncio.get_running_loop().time))
    turns: Turns = field(factory=Turns)
    calls: set[GatewayCall] = field(factory=set)
    draining: bool = False
    heard: set[Any] = field(factory=set)
    """Connections that have asked for something."""
    _answers: set[GatewayCall] = field(factory=set)  # of which some are being written
    _written: asyncio.Event = field(factory=asyncio.Event)

    def placed(self, settings: ServeSettings) -> ServeSettings:
        """Give settings that were read again, but for what changes with a restart only."""
        return evolve(settings, **{name: getattr(self.settings, name) for name in RESTART})

    async def answered(self, seconds: float) -> None:
        """Wait until every answer that was begun is written, so long at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._answers:
                    self._written.clear()
                    await self._written.wait()

    def application(self) -> web.Application:
        """Give the application that serves it."""
        app = web.Application(client_max_size=0, middlewares=[self._at_the_door])
        app.on_response_prepare.append(self._allow)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._handler(route))
        return app

    def _allowed(self, request: web.Request) -> str | None:
        """Give the origin of the page that asks, if it may (CORS)."""
        origin = request.headers.get("Origin")
        return origin if origin in self.settings.origins else None

    async def _allow(self, request: web.Request, response: web.StreamResponse) -> None:
        """Let the page read the answer, or ask at all."""
        if (origin := self._allowed(request)) is None:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
            response.headers["Access-Control-Max-Age"] = "600"
        else:
            response.headers["Access-Control-Expose-Headers"] = "*"

    def _handler(self, route: Route) -> Handler:
        handler: Callable[..., Awaitable[web.StreamResponse]] = getattr(self, route.handler)
        dialect = route.dialect

        async def asked(request: web.Request) -> web.StreamResponse:
            try:
                request[KEY] = key = self._key(request, route.roles)
                await self.limits.admit(key)
                return await (handler(request, dialect) if dialect else handler(request))
            except Refused as error:
                return refusal(dialect or PLAIN, error.problem)

        return asked

    def _key(self, request: web.Request, roles: frozenset[str] | None) -> ApiKey:
        """Give the caller's key.

        Raises:
            Refused: it opens nothing, or not this.
        """
        if self.keys is None or roles is None:
            return KEYLESS
        key = self.keys.find(key_in(request.headers))
        if key is None:
            raise unauthorized()
        if key.role not in roles:
            raise Refused(GatewayProblem(status=403, message="this key is not for that", kind="forbidden"))
        return key

    @web.middleware
    async def _at_the_door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in or refuse, whatever the route; nothing that goes wrong shows more than a sentence."""
        try:
            self.heard.add(request.protocol)
            forwarded = request.headers.get("X-Forwarded-For")
            request[WHO] = caller_address(request.remote, forwarded, self.settings.proxies)
            check_version(request.version)
            if self.keys is None:
                check_keyless(request.headers, self.settings.origins, request.host)
            if request.method == "OPTIONS" and self._allowed(request):
                return web.Response(status=204)
            check_body(request.method, request.content_type)
            return await handler(request)
        except Refused as error:
            return refusal(PLAIN, error.problem)
        except web.HTTPException as error:
            return refusal(PLAIN, unrouted(request, error))
        except ConnectionResetError:  # its caller has left, which is no error of anybody's
            raise asyncio.CancelledError from None
        except Exception:
            fields = {"method": request.method, "path": request.path}
            log.exception("a bug in the gateway, at %s %s", request.method, request.path, extra=fields)
            if request.writer.output_size:  # the head of an answer is on its way
                raise
            return refusal(
                PLAIN,
                GatewayProblem(
                    status=500, message="A bug in the gateway; its log has more.", kind="internal", type=SERVER
                ),
            )

    # Pictures

    async def make(self, request: web.Request, dialect: GatewayDialect) -> web.StreamResponse:
        """Make pictures."""
        self._check_room()
        await self.turns.take()
        name, asked = await self._read(request, dialect)
        await self.repeats.ready(name)
        call, repeated = await self._call(request, name, asked)
        call.join()
        self._answers.add(call)
        given = False
        try:
            answering = Answering(
                request=request,
                call=call,
                asked=asked,
                dialect=dialect,
                settings=self.settings,
                repeated=repeated,
                link=self._link,
                turn=self.turns.take,
            )
            response = await answering.answer()
            given = True
        finally:
            if not given:
                self.repeats.abandon(name, call)
            call.leave()
            if not call.callers:
                self._answers.discard(call)
                self._written.set()
        return response

    async def _read(self, request: web.Request, dialect: GatewayDialect) -> tuple[Name, GatewayRequest]:
        """Read what is asked, and under which name; the body is let go of."""
        body = await read_body(request, self.settings)
        fields = {**body.fields, **path_fields(request)}
        masks = [*body.masks, *dialect.masks(fields)]
        if len(masks) > 1:
            raise bad("there is more than one mask", "mask")
        shown = await self._references([*body.files, *dialect.pictures(fields), *masks])
        references, mask = (shown[:-1], shown[-1]) if masks else (shown, None)
        key = request[KEY]
        names, tags = self.menu.only(key.chains), tags_of(key, self.settings)
        desk = Desk(settings=self.settings, names=names, extra=key.extra, mask=mask, tags=tags)
        asked = dialect.read(fields, references, desk)
        if asked.as_url and self.store is None:
            message = "there is no `[serve] store` or `bucket` for pictures as URLs; ask for b64_json"
            raise bad(message, "response_format")
        return name_of(request, body.digest, key), asked

    async def _call(self, request: web.Request, name: Name, asked: GatewayRequest) -> tuple[GatewayCall, bool]:
        """Join a request that is the same, or begin one; tells which."""
        again = not name.key and is_retry(request)
        if (found := self._known(name, is_retry=again)) is not None:
            return found, True
        self._check_room()
        place = name.key or (secrets.token_hex(8) if request[KEY].at_once is not None else "")
        is_made = again and await self.repeats.is_made_elsewhere(name)
        give_back = await self.limits.take(request[KEY], 0 if is_made else asked.request.n, place)
        if (found := self._known(name, is_retry=again)) is not None:  # begun while the store was asked
            give_back()
            return found, True

        async def work() -> Outcome:
            timeout = self.settings.timeout
            return GatewayAnswer.of(await self.router.generate(asked.request, chain=asked.chain, timeout=timeout))

        call = self.repeats.begin(name, work, is_retry=again)
        self.calls.add(call)
        call.task.add_done_callback(partial(self._end, call, give_back))
        return call, False

    def _known(self, name: Name, *, is_retry: bool) -> GatewayCall | None:
        if name.key:
            return self.repeats.find(name)
        return self.repeats.adopt(name) if is_retry else None

    def _end(self, call: GatewayCall, give_back: Callable[[], None], _: object) -> None:
        self.calls.discard(call)
        give_back()

    async def _references(self, given: Sequence[Reference | str]) -> tuple[Reference, ...]:
        """Give the reference pictures.

        Raises:
            Refused: too many, or one is a URL that may not or cannot be fetched.
        """
        if len(given) > self.settings.max_references:
            raise bad(f"at most {self.settings.max_references} reference pictures are taken", "image")
        urls = [one for one in given if isinstance(one, str)]
        if urls and self.settings.reference_urls == "refuse":
            raise bad("a reference picture that is a URL is not fetched here; give it as a data URI", "image")
        fetched = iter(await self.fetcher.fetch(urls)) if urls else iter(())
        return tuple(one if isinstance(one, Reference) else next(fetched) for one in given)

    async def _link(self, answer: GatewayAnswer) -> Links:
        """Keep pictures and give their links; what cannot be kept goes out as it is."""
        assert self.store is not None
        try:
            links = await self.store.keep(answer.images)
        except OSError as error:
            text = "pictures could not be stored, and are given as base64"
            log.exception(text, extra={"error": type(error).__name__})
            return {}
        base = (self.settings.public_url or self.place).rstrip("/")
        return {image: base + link for image, link in links.items()}

    async def picture(self, request: web.Request) -> web.StreamResponse:
        """Give a picture whose link was signed; any other is not there."""
        query = request.query
        link = (request.match_info["name"], query.get("expires", ""), query.get("signature", ""))
        try:
            found = None if self.store is None else await self.store.answer(request, link)
        except OSError as error:
            log.warning("a picture cannot be read: %s", error, extra={"error": str(error)})
            message = "the pictures cannot be read at the moment"
            raise Refused(
                GatewayProblem(status=503, message=message, kind="store_away", type=SERVER, retry_after=5, again=True)
            ) from None
        if found is None:
            raise Refused(GatewayProblem(status=404, message="there is no such picture", kind="not_found"))
        return found

    def _check_room(self) -> None:
        if self.draining:
            message = "the server is shutting down"
            raise Refused(
                GatewayProblem(
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
                GatewayProblem(
                    status=429, message=message, kind="too_many_requests", type=TOO_MANY, retry_after=5, again=True
                )
            )

    # Who can be asked

    async def models(self, request: web.Request) -> web.Response:
        """List everybody."""
        wanted = request.query.get("output_modalities", "image").split(",")
        menu = self.menu.only(request[KEY].chains)
        listed = [described(self.router, name, menu) for name in menu.names()] if {"image", "all"} & set(wanted) else []
        return json_response({"object": "list", "data": listed})

    async def model(self, request: web.Request) -> web.Response:
        """Tell of one."""
        menu, name = self.menu.only(request[KEY].chains), request.match_info["model"]
        if menu.find(name) is None:  # "auto", which the rules decide
            raise unknown_model(name, menu.names())
        return json_response(described(self.router, name, menu))

    async def described(self, _: web.Request) -> web.Response:
        """Describe every route."""
        return json_response(openapi(ROUTES, self.settings.public_url or self.place))

    async def metrics(self, _: web.Request) -> web.Response:
        """Give what this process counts, where somebody does."""
        try:
            from prometheus_client import generate_latest  # noqa: PLC0415 - an extra
        except ImportError:
            message = "nothing is counted: install prometheus_client"
            raise Refused(GatewayProblem(status=404, message=message, kind="not_found")) from None
        return web.Response(body=generate_latest(), headers={"Content-Type": METRICS})

    # Life

    async def alive(self, _: web.Request) -> web.Response:
        """Say that the process lives."""
        return json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """Say whether requests are taken."""
        if self.draining:
            return json_response({"status": "draining"}, status=503)
        return json_response({"status": "ok"})
