"""One background task that tells the other processes what this one knows of health, and hears them (semantics §4.3).

A request never waits for it: what was heard lies in the breakers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import lru_cache, partial
from hashlib import blake2b
from platform import node
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from attrs import define, field

from pixroute.health.telling import LIFE, Telling, digest
from pixroute.routing.gate import make_gate
from pixroute.routing.reload import quietly
from pixroute.routing.spoken import Spoken
from pixroute.shared.ports import StoreAway, Told
from pixroute.shared.words import Words

if TYPE_CHECKING:
    from pixroute.config.shared import SharedSettings
    from pixroute.provider import Provider
    from pixroute.request import ImageRequest, Size
    from pixroute.routing.probes import Probes
    from pixroute.routing.shared import Shared
    from pixroute.shared.budgets import Budget
    from pixroute.shared.stores import Stores

log = logging.getLogger(__name__)


@define(kw_only=True)
class Fleet:
    """What one process has of the others.

    Args:
        told: the store.
        telling: this process's ear and mouth.
        spoken: what operators said.
        probes: what this process has the right to probe.
        secret: makes digests of requests that only processes with the same credentials can compare.
        owner: this process's name, drawn anew by each.
        every: seconds from one exchange to the next.
        say: hears what befell the store, once each time: "away" or "back", and a sentence.
    """

    told: Told
    telling: Telling
    spoken: Spoken
    probes: Probes
    secret: bytes
    owner: str
    say: Callable[[str, str], None]
    every: float = 1.0
    away: bool = field(default=False, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)
    _keyed: blake2b = field(init=False)

    @_keyed.default
    def _own_key(self) -> blake2b:
        return blake2b(digest_size=8, key=self.secret)

    def start(self) -> None:
        """Begin; on the router's loop."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="pixroute-fleet")

    async def aclose(self) -> None:
        """Tell nothing more; what was told ends by itself."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def evidence(self, request: ImageRequest) -> bytes:
        """Tell requests apart as evidence, the same in every process of the fleet: equal prompts are one."""
        made = self._keyed.copy()
        made.update(_size_of(request.size))
        made.update(request.prompt.encode("utf-8", "surrogatepass"))
        for one in request.pictures:
            made.update(one.data[:4096] if one.data else str(one.path).encode("utf-8", "surrogatepass"))
        return made.digest()

    async def exchange(self) -> None:
        """Tell and hear once."""
        now = asyncio.get_running_loop().time
        try:
            read = await self.told.exchange(self.owner, self.telling.facts(now()), life=LIFE)
        except StoreAway as error:
            self.telling.forget()
            if not self.away:
                self.away = True
                self.telling.alone(now())
                self.say("away", f"{error} What this process knows of health is its own until then.")
            return
        if self.away:
            self.away = False
            self.say("back", "The store is back: what the fleet knows of health is known here again.")
        self.telling.hear(read, now(), owner=self.owner)

    async def _run(self) -> None:
        while True:
            try:
                await self.exchange()
                await self.probes.exchange()
                await self.spoken.exchange()
            except Exception as error:
                log.exception("a bug in pixroute: health was not shared", extra={"error": type(error).__name__})
            await asyncio.sleep(self.every)


@lru_cache(256)
def _size_of(size: Size | None) -> bytes:
    return repr(size).encode() + b"\0"


class Sharing(Protocol):
    """What a router says of what it shares."""

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Those of now; their credentials are never told."""
        ...

    @property
    def budgets(self) -> Mapping[str, Budget]:
        """By name."""
        ...

    @property
    def sharing(self) -> SharedSettings | Stores | None:
        """Where; None: nowhere, what is kept is this process's own."""
        ...


def begin_sharing(
    shared: Shared, router: Sharing, stack: AsyncExitStack, told: Callable[[str, str, str], None]
) -> None:
    """Put a gate before the attempts, and in a fleet begin to share health.

    Args:
        shared: what the requests of a router share; it is given both.
        router: what it says of them.
        stack: closes them.
        told: hears what befalls the store: the port, the state, a sentence.
    """
    gate = shared.gate = make_gate(router.budgets, router.sharing, shared.health, told)
    stack.push_async_callback(quietly, gate.aclose)
    if router.sharing is None:
        return
    accounts = sorted({one.identity.account for one in router.providers.values()})
    secret = blake2b("\n".join(accounts).encode("utf-8", "surrogatepass"), digest_size=32).digest()

    def credentials() -> dict[str, Callable[[], str]]:
        return {one.identity.account: one.credential for one in router.providers.values()}

    stores, owner = gate.stores, uuid4().hex
    fleet = shared.fleet = Fleet(
        told=stores.told,
        telling=Telling(shared.health, host=digest(node()), credentials=credentials),
        spoken=Spoken(Words(stores.kept, owner), shared.health, lambda: router.providers),
        probes=gate.probes,
        secret=secret,
        owner=owner,
        every=stores.every,
        say=partial(told, "told"),
    )
    fleet.start()
    stack.push_async_callback(quietly, fleet.aclose)
