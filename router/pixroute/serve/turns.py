"""Thousands who come at one moment, and hold up nobody else."""

from __future__ import annotations

import asyncio
from collections import deque

from attrs import define, field

MOST = 4
"""How many begin, or are given their pictures, in one turn of the loop: some milliseconds of it."""


@define(eq=False)
class Turns:
    """Lets so many go on in one turn of the loop, and others in the turns that follow, in the order they came."""

    most: int = MOST
    _gone: int = 0  # in this turn; while it is not 0 the next one is on its way
    _waiting: deque[asyncio.Future[None]] = field(factory=deque)

    async def take(self) -> None:
        """Go on at once, or when it is one's turn."""
        if self._gone < self.most:
            self._gone += 1
            if self._gone == 1:
                asyncio.get_running_loop().call_soon(self._next)
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        await mine

    def _next(self) -> None:
        self._gone = 0
        while self._waiting and self._gone < self.most:
            one = self._waiting.popleft()
            if not one.done():
                one.set_result(None)
                self._gone += 1
        if self._gone:
            asyncio.get_running_loop().call_soon(self._next)
