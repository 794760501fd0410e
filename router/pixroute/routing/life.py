"""The life of a router: opened once on one loop of one process, closed once; what it holds lies on a stack.

    made ──first request, or `async with`──► open ──`aclose`──► closing: drains ──► ends requests ──► closed

A provider is started once before the first attempt and closed once after the last, whatever another one does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import secrets
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve

from pixroute import events
from pixroute.cost import Cost
from pixroute.errors import PluginError, ShuttingDown
from pixroute.health.force import OperatorOrder
from pixroute.health.registry import Health
from pixroute.routing.alarm import Alarm
from pixroute.routing.observers import close_observers, observing
from pixroute.routing.opening import make_shared
from pixroute.routing.operator import Operator
from pixroute.routing.reaper import REAP, Reaper
from pixroute.routing.reload import closed, quietly, retired, started
from pixroute.routing.requests import OpenRequests
from pixroute.routing.shared import Shared

if TYPE_CHECKING:
    from pixroute.config.shared import SharedSettings
    from pixroute.http.transport import Transport
    from pixroute.provider import Provider
    from pixroute.shared.budgets import Budget
    from pixroute.shared.stores import Stores

T = TypeVar("T")

log = logging.getLogger("pixroute")

CLOSING = "The router is closing and takes no new requests."


class Life:
    """What a router holds from its opening to its closing.

    Args:
        providers: by name; `replace` changes them.
        observers: told every event.
        transport: the caller's, or None for one of its own.
        connect: seconds for a connection of its own transport.
        seed: makes jitter, probes and ids repeatable; None draws another in every process.
        budgets, sharing: what the gate before every attempt keeps, and where.
    """

    def __init__(
        self,
        *,
        providers: Mapping[str, Provider],
        observers: Mapping[str, events.Observer],
        transport: Transport | None,
        connect: float,
        seed: int | None,
        budgets: Mapping[str, Budget],
        sharing: SharedSettings | Stores | None,
    ) -> None:
        self.providers = dict(providers)
        self._operator = Operator(providers)
        self.observers = dict(observers)
        self._transport = transport
        self._connect = connect
        self._seed = seed
        self.budgets = dict(budgets)
        self.sharing = sharing
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._shared: Shared | None = None
        self._alarm = Alarm()
        self._opening: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drains_until = inf
        self._awaited: asyncio.Future[None] | None = None
        self._started: dict[str, Provider] = {}
        self._stack = AsyncExitStack()
        self.requests = OpenRequests(self.new_id, self._go_on)
        self._claims: set[asyncio.Future[None]] = set()
        self._reaper = Reaper()
        self._retiring: set[asyncio.Task[None]] = set()

    # Opening

    async def open(self) -> Shared:
        """Draw what differs between processes, start the providers, once; who comes meanwhile waits.

        Raises:
            PluginError: a provider cannot start; the router is closed.
            RuntimeError: it belongs to another event loop, or another process.
            ShuttingDown: it is closing.
        """
        if self._shared is None:
            self._shared = self._alarm.shared = self._made(asyncio.get_running_loop())
            self._operator.take_over(self._shared, self.now)
            self._opening = asyncio.create_task(self._start())
        self.check_here()
        if self._opening is not None and not self._closing:
            await self._opened(self._opening)
        if self._closing:
            raise ShuttingDown(CLOSING)
        return self._shared

    async def _opened(self, opening: asyncio.Task[None]) -> None:
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            if not opening.cancelled():
                raise  # it is the caller's
        except PluginError:
            await self.aclose(drain=0)
            raise
        self._opening = None

    def _made(self, loop: asyncio.AbstractEventLoop) -> Shared:
        self._loop, self._process = loop, os.getpid()
        drawn = random.Random(self._seed)  # noqa: S311 - jitter, not secrecy
        self._ids = count(1)
        self._id_prefix = f"{drawn.getrandbits(32):08x}" if self._seed is not None else secrets.token_hex(4)
        shared = make_shared(
            loop=loop,
            drawn=drawn,
            alarm=self._alarm,
            transport=self._transport,
            connect=self._connect,
            observers=observing(self.observers, loop.time),
            reap=self._reaper.watch,
        )
        self._put_gate(shared)
        self._stack.callback(lambda: close_observers(self.observers))
        self._stack.push_async_callback(quietly, shared.heartbeat.stop)
        self._stack.push_async_callback(quietly, shared.health.close)
        self._stack.push_async_callback(quietly, shared.http.aclose)
        self._stack.push_async_callback(closed, self._started)
        return shared

    def _put_gate(self, shared: Shared) -> None:
        """Put a gate before the attempts, once there is anything that it keeps."""
        if shared.gate is not None:
            shared.gate.budgets = self.budgets
        elif self.budgets or self.sharing is not None:
            from pixroute.routing.fleet import begin_sharing  # noqa: PLC0415 - for those who have budgets, or a fleet

            begin_sharing(shared, self, self._stack, self._alarm.store_changed)

    async def _start(self) -> None:
        for name, provider in self.providers.items():
            try:
                await provider.start()
            except Exception as error:
                raise PluginError(f"provider {name!r} cannot start: {type(error).__name__}") from error
            self._started[name] = provider

    def new_id(self) -> str:
        """Give an id that is unique in this process and, by its prefix, most likely elsewhere."""
        return f"{self._id_prefix}-{next(self._ids):06x}"

    def check_here(self) -> None:
        """Refuse what is called anywhere but on the router's loop.

        Raises:
            RuntimeError: it is.
        """
        if self._loop is None:
            return
        if self._process != os.getpid():
            raise RuntimeError("this router was opened in the process that forked this one; open one in each process")
        try:
            here = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is not self._loop:
            raise RuntimeError(
                "this router belongs to another event loop; make one per loop, and from another thread use "
                "loop.call_soon_threadsafe"
            )

    @property
    def now(self) -> float:
        """The loop's time; before there is a loop, 0."""
        return 0.0 if self._loop is None else self._loop.time()

    def reading(self) -> Health:
        """Give health as it is now, to be read: what is asked of it moves nothing, in any thread."""
        if self._shared is not None:
            return self._shared.health.copied(self.now)
        return self._operator.reading()

    @property
    def shared(self) -> Shared | None:
        """What requests share, once it is open."""
        return self._shared

    def able(self, provider: str, *, wanted: bool) -> None:
        """Take a provider out of every chain, or put it back: before opening, or on the loop.

        Raises:
            RuntimeError: neither.
        """
        self.check_here()
        self._operator.able(provider, wanted=wanted)

    def obey(self, *orders: OperatorOrder) -> None:
        """Do to breakers and holds as an operator says: before opening, or on the loop.

        Raises:
            RuntimeError: neither.
        """
        self.check_here()
        for order in orders:
            self._operator.say(order, self.now)

    # Requests

    async def claim(self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Do what is no run, so that closing the router ends it and not its caller's task.

        Raises:
            ShuttingDown: the router was closed meanwhile.
        """
        loop = asyncio.get_running_loop()
        over: asyncio.Future[None] = loop.create_future()
        task = loop.create_task(work)
        self._claims.add(over)
        try:
            with self.requests.enter():
                ends: list[asyncio.Future[Any]] = [task, over]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                if over.done() and not task.done():
                    text = "The router was closed while this job was claimed. It goes on: claim it again."
                    raise ShuttingDown(text, cost=Cost())
                return task.result()
        finally:
            self._claims.discard(over)
            over.cancel()
            if not task.done():
                task.cancel()
                self._reaper.watch(task, name)

    # Changing

    def rebudget(self, budgets: Mapping[str, Budget]) -> None:
        """Go on with other budgets; what was spent counts on where a name stays."""
        self.budgets = dict(budgets)
        if self._shared is not None:
            self._put_gate(self._shared)

    async def replace(
        self,
        providers: Mapping[str, Provider],
        observers: Mapping[str, events.Observer],
        *,
        source: str,
        connect: float,
    ) -> None:
        """Start those that are new and go on with these; the others are closed when their last request has ended.

        When it returns nothing was awaited since the change: a request sees all of the old or all of the new.

        Raises:
            ConfigError: one cannot start; nothing has changed.
            ShuttingDown: the router is closing.
        """
        shared = await self.open()
        new = {name: one for name, one in providers.items() if self.providers.get(name) is not one}
        await started(new, source=source)
        if shared.closing.is_set():
            await closed(new)
            raise ShuttingDown("The router is closing and takes no other configuration.")
        self._retire(
            {name: one for name, one in self.providers.items() if providers.get(name) is not one},
            {name: one for name, one in self.observers.items() if observers.get(name) is not one},
        )
        self._started.update(new)
        self.providers, self.observers = dict(providers), dict(observers)
        self._shared = self._alarm.shared = evolve(
            self._shared or shared, observers=observing(self.observers, asyncio.get_running_loop().time)
        )
        if self._transport is None:
            shared.http.pace = evolve(shared.http.pace, connect=connect)
        for name, provider in new.items():
            shared.health.changed(name, provider.settings.max_in_flight)
        self._operator.reload(providers, self.now)

    def _retire(self, providers: Mapping[str, Provider], observers: Mapping[str, events.Observer]) -> None:
        for name in providers:
            self._started.pop(name, None)
        task = asyncio.create_task(
            retired(providers, observers, list(self.requests.ends), lambda: list(self._reaper.tasks))
        )
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    # Closing

    async def aclose(self, drain: float) -> None:
        """Close it once; who calls meanwhile waits too, and may shorten the drain. Cancelled, it drains no longer.

        Raises:
            RuntimeError: it belongs to another event loop, or another process.
        """
        if self._shared is None:
            return
        self.check_here()
        self._drains_until = min(self._drains_until, self.now + drain)
        self._go_on()
        if self._closing is None:
            self._shared.closing.set()
            self._closing = asyncio.create_task(self._close(self._shared))
        try:
            await asyncio.shield(self._closing)
        except asyncio.CancelledError:
            self._drains_until = self.now
            self._go_on()
            await asyncio.wait([self._closing])
            raise

    async def _close(self, shared: Shared) -> None:
        async with self._stack:
            for run in list(shared.runs):
                run.poke()
            try:
                await self._drained()
            finally:
                self._end_requests(shared)
            await self._left_over()

    async def _drained(self) -> None:
        loop = asyncio.get_running_loop()
        while self.requests and loop.time() < self._drains_until:
            self._awaited = loop.create_future()
            timer = loop.call_at(self._drains_until, self._go_on)
            try:
                await self._awaited
            finally:
                timer.cancel()

    def _go_on(self) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(None)

    def _end_requests(self, shared: Shared) -> None:
        left = [attempt for run in shared.runs for attempt in run.in_flight if attempt.may_be_billed]
        if left:
            fields = {"attempts": len(left)}
            log.warning("closed with attempts in flight that may be billed: %d", len(left), extra=fields)
        for run in list(shared.runs):
            run.shut()
        for claim in list(self._claims):
            claim.set_result(None)
        if self._opening is not None:
            self._opening.cancel()

    async def _left_over(self) -> None:
        """Give what was ended a moment to be over, and close what a reload left behind."""
        if self.requests:
            await asyncio.wait(list(self.requests.ends), timeout=REAP)
        if pending := self._reaper.tasks | self._retiring | ({self._opening} if self._opening else set()):
            await asyncio.wait(pending, timeout=REAP)
        for task in self._retiring:
            task.cancel()
        if retiring := list(self._retiring):
            await asyncio.wait(retiring)
