"""Warnings of the library, as sentences on stderr; what a command shows by itself is not said again."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pixroute.cli.words import say

TRACEBACK = "PIXROUTE_TRACEBACK"
ONCE = " (told once)"
"""What a log says of a warning that is not repeated; a command that ends says it anyway."""


class OneLine(logging.Handler):
    """Warnings as sentences; the tracebacks that a log file would hold only where asked for."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say one."""
        text = record.getMessage().removesuffix(ONCE)
        if record.exc_info:
            text = self.format(record) if TRACEBACK in os.environ else f"{text} ({TRACEBACK}=1 shows where)"
        say(f"Warning: {text}", err=True)


@contextmanager
def failures_shown() -> Iterator[None]:
    """Leave out warnings of failed attempts meanwhile: the command shows every attempt."""
    handlers = [one for one in logging.getLogger("pixroute").handlers if isinstance(one, OneLine)]
    for one in handlers:
        one.addFilter(_is_no_attempt)
    try:
        yield
    finally:
        for one in handlers:
            one.removeFilter(_is_no_attempt)


def _is_no_attempt(record: logging.LogRecord) -> bool:
    return not (hasattr(record, "provider") and hasattr(record, "kind"))
