"""When a server looks for garbage: in quiet moments.

A look at everything that 2,000 waiting requests hold takes 0.3 s, in which nobody is served; and Python would look
whenever a quarter has come to what there is. What is young is looked at as ever. Python 3.14 looks bit by bit, and
does not heed the third threshold.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FEW = 64
"""Requests under way, at most, while a moment is quiet."""
EVERY = 30.0
LATEST = 600.0
"""Seconds between two looks: in quiet moments, and without one."""
_NEVER = 1_000_000


@contextmanager
def looking_for_garbage(under_way: Callable[[], int]) -> Iterator[None]:
    """Meanwhile look at everything only when few requests are under way; what is there already is never looked at.

    For a process that serves and does nothing else.
    """
    young, middle, old = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(young, middle, _NEVER)
    task = asyncio.get_running_loop().create_task(_look(under_way))
    try:
        yield
    finally:
        task.cancel()
        gc.set_threshold(young, middle, old)
        gc.unfreeze()


async def _look(under_way: Callable[[], int]) -> None:
    clock = asyncio.get_running_loop().time
    looked = clock()
    while True:
        await asyncio.sleep(1.0)
        if is_time(clock() - looked, under_way()):
            gc.collect()
            looked = clock()


def is_time(since: float, under_way: int) -> bool:
    """Tell whether to look at everything, so many seconds after the last time, with so many requests under way."""
    return since > LATEST or (since > EVERY and under_way <= FEW)
