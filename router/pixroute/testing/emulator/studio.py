"""Where pictures are made, in the time the real models take, whether or not anybody still waits for them."""

import asyncio
import math
from random import Random
from typing import TYPE_CHECKING

from pixroute.testing.emulator.latency import LatencyTable, draw_latency
from pixroute.testing.emulator.models import family
from pixroute.testing.emulator.order import paint

if TYPE_CHECKING:
    from pixroute.testing.emulator.ledger import CallLedger
    from pixroute.testing.emulator.order import Order, Sheet


class Studio:
    """The emulator's time, chance and work."""

    def __init__(self, ledger: "CallLedger", *, time_scale: float, seed: int, noise: bool) -> None:
        self.ledger = ledger
        self.time_scale = time_scale
        self.latencies: dict[str, LatencyTable] = {}
        self.random = Random(seed)  # noqa: S311 - reproducible latencies, not secrets
        self._noise = noise
        self._work: set[asyncio.Task[list[Sheet]]] = set()

    async def sleep(self, seconds: float) -> None:
        """Let scaled seconds pass; an infinite time stays infinite at any scale."""
        if math.isinf(seconds):
            await asyncio.Event().wait()
        await asyncio.sleep(seconds * self.time_scale)

    def latency(self, order: "Order") -> float:
        """Draw the seconds an order takes."""
        own = self.latencies.get(order.provider)
        return draw_latency(family(order.model), order.width, order.height, self.random, own)

    def start(self, entry_id: int, order: "Order", *, factor: float, charged: bool) -> "asyncio.Task[list[Sheet]]":
        """Begin an order; it is finished, and charged, though its client has gone (upstreams §9)."""
        task = asyncio.create_task(self._make(entry_id, order, factor=factor, charged=charged))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _make(self, entry_id: int, order: "Order", *, factor: float, charged: bool) -> "list[Sheet]":
        seconds = factor * self.latency(order)
        work = asyncio.to_thread(paint, order, noise=self._noise)
        sheets, _ = await asyncio.gather(work, self.sleep(seconds))
        self.ledger.finish(entry_id, billed=order.count if charged else 0)
        return sheets

    async def idle(self) -> None:
        """Wait until no work is in hand."""
        while self._work:
            await asyncio.wait(self._work)

    async def aclose(self) -> None:
        """Give up all work in hand."""
        for task in self._work:
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
