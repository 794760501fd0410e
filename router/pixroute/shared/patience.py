"""A transaction has a second; whoever asked is told then, whatever the store still does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from pixroute.shared.ports import PATIENCE, StoreAway

T = TypeVar("T")


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
    task = loop.create_task(work)

    def cut() -> None:
        give_up(task)
        task.cancel()

    timer = loop.call_later(PATIENCE, cut)

    def ended(task: asyncio.Task[T]) -> None:
        timer.cancel()
        if not task.cancelled():
            task.exception()  # seen: its caller may have left

    task.add_done_callback(ended)
    await asyncio.wait({task}, timeout=PATIENCE)
    if not task.done() or task.cancelled():
        raise StoreAway(late)
    return task.result()
