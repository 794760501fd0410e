"""Keys that end: fetched off the loop, once for all who wait for one, and anew before they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from hashlib import blake2b

from attrs import field, frozen

from pixroute.redact import quote
from pixroute.secret import NoSecret

MARGIN = 300.0
"""Seconds before its end from which a new one is fetched, while the old one still serves; at most half its life."""
YOUNG = 60.0
"""Seconds within which a refused token tells of the account, not of the token's age."""


@frozen
class Token:
    """A key that ends in `lifetime` seconds from now; None: not as far as is known."""

    text: str = field(repr=False)
    lifetime: float | None = None


class Tokens:
    """The keys of one account.

    Args:
        fetch: gives the next; called in a thread, so it may block. What it raises is told as a key that cannot be had.
        account: what stays the same while tokens change, such as an e-mail address; only its digest is shown.
        clock: seconds that only grow.
    """

    def __init__(
        self, fetch: Callable[[], Token], *, account: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._name = account
        self._clock = clock
        self._token: Token | None = None
        self._born = 0.0
        self._stale = False
        self._replaced = 0
        self._work: asyncio.Task[None] | None = None

    @property
    def account(self) -> str:
        """A digest by which accounts are told apart; it changes with the token that follows one refused for its age."""
        return blake2b(f"{self._name}\n{self._replaced}".encode(), digest_size=6).hexdigest()

    def held(self) -> str:
        """Give the token as it is.

        Raises:
            NoSecret: there is none, or it has ended.
        """
        if self._token is None or self._left() <= 0:
            raise NoSecret("there is no token that has not ended")
        return self._token.text

    async def ready(self) -> None:
        """Wait until there is a token; one that ends soon is replaced meanwhile.

        Raises:
            NoSecret: none can be had; the text may be shown.
        """
        left, lifetime = self._left(), (self._token and self._token.lifetime) or 0.0
        if left > min(MARGIN, lifetime / 2):
            return
        work = self._renewal()
        if left <= 0:
            await asyncio.shield(work)

    def refused(self) -> None:
        """Drop a token that the upstream does not take; an old one is replaced at once, which ends the hold."""
        self._stale = self._token is not None and self._clock() - self._born > YOUNG
        self._token = None
        if self._stale:
            self._renewal()

    def _renewal(self) -> asyncio.Task[None]:
        """Give the asking that is under way, or begin one."""
        if self._work is None or self._work.done() or self._work.get_loop() is not asyncio.get_running_loop():
            self._work = asyncio.create_task(self._renew())
            self._work.add_done_callback(_seen)
        return self._work

    def _left(self) -> float:
        if self._token is None:
            return 0.0
        lifetime = self._token.lifetime
        return float("inf") if lifetime is None else self._born + lifetime - self._clock()

    async def _renew(self) -> None:
        asked = self._clock()
        try:
            token = await asyncio.to_thread(self._fetch)
        except NoSecret:
            raise
        except Exception as error:
            raise NoSecret(f"no token can be had: {type(error).__name__}: {quote(str(error))}") from error
        self._token, self._born = token, asked
        self._replaced += self._stale
        self._stale = False


def _seen(work: asyncio.Task[None]) -> None:
    """Take note of how it ended: where the old token serves on, nobody waits for it."""
    if not work.cancelled():
        work.exception()
