"""An attempt that runs in its caller's task (semantics §7)."""

from __future__ import annotations

import asyncio
from contextvars import Context, copy_context
from types import TracebackType


class Here:
    """The present task, lent to work that is cut by cancelling the task; the cancellation is then taken back.

    In the work nothing may be awaited but what ends at once when it is cancelled.
    """

    __slots__ = ("_before", "_context", "_is_cut", "_task")

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

    def __enter__(self) -> None:
        self._context = copy_context()

    def __exit__(self, kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None) -> bool:
        """Take the cut back, and give context variables that the work has set their values back.

        Raises:
            asyncio.CancelledError: somebody else cancelled the task, be it in the same turn.
        """
        _restore(self._context)
        del self._context
        if not self._is_cut:
            return False
        ours = kind is not None and issubclass(kind, asyncio.CancelledError)
        if self._task.uncancel() > self._before and (ours or kind is None):
            raise asyncio.CancelledError from None
        return ours


def _restore(before: Context) -> None:
    now = copy_context()
    if now == before:
        return
    for variable in now:
        if variable in before and now[variable] is not before[variable]:
            variable.set(before[variable])
