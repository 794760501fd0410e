"""One background task that tells the other processes what this one knows of health, and hears them (semantics §4.3).

A request never waits for it: what was heard lies in the breakers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b
from platform import node
from typing import TYPE_CHECKING
from uuid import uuid4

from attrs import define, field

from pixroute.health.telling import LIFE, Telling, digest
from pixroute.shared.ports import StoreAway, Told

if TYPE_CHECKING:
    from pixroute.provider import Provider
    from pixroute.request import ImageRequest
    from pixroute.routing.shared import Shared

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds from one exchange to the next."""


@define(kw_only=True)
class Fleet:
    """What one process has of the others.

    Args:
        told: the store.
        telling: this process's ear and mouth.
        secret: makes digests of requests that only processes with the same credentials can compare.
        owner: this process's name, drawn anew by each.
        say: hears what befell the store, once each time: "away" or "back", and a sentence.
    """

    told: Told
    telling: Telling
    secret: bytes
    owner: str = field(factory=lambda: uuid4().hex)
    say: Callable[[str, str], None]
    away: bool = field(default=False, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

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
        made = blake2b(
            repr((request.prompt, request.size)).encode("utf-8", "surrogatepass"), digest_size=8, key=self.secret
        )
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
            except Exception as error:
                log.exception("a bug in pixroute: health was not shared", extra={"error": type(error).__name__})
            await asyncio.sleep(EVERY)


def start_fleet(
    shared: Shared, providers: Callable[[], Mapping[str, Provider]], told: Callable[[str, str, str], None]
) -> Fleet:
    """Begin to share health.

    Args:
        shared: what the requests of a router share, its gate and thereby its store among it.
        providers: those of now; their credentials are never told.
        told: hears what befalls the store: the port, the state, a sentence.
    """
    assert shared.gate is not None

    def credentials() -> dict[str, Callable[[], str]]:
        return {one.identity.account: one.credential for one in providers().values()}

    secret = blake2b("\n".join(sorted(credentials())).encode("utf-8", "surrogatepass"), digest_size=32).digest()
    telling = Telling(shared.health, host=digest(node()), credentials=credentials)
    fleet = Fleet(told=shared.gate.stores.told, telling=telling, secret=secret, say=partial(told, "told"))
    fleet.start()
    return fleet
