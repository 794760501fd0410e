"""The router's side of every connection: clocks and memory, shared by all providers.

aiohttp takes longer to import than all the rest, so it is imported with the first request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from functools import cache
from typing import TYPE_CHECKING, Any

from pixroute.http.body.sinks import Sinks
from pixroute.http.call import Reply
from pixroute.http.endpoint import Endpoint, Trust
from pixroute.http.pace import MIB, PER_PICTURE, Pace
from pixroute.http.wire.memory import Memory
from pixroute.http.wire.outgoing import Outgoing
from pixroute.http.wire.sockets import KeepAlive
from pixroute.outcome import Delivered, Failure
from pixroute.provider import AttemptContext

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

    from pixroute.http.wire.connections import Connections
    from pixroute.http.wire.exchange import Exchange
    from pixroute.http.wire.wire import Wire

log = logging.getLogger("pixroute.http")


class Transport:
    """Carries every request of one router, on one loop.

    Args:
        pace: how slow a connection may be.
        keep_alive: how silent connections are asked whether they live.
        memory: bytes that all bodies being read may hold together; files are not counted.
        resolver: asked for names in place of the system.

    `time` gives the loop's time without the pauses of the machine, once a router knows of them.
    """

    def __init__(
        self,
        *,
        pace: Pace | None = None,
        keep_alive: KeepAlive | None = None,
        memory: int = 256 * MIB,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self.pace = pace or Pace()
        self.memory = Memory(memory)
        self.time: Callable[[], float] | None = None
        self._keep_alive = keep_alive or KeepAlive()
        self._resolver = resolver
        self.remembered: dict[Hashable, str] = {}
        """What providers found out, by keys of their own; for the router's life, and for all that share an account."""
        self._told_of_proxy = False
        self._connections: dict[Trust, Connections] = {}
        self._errands: set[asyncio.Task[None]] = set()

    async def exchange(
        self,
        request: Outgoing,
        *,
        endpoint: Endpoint,
        attempt: AttemptContext,
        sinks: Sinks,
        pictures: int = 1,
        follow_up: bool = False,
    ) -> Reply | Failure:
        """Send a request and read its answer, whatever its status; what came instead of an answer is a failure.

        Args:
            request: what to send.
            endpoint: the provider's place, to which it goes.
            attempt: told of stages and facts. It cuts the exchange at `attempt.ends_at` itself, by cancellation.
            sinks: where pictures go.
            pictures: how many were asked; 64 MiB of body are read for each.
            follow_up: not the attempt's first request, whose stage and facts stand.
        """
        exchange_, wire_ = _aiohttp_side()
        wire = wire_(
            pace=self.pace,
            limit=pictures * PER_PICTURE,
            attempt=None if follow_up else attempt,
            time=self.time,
            document=True,
        )
        exchange = exchange_(wire=wire, endpoint=endpoint, sinks=sinks, memory=self.memory)
        return await exchange.run(self.connections(endpoint.trust), request, self.proxy(request.url, endpoint))

    async def fetch(
        self,
        url: str,
        *,
        endpoint: Endpoint,
        attempt: AttemptContext,
        sinks: Sinks,
        ends_at: float | None = None,
    ) -> Delivered | Failure:
        """Fetch a picture that lies at a URL, without a credential, until `ends_at`, as `now` gives it.

        None: within `pace.fetch` seconds from now.
        """
        from pixroute.http.wire.fetch import Fetch  # noqa: PLC0415 - imports aiohttp

        if ends_at is None:
            ends_at = self.now() + self.pace.fetch
        fetch = Fetch(transport=self, endpoint=endpoint, attempt=attempt, sinks=sinks, ends_at=ends_at)
        return await fetch.run(url)

    def now(self) -> float:
        """Give the loop's time without the pauses of the machine, where somebody finds them."""
        return self.time() if self.time is not None else asyncio.get_running_loop().time()

    def connections(self, trust: Trust) -> Connections:
        """Give the connections that reach and believe no more than this."""
        connections = self._connections.get(trust)
        if connections is None:
            from pixroute.http.wire.connections import Connections  # noqa: PLC0415 - imports aiohttp

            connections = self._connections[trust] = Connections(trust, self._keep_alive, self._resolver)
        return connections

    def proxy(self, url: str, endpoint: Endpoint) -> str | None:
        """Give the proxy for a URL, if the endpoint's settings want one."""
        if endpoint.proxy != "env" and (endpoint.proxy or self._told_of_proxy):
            return endpoint.proxy
        from pixroute.http.wire.connections import environment_proxy  # noqa: PLC0415 - imports aiohttp

        found = environment_proxy(url)
        if endpoint.proxy == "env":
            return found
        self._told_of_proxy = True
        if found:
            scheme = url.partition(":")[0]
            text = '%s_proxy is set and not used; `proxy = "env"` in a provider\'s settings uses it'
            log.info(text, scheme, extra={"scheme": scheme})
        return None

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what must not delay anybody, such as telling an upstream that a job is no longer wanted."""
        task = asyncio.get_running_loop().create_task(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def aclose(self) -> None:
        """Let errands end, and close every connection."""
        await asyncio.gather(*self._errands, return_exceptions=True)
        for connections in self._connections.values():
            await connections.aclose()
        self._connections.clear()


@cache
def _aiohttp_side() -> tuple[type[Exchange], type[Wire]]:
    """Import once: an import statement in a function costs as much as building a request.

    All that a request may need comes along: a process that has run out of descriptors can import nothing more.
    """
    import encodings.idna  # noqa: PLC0415, F401 - read by the first name that is resolved

    from pixroute.http.wire.exchange import Exchange  # noqa: PLC0415 - imports aiohttp
    from pixroute.http.wire.wire import Wire  # noqa: PLC0415 - imports aiohttp

    return Exchange, Wire
