"""How a command ends: one table of exit codes, and which error means which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from pixroute import errors


class Exit(IntEnum):
    """The exit codes."""

    OK = 0
    FAILED = 1
    USAGE = 2
    MODERATED = 3
    NO_TIME = 4
    NO_MONEY = 5
    PARTIAL = 6
    ELSEWHERE = 7
    BUG = 70
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143


MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "done",
    Exit.FAILED: "all providers failed",
    Exit.USAGE: "usage, configuration or bad input",
    Exit.MODERATED: "a provider declined the content",
    Exit.NO_TIME: "nobody could finish in the time given",
    Exit.NO_MONEY: "nothing fits into the cost limit",
    Exit.PARTIAL: "some of the pictures asked for are missing",
    Exit.ELSEWHERE: "a paid picture is not where it was asked for; it is told where it is",
    Exit.BUG: "a bug in pixroute",
    Exit.INTERRUPTED: "interrupted",
    Exit.READER_GONE: "the reader of stdout left; what was under way was finished and saved",
    Exit.TERMINATED: "ended by SIGTERM, as by an interruption",
}

_CODES: Mapping[type[Exception], Exit] = {
    errors.Moderated: Exit.MODERATED,
    errors.InvalidRequest: Exit.USAGE,
    errors.DeadlineInfeasible: Exit.NO_TIME,
    errors.BudgetExceeded: Exit.NO_MONEY,
    errors.InternalError: Exit.BUG,
    errors.ConfigError: Exit.USAGE,
    errors.PluginError: Exit.USAGE,
    errors.PixrouteError: Exit.FAILED,
    ValueError: Exit.USAGE,
    BrokenPipeError: Exit.READER_GONE,
    OSError: Exit.USAGE,
}
"""The first that fits; what is not in it is a bug."""


def exit_code(error: Exception) -> Exit:
    """Give the code that tells this error."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), Exit.BUG)
