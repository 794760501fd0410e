"""How much memory the bodies of a router may take together."""

from __future__ import annotations

import asyncio
from typing import Self

from pixroute.http.pace import LARGEST, MIB


class Memory:
    """Bytes that all bodies being read may hold at once; a body that finds them taken is not read on.

    Bodies that wait for one another's memory would wait for ever. So the eldest never waits, and the `last` bytes are
    kept for it. A body's age counts from its first byte: an answer that is still waited for holds up nobody.
    """

    def __init__(self, total: int = 256 * MIB, last: int = LARGEST) -> None:
        self.held = 0
        self._shared = total - last
        self._shares: dict[Share, None] = {}  # in the order of their first bytes
        self._waiting: list[asyncio.Future[None]] = []

    def share(self) -> Share:
        """Give a share for one body; leaving it (`with`) gives everything back."""
        return Share(self)

    def admits(self, share: Share, more: int) -> bool:
        """Tell whether this body may hold so many bytes more."""
        self._shares.setdefault(share)
        return self.held + more <= self._shared or next(iter(self._shares)) is share

    async def changed(self) -> None:
        """Wait until something was given back."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def end(self, share: Share) -> None:
        """Take back what a body held."""
        self._shares.pop(share, None)
        self.held -= share.held
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)


class Share:
    """What one body holds."""

    def __init__(self, memory: Memory) -> None:
        self.held = 0
        self._memory = memory

    def fits(self, size: int) -> bool:
        """Hold so many bytes in all if that is possible at once."""
        more = size - self.held
        if more and not self._memory.admits(self, more):
            return False
        self.held = size
        self._memory.held += more
        return True

    async def wait(self, size: int) -> None:
        """Hold so many bytes in all, as soon as others have given enough back."""
        while not self.fits(size):
            await self._memory.changed()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._memory.end(self)
