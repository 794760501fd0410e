"""Tasks that were cancelled and have not ended yet."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

log = logging.getLogger("pixroute")

REAP = 2.0
"""Seconds after which a cancelled attempt that has not ended is named in the log."""


class Reaper:
    """Keeps cancelled tasks until they end; `tasks` are those that have not."""

    def __init__(self) -> None:
        self.tasks: set[asyncio.Task[Any]] = set()

    def watch(self, task: asyncio.Task[Any], name: str) -> None:
        """Keep a cancelled task, and warn of it by `name` if it has not ended after `REAP` seconds."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        warning = asyncio.get_running_loop().call_later(REAP, _warn_of_leftover, name)
        task.add_done_callback(lambda _: warning.cancel())


def _warn_of_leftover(attempt: str) -> None:
    fields = {"attempt": attempt, "seconds": REAP}
    log.warning("attempt %s has not ended %.0f s after it was cancelled", attempt, REAP, extra=fields)
