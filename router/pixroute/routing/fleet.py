"""One background task that tells the other processes what this one knows of health, and hears them (semantics §4.3).

A request never waits for it: what was heard lies in the breakers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b
from platform import node
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from attrs import define, field

from pixroute.health.registry import Health
from pixroute.health.telling import LIFE, Telling, digest
from pixroute.shared.ports import StoreAway, Told

if TYPE_CHECKING:
    from pixroute.provider import Provider
    from pixroute.request import ImageRequest

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds from one exchange to the next."""


def _say(state: str, text: str) -> None:
    log.log(logging.INFO if state == "back" else logging.WARNING, "%s", text, extra={"store": state})


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
    say: Callable[[str, str], None] = _say
    away: bool = field(default=False, init=False)
    _task: asyncio.Task[None] | None = field(default=None, init=False)

    @classmethod
    def of(
        cls, told: Told, health: Health, providers: Mapping[str, Provider], say: Callable[[str, str], None] = _say
    ) -> Self:
        """Make it of a router's health and providers; their credentials are never told."""

        def credentials() -> dict[str, Callable[[], str]]:
            return {one.identity.account: one.credential for one in providers.values()}

        accounts = "\n".join(sorted({one.identity.account for one in providers.values()}))
        secret = blake2b(accounts.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        telling = Telling(health, host=digest(node()), credentials=credentials)
        return cls(told=told, telling=telling, secret=secret, say=say)

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
