"""Sockets, signals and the end: what makes a gateway a process."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import HttpProcessingError

from pixroute.config.serve import ServeSettings
from pixroute.config.shared import SharedSettings
from pixroute.errors import ConfigError, Problem
from pixroute.secret import Secret
from pixroute.serve.access import is_loopback
from pixroute.serve.gateway import KEY, WHO, Gateway
from pixroute.serve.keys import FileKeyRing, KeyRing
from pixroute.serve.keys_shared import SharedKeyRing
from pixroute.serve.repeats import Repeats
from pixroute.serve.shelf import StoreShelf
from pixroute.serve.store import BucketStore, FolderStore, LinkSigner, PictureStore, open_bucket
from pixroute.serve.tls import server_context
from pixroute.serve.together import TABLES, ServeStore
from pixroute.shared.ports import Kept, StoreAway
from pixroute.shared.stores import open_kept
from pixroute.system import bound


class AccessLine(AbstractAccessLogger):
    """Writes one line for each answer: who, what, status, bytes, seconds, whose key, by which provider; no query."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        """Write it."""
        told = (response.headers.get(name, "-") for name in ("x-pixroute-request-id", "x-pixroute-provider"))
        key = request[KEY].prefix if KEY in request else "-"
        line = (
            request.get(WHO, request.remote),
            key,
            request.method,
            repr(request.path)[1:-1],
            response.status,
            response.body_length,
        )
        self.logger.info("%s %s %s %s %s %s %.3f %s %s", *line, time, *told)


BACKLOG = 1024
AT_A_TIME = 16
"""Connections that are taken in one turn of the loop; so many more wait to be."""
HEAD_WITHIN = 15.0
"""Seconds within which the head of a connection's first request must have come."""
SETTLED_WITHIN = 5.0
"""Seconds for what was ended to be written down."""
STORE_WITHIN = 5.0
"""Seconds within which what processes share must have answered once."""
LINGERS = 0.3
"""Seconds for which the body of a refused request is read on, so that its sender sees the answer and no reset."""
IDLE = 75.0
"""Seconds that an unused connection stays open."""


def _server_log() -> logging.Logger:
    """Give the log of what aiohttp cannot handle, without what callers broke: anybody could fill it with that."""
    log = logging.getLogger("pixroute.serve.http")
    if not log.filters:
        log.addFilter(_is_ours)
    return log


def _is_ours(record: logging.LogRecord) -> bool:
    broke = (HttpProcessingError, web.RequestPayloadError)
    return not (record.exc_info and isinstance(record.exc_info[1], broke))


@asynccontextmanager
async def listening(gateway: Gateway) -> AsyncIterator[str]:
    """Serve; gives the URL. At the end what is in flight has `drain` seconds.

    Raises:
        OSError: the address cannot be had.
        ConfigError: the certificate cannot be used.
    """
    settings = gateway.settings
    runner = web.AppRunner(
        gateway.application(),
        handle_signals=False,
        handler_cancellation=True,  # a caller that leaves is noticed at once
        access_log=logging.getLogger("pixroute.access") if settings.access_log else None,
        access_log_class=AccessLine,
        logger=_server_log(),
        keepalive_timeout=IDLE,
        lingering_time=LINGERS,
        shutdown_timeout=1.0,
    )
    await runner.setup()
    stack = ExitStack()
    try:
        tls = _tls(settings)
        sock = bound(settings.host, settings.port, is_shared=settings.reuse_port)
        site = web.SockSite(runner, sock, ssl_context=tls, backlog=AT_A_TIME)
        await site.start()
        sock.listen(BACKLOG)
        stack.enter_context(_sweeping(runner, gateway))
        gateway.place = f"{'https' if settings.tls_cert else 'http'}://{_address(site)}"
        yield gateway.place
        await drain(gateway, site)
    finally:
        stack.close()
        await runner.cleanup()
        await gateway.fetcher.aclose()


@asynccontextmanager
async def sharing(settings: ServeSettings, shared: SharedSettings | None = None) -> AsyncIterator[ServeStore | None]:
    """Open what the processes of a gateway keep together: in `[shared]`'s store, or in `repeats_file`; None: nothing.

    Raises:
        ConfigError: it cannot be had.
    """
    if shared is not None and settings.repeats_file is not None:
        message = "is for a server without [shared], whose store keeps it"
        raise ConfigError([Problem("serve.repeats_file", message)])
    if shared is None and settings.repeats_file is None:
        yield None
        return
    place = "shared.store" if shared is not None else "serve.repeats_file"
    try:
        store = ServeStore(kept_of(settings, shared))
    except ValueError as error:
        raise ConfigError([Problem(place, str(error))]) from error
    try:
        await _first_beat(store, place)
        yield store
    finally:
        await store.aclose()


async def _first_beat(store: ServeStore, place: str) -> None:
    """Write into the store for the first time; a disk or a server that is slow to begin has a while."""
    until = asyncio.get_running_loop().time() + STORE_WITHIN
    while True:
        try:
            return await store.alive()
        except StoreAway as error:
            if asyncio.get_running_loop().time() > until:
                raise ConfigError([Problem(place, f"cannot be used: {error}")]) from error
        await asyncio.sleep(0.2)


def kept_of(settings: ServeSettings, shared: SharedSettings | None) -> Kept:
    """Give the port of what the processes of a gateway keep together.

    Raises:
        ValueError: as `open_stores`.
    """
    if shared is None:
        return open_kept(str(settings.repeats_file), tables=TABLES)
    store = shared.store.reveal() if isinstance(shared.store, Secret) else str(shared.store)
    return open_kept(store, pooler=shared.pooler, tables=TABLES, beside="-serve")


async def key_ring(settings: ServeSettings, store: ServeStore | None = None) -> KeyRing | None:
    """Read the API keys.

    Raises:
        ConfigError: they cannot be read.
    """
    if settings.shared_keys:
        if store is None:
            raise ConfigError([Problem("serve.shared_keys", "needs [shared], whose store keeps them")])
        ring = SharedKeyRing(store)
        await ring.read()
        return ring
    if settings.keys is None:
        return None
    try:
        return FileKeyRing(settings.keys)
    except (OSError, ValueError) as error:
        raise ConfigError([Problem("serve.keys", f"cannot be used: {error}")]) from error


def store_of(settings: ServeSettings) -> PictureStore | None:
    """Give the store of pictures.

    Raises:
        ConfigError: a bucket cannot be opened.
    """
    if settings.signing_key is None:
        return None
    links = LinkSigner(key=settings.signing_key, lifetime=settings.url_lifetime)
    if settings.bucket is not None:
        try:
            return BucketStore(open_bucket(settings.bucket), links)
        except ValueError as error:
            raise ConfigError([Problem("serve.bucket", str(error))]) from error
    return None if settings.store is None else FolderStore(settings.store, links)


def repeats_of(settings: ServeSettings, store: ServeStore | None = None) -> Repeats:
    """Give what is known of requests that may be asked again."""
    most, most_bytes = settings.repeats, settings.repeat_bytes
    shelf = None if store is None else StoreShelf(store, most=most, most_bytes=most_bytes)
    return Repeats(most=most, most_bytes=most_bytes, shelf=shelf)


def check_place(settings: ServeSettings) -> None:
    """Refuse to listen where others can reach a server that asks nobody for a key.

    Raises:
        ConfigError: the host is not this machine's own.
    """
    if not settings.asks_for_keys and not is_loopback(settings.host):
        message = f"is {settings.host}, which other machines reach, and there are no API keys: say `keys`, or 127.0.0.1"
        raise ConfigError([Problem("serve.host", message)])


async def drain(gateway: Gateway, site: web.BaseSite) -> None:
    """Take no more, and let what is under way end; whoever comes meanwhile is told that it ends."""
    loop = asyncio.get_running_loop()
    gateway.draining, settings, began = True, gateway.settings, loop.time()
    if gateway.calls:
        await asyncio.wait([call.task for call in gateway.calls], timeout=settings.drain)
    await asyncio.sleep(settings.grace - (loop.time() - began))
    await site.stop()
    await gateway.router.aclose(drain=0)
    if gateway.calls:
        await asyncio.wait([call.task for call in gateway.calls], timeout=SETTLED_WITHIN)
    await gateway.answered(gateway.settings.drain)


@contextmanager
def _sweeping(runner: web.AppRunner, gateway: Gateway) -> Iterator[None]:
    """Meanwhile close connections that do not say what they want: whoever trickles a head holds no place for long."""
    task = asyncio.get_running_loop().create_task(_sweep(runner, gateway))
    try:
        yield
    finally:
        task.cancel()


async def _sweep(runner: web.AppRunner, gateway: Gateway) -> None:
    loop = asyncio.get_running_loop()
    seen: dict[Any, float] = {}
    while runner.server is not None:
        await asyncio.sleep(HEAD_WITHIN / 4)
        now, connections = loop.time(), set(runner.server.connections)
        gateway.heard &= connections
        seen = {one: seen.get(one, now) for one in connections - gateway.heard}
        for connection, since in seen.items():
            if now - since > HEAD_WITHIN and connection.transport is not None:
                connection.transport.abort()


def _address(site: web.SockSite) -> str:
    host, port, *_ = site._sock.getsockname()  # noqa: SLF001 - the port that was free
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls(settings: ServeSettings) -> ssl.SSLContext | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    return server_context(settings.tls_cert, settings.tls_key)
