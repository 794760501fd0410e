"""The caller's trace: a W3C `traceparent` in the current context, which pixroute passes on and never makes up."""

from __future__ import annotations

import re
from contextvars import ContextVar

traceparent: ContextVar[str | None] = ContextVar("pixroute_traceparent", default=None)
"""Set it around `generate`, or let a tracing library do so; what is no traceparent counts as none."""

_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""Version, trace, parent, flags (W3C Trace Context, 3.2)."""


def current() -> str | None:
    """Give the `traceparent` of the current context, if it is a valid one."""
    value = traceparent.get()
    return value if value is not None and is_traceparent(value) else None


def is_traceparent(value: object) -> bool:
    """Tell whether this is a valid `traceparent`."""
    return isinstance(value, str) and _VALID.fullmatch(value) is not None
