"""A transaction has a second; whoever asked is told then, whatever the store still does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pixroute.shared.ports import PATIENCE, StoreAway

T = TypeVar("T")

LAG, MOST_LAGS = 0.25, 4
"""Seconds by which our own loop is late, so that the lateness is not the store's; and how often that is excused."""


async def in_time(
    work: Coroutine[Any, Any, T], *, late: str, give_up: Callable[[asyncio.Task[T]], None] = lambda _task: None
) -> T:
    """Wait for a transaction; a caller that is cancelled leaves at once and stops nothing.

    Args:
        work: the transaction.
        late: what to say if it takes more than a second; it is cancelled then.
        give_up: called before that.

    Raises:
        StoreAway: it was late.
    """
    loop = asyncio.get_running_loop()
    task, expired = loop.create_task(work), loop.create_future()

    timer: asyncio.TimerHandle

    def cut(due: float, again: int) -> None:
        nonlocal timer
        if again and loop.time() - due > LAG:  # our own loop stood still: what has arrived meanwhile is heard first
            timer = loop.call_later(LAG, cut, loop.time() + LAG, again - 1)
            return
        give_up(task)
        task.cancel()
        expired.cancel()

    def ended(task: asyncio.Task[T]) -> None:
        timer.cancel()
        if not task.cancelled():
            task.exception()  # seen: its caller may have left

    timer = loop.call_later(PATIENCE, cut, loop.time() + PATIENCE, MOST_LAGS)
    task.add_done_callback(ended)
    await asyncio.wait([task, expired], return_when=asyncio.FIRST_COMPLETED)
    if not task.done() or task.cancelled():
        raise StoreAway(late)
    return task.result()
