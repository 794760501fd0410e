"""What is wrong with a single value, in words."""

from __future__ import annotations

from typing import Any, get_args

from pixroute.config.secrets import NEVER_IN_CLEAR
from pixroute.config.words import choices, describe, nearest, shown
from pixroute.secret import Secret


class Mistake(ValueError):
    """What is wrong with one value, said of it; whoever catches it knows where."""


def refused(value: object, kind: Any) -> Mistake:
    """Say that this value is not of that kind, and which is near; never of what may hold a key."""
    if _holds_secret(kind):
        return Mistake(NEVER_IN_CLEAR)
    near = nearest(value, choices(kind)) if isinstance(value, str) else ""
    return Mistake(f"{shown(value)} is not {describe(kind)}{near}")


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(map(_holds_secret, get_args(kind)))
