"""Time that passes only by being waited for: a 600 s time-out costs microseconds."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_virtual(coroutine: Coroutine[Any, Any, T], *, start: float = 0.0) -> T:
    """Run on a fresh event loop whose clock jumps to the next timer whenever nothing else is to do.

    Needs async-solipsism (extra `testing`). No sockets, no threads. A loop in which nothing can happen any more
    raises `async_solipsism.SleepForeverError`. When the coroutine ends, no other task may be pending.

    Raises:
        AssertionError: tasks were left behind.
        ModuleNotFoundError: the extra is not installed; the coroutine is closed.
    """
    import asyncio  # noqa: PLC0415 - with its companion below

    try:
        import async_solipsism  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra, imported when used
    except ModuleNotFoundError as error:
        coroutine.close()
        message = f"run_virtual needs {error.name}: pip install 'pixroute[testing]'"
        raise ModuleNotFoundError(message, name=error.name) from None

    loop = async_solipsism.EventLoop()
    if start:
        loop.run_until_complete(asyncio.sleep(start))
    try:
        result: T = loop.run_until_complete(coroutine)
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        assert not left, f"{len(left)} tasks were left behind: {left}"
        return result
    finally:
        loop.close()
