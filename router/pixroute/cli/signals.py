"""What ends a command from outside: SIGTERM, as Ctrl-C does, and a reader of stdout that leaves."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from attrs import define

from pixroute.system import let_through, only_raised_here


@define
class Outside:
    """What came from outside during a command; `patient`: the command takes a second signal as more than the first."""

    terminated: bool = False
    reader_gone: bool = False
    patient: bool = False

    def terminate(self, _number: int, _frame: FrameType | None) -> None:
        """Do as Ctrl-C does; once, for a second one would break into the settling."""
        first, self.terminated = not self.terminated, True
        if first or self.patient:
            with let_through(signal.SIGINT):
                signal.raise_signal(signal.SIGINT)

    def lose_reader(self) -> None:
        """Let what is still said go nowhere: what is under way is worth more than its telling."""
        self.reader_gone = True
        with suppress(OSError, ValueError):  # a stdout that is no file
            hole = os.open(os.devnull, os.O_WRONLY)
            os.dup2(hole, sys.stdout.fileno())
            os.close(hole)


outside = Outside()
"""Of the command that runs: a process has one."""


@contextmanager
def watched() -> Iterator[None]:
    """Take SIGTERM meanwhile; elsewhere than in the main thread nobody can."""
    outside.terminated = outside.reader_gone = outside.patient = False
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, outside.terminate)
    try:
        with _ours_alone():
            yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


@contextmanager
def _ours_alone() -> Iterator[None]:
    """Where Ctrl-C is ignored, as of what a script starts in the background, take it from nobody but SIGTERM's handler.

    asyncio ends its main task by SIGINT only where that is not ignored; so it is blocked instead.
    """
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        yield
        return
    with only_raised_here(signal.SIGINT):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
