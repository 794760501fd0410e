"""The emulator itself: its listeners, one pipeline."""

import asyncio
import itertools
import ssl
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Self, cast

from aiohttp import web
from attrs import asdict, evolve

from pixroute.testing.emulator.call import ReceivedCall, receive
from pixroute.testing.emulator.dialects import (
    BananaImages,
    Chat,
    Dialect,
    Download,
    EmulatedGemini,
    EmulatedOpenAIImages,
    EmulatedSeedream,
    ModelList,
    json_answer,
)
from pixroute.testing.emulator.envelopes import openai
from pixroute.testing.emulator.exchange import EmulatedExchange, signed
from pixroute.testing.emulator.faults import Fault, FaultBook
from pixroute.testing.emulator.faults.bodies import wording
from pixroute.testing.emulator.files import Files
from pixroute.testing.emulator.jobs import JobExchange, Jobs
from pixroute.testing.emulator.ledger import CallLedger, LedgerEntry
from pixroute.testing.emulator.models import family
from pixroute.testing.emulator.order import Rejected
from pixroute.testing.emulator.services import SERVICES, JobDialect, Service
from pixroute.testing.emulator.studio import Studio
from pixroute.testing.emulator.tls import make_certificate
from pixroute.testing.emulator.wire import Answer, EmulatedReply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

    from pixroute.testing.emulator.latency import LatencyTable
    from pixroute.testing.emulator.order import Order

ROUTES = (
    ("POST", "/v1/images/generations", "images"),
    ("POST", "/v1/images/edits", "edits"),
    ("POST", "/v1/chat/completions", "chat"),
    ("POST", "/{version:v1|v1beta}/models/{model:[^/:]+}:{method:generateContent|streamGenerateContent}", "native"),
    ("POST", "/api/v3/images/generations", "ark"),
    ("GET", "/files/{name}", "files"),
    ("GET", "/v1/models", "models"),
)
UNKNOWN = ("*", "/{path:.*}", "unknown")
MALFORMED = (AttributeError, IndexError, KeyError, TypeError, ValueError, ZeroDivisionError)
REQUESTS_KEPT = 1000


class Emulator:
    """The image upstreams on this machine, on a plain port and with `tls` on a TLS port; needs the extra `cli`.

    Args:
        time_scale: real seconds per emulated second. Latencies, fault times, hints and the life of result URLs are
            scaled alike; at 0 answers come at once, hints stay as given and URLs never expire.
        tls: also listen with TLS.
        certificate: a server context of your own; by default trustme makes one, whose authority is `ca_pem`.
        faults: standing faults, by selector: see `set_fault`.
        keys: accept these keys only; by default any that is not empty.
        seed: makes latencies reproducible.
        noise: make PNGs as heavy as photographs: a body of 35 MB and more at 4K.
        results_kept: how many results can be fetched by URL; older ones are gone.
        host, port, tls_port: where to listen; port 0 takes a free one.
        second: also listen on a port, with TLS if any is, where jobs are asked for and results lie: another origin,
            `second_url`.
        second_port: that port; 0 takes a free one.
        doors: a port of its own for each of these origins (`https://host:443`), so that what befalls one leaves the
            others alone: see `door`. They follow `port` one by one, or are free ones.
    """

    def __init__(
        self,
        *,
        time_scale: float = 1.0,
        tls: bool = False,
        certificate: ssl.SSLContext | None = None,
        faults: "Mapping[str, Fault | str] | None" = None,
        keys: "Collection[str] | None" = None,
        seed: int = 0,
        noise: bool = False,
        results_kept: int = 1000,
        host: str = "127.0.0.1",
        port: int = 0,
        tls_port: int = 0,
        second: bool = False,
        second_port: int = 0,
        doors: "Iterable[str]" = (),
    ) -> None:
        self.ledger = CallLedger()
        self.ca_pem = ""
        self.http_url = ""
        self.https_url = ""
        self.second_url = ""
        self._studio = Studio(self.ledger, time_scale=time_scale, seed=seed, noise=noise)
        self._files = Files(time_scale, results_kept)
        self._jobs = Jobs()
        self._faults = FaultBook()
        self._keys = keys
        self._requests: deque[ReceivedCall] = deque(maxlen=REQUESTS_KEPT)
        self._numbers = itertools.count(1)
        self._serving: set[asyncio.Task[Any]] = set()
        self._listen = (host, port, tls_port)
        self._second, self._second_port = second, second_port
        self._doors: dict[str, str] = dict.fromkeys(doors, "")
        self._tls = tls or certificate is not None or any(origin.startswith("https:") for origin in self._doors)
        self._certificate = certificate
        for selector, fault in (faults or {}).items():
            self.set_fault(selector, fault)

    @property
    def requests(self) -> tuple[ReceivedCall, ...]:
        """The last thousand requests as they arrived, oldest first."""
        return tuple(self._requests)

    def set_fault(self, selector: str, fault: Fault | str | None) -> None:
        """Let every call that fits the selector fail so from now on; None heals it.

        A selector is words joined by "/": "http", "https", a route ("images", "edits", "native", "ark", "chat",
        "files", "models", or a service's own, such as "fal" and "fal-poll"), a model or a family ("banana",
        "seedream", "gpt-image"), "@NAME" for a provider that says its name; "banana-http", "banana-https" and "*" are
        aliases. Among several that fit, that of most words counts, then the newest.

        Raises:
            ValueError: an unknown selector, fault or option.
        """
        self._faults.set(selector, _fault(fault))

    def script(self, selector: str, *faults: Fault | str | None) -> None:
        """Let the next calls that fit take these in order (None is healthy), before any standing fault."""
        self._faults.script(selector, map(_fault, faults))

    async def idle(self) -> None:
        """Wait until all pictures begun are made, also those nobody waits for: then the ledger is complete."""
        await self._studio.idle()

    async def __aenter__(self) -> Self:
        host, port, tls_port = self._listen
        self._started = asyncio.get_running_loop().time()
        app = web.Application()
        own = (route for service in SERVICES for route in service.routes)
        for method, path, route in (*ROUTES, *own, UNKNOWN):
            app.router.add_route(method, path, partial(self._serve, route=route))
        # A client that leaves ends its handler; the studio's work goes on.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.http_url = f"http://{host}:{self._runner.addresses[0][1]}"
        if self._tls:
            if self._certificate is None:
                self._certificate, self.ca_pem = make_certificate(*sorted({"localhost", "127.0.0.1", host}))
            self.https_url = await self._open_port(tls_port, tls=True)
        if self._second:
            self.second_url = await self._open_port(self._second_port, tls=self._tls)
        for number, origin in enumerate(self._doors, start=1):
            self._doors[origin] = await self._open_port(port and port + number, tls=origin.startswith("https:"))
        return self

    async def _open_port(self, port: int, *, tls: bool) -> str:
        """Listen on one more port and give its address."""
        host = self._listen[0]
        await web.TCPSite(self._runner, host, port, ssl_context=self._certificate if tls else None).start()
        name = "localhost" if tls and host == "127.0.0.1" else host
        return f"{'https' if tls else 'http'}://{name}:{self._runner.addresses[-1][1]}"

    def door(self, origin: str) -> str:
        """Give the address at which a client finds what it knows under `origin`; without one, that of its scheme."""
        if opened := self._doors.get(origin):
            return opened
        return (origin.startswith("https:") and self.https_url) or self.http_url

    def set_latency(self, provider: str, table: "LatencyTable") -> None:
        """Let what a provider asks for take these times, by resolution and before scaling."""
        self._studio.latencies[provider] = table

    async def __aexit__(self, *_: object) -> None:
        await self._studio.aclose()
        await self._jobs.aclose()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._runner.cleanup()

    async def _serve(self, request: web.Request, *, route: str) -> EmulatedReply:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        call = await receive(request, route)
        self._requests.append(call)
        return EmulatedReply(await self._answer(call), self._studio.sleep)

    async def _answer(self, call: ReceivedCall) -> Answer:
        if call.route == "unknown":
            return json_answer(openai(f"Invalid URL ({call.method} {call.path})", "invalid_request_error"), status=404)
        service = _service(call)
        dialect, request_id = self._dialect(call, service), f"emulated{next(self._numbers):08d}"
        header = service.id_header if service else "x-request-id"
        try:
            self._authenticate(call, dialect, service)
            if service and call.route in service.follow_ups:
                return await self._about_a_job(call, dialect, service)
            order = evolve(_read(dialect, call), provider=call.provider)
        except Rejected as rejected:
            self._open(call, dialect, None, None)
            answer = json_answer(rejected.body, status=rejected.status)
            return signed(answer, request_id, call.model, header=header)
        fault = self._faults.take(call)
        exchange = EmulatedExchange(
            call=call,
            order=order,
            dialect=dialect,
            fault=fault,
            request_id=request_id,
            entry_id=self._open(call, dialect, order, fault),
            studio=self._studio,
            files=self._files,
            results_at=self.second_url,
            id_header=header,
        )
        return await (self._submit(exchange) if hasattr(dialect, "taken") else exchange.answer())

    async def _submit(self, exchange: EmulatedExchange) -> Answer:
        """Take a job; a fault that is not late strikes the submission, of which the job knows nothing."""
        late = exchange.fault is None or exchange.fault.late
        worker = exchange if late else evolve(exchange, fault=None)
        dialect = cast("JobDialect", exchange.dialect)

        async def take() -> Answer:
            job = self._jobs.open(worker, self.second_url or exchange.call.origin)
            return exchange.signed(await dialect.taken(job, exchange.call))

        return await (take() if late else _job_exchange(exchange, take).answer())

    async def _about_a_job(self, call: ReceivedCall, dialect: Dialect, service: Service) -> Answer:
        """Answer a poll, the asking for a result, a cancellation."""
        job = self._jobs.find(call.target.get("id") or call.query.get("id", ""))
        if job is None:
            raise Rejected(*service.lost)
        found = job

        async def tell() -> Answer:
            return found.exchange.signed(cast("JobDialect", dialect).told(found, call))

        whose = evolve(call, provider=found.exchange.order.provider)
        asked = evolve(found.exchange, call=call, fault=self._faults.take(whose), entry_id=None)
        return await _job_exchange(asked, tell).answer()

    def _authenticate(self, call: ReceivedCall, dialect: Dialect, service: Service | None) -> None:
        key = service.key_of(call) if service else call.key
        if call.route == "files" or (key in self._keys if self._keys is not None else key):
            return
        passed_through = call.route == "native" and not call.to_google
        raise Rejected(*wording("bad-key", "own", "gateway" if passed_through else dialect.voice))

    def _open(self, call: ReceivedCall, dialect: Dialect, order: "Order | None", fault: Fault | None) -> int | None:
        if call.method != "POST" or any(call.route in service.follow_ups for service in SERVICES):
            return None
        entry = LedgerEntry(
            id=0,
            listener=call.listener,
            route=call.route,
            model=call.model,
            dialect=dialect.voice,
            prompt=order.prompt if order else "",
            size=f"{order.width}x{order.height}" if order else "",
            at=asyncio.get_running_loop().time() - self._started,
            fault=str(fault) if fault else None,
            provider=call.provider,
        )
        return self.ledger.open(entry)

    def _dialect(self, call: ReceivedCall, service: Service | None) -> Dialect:
        if service:
            return service.dialect(call)
        match call.route, family(call.model):
            case "files", _:
                return Download(self._files)
            case "models", _:
                return ModelList()
            case "native", _:
                return EmulatedGemini()
            case "chat", _:
                return Chat()
            case ("ark", _) | ("images", "seedream"):
                return EmulatedSeedream()
            case _, "banana":
                return BananaImages()
        return EmulatedOpenAIImages()


def _service(call: ReceivedCall) -> Service | None:
    return next((one for one in SERVICES if one.answers(call.route, family(call.model))), None)


def _job_exchange(exchange: EmulatedExchange, tell: "Callable[[], Awaitable[Answer]]") -> JobExchange:
    return JobExchange(**asdict(exchange, recurse=False), tell=tell)


def _read(dialect: Dialect, call: ReceivedCall) -> "Order":
    try:
        return dialect.read(call)
    except MALFORMED as error:
        raise Rejected(*wording("invalid", "own", dialect.voice)) from error


def _fault(fault: Fault | str | None) -> Fault | None:
    return Fault.parse(fault) if isinstance(fault, str) else fault
