"""An attempt that runs in its caller's task (semantics §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import Context, copy_context
from typing import Any


class Here:
    """The present task, lent to work that is cut by cancelling the task; the cancellation is then taken back.

    In the work nothing may be awaited but what ends at once when it is cancelled.
    """

    def __init__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        # A cancellation that was asked for in this very turn, by a signal's handler say, is still to be raised.
        self._before = task.cancelling() - bool(getattr(task, "_must_cancel", False))
        self._is_cut = False

    @property
    def is_cancelled(self) -> bool:
        """Whether anybody has cancelled the task since."""
        return self._task.cancelling() > self._before

    def cut(self) -> None:
        """End the work; the task goes on."""
        self._is_cut = True
        self._task.cancel()

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work; context variables that it sets have their values back afterwards.

        Raises:
            asyncio.CancelledError: somebody else cancelled the task, be it in the same turn.
        """
        context = copy_context()
        try:
            await work
        except asyncio.CancelledError:
            if not self._is_cut:
                raise
        finally:
            _restore(context)
            cancelled = self._is_cut and self._task.uncancel() > self._before
        if cancelled:
            raise asyncio.CancelledError


def _restore(before: Context) -> None:
    now = copy_context()
    if now == before:
        return
    for variable in now:
        if variable in before and now[variable] is not before[variable]:
            variable.set(before[variable])
