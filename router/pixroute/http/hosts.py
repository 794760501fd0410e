"""Hosts that a plugin trusts with its key beside its own origin: patterns of whole labels, never a public suffix."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult

_LABEL = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})+")
_PATTERN = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_SECOND_LEVELS = frozenset({"ac", "co", "com", "edu", "gob", "go", "gov", "mil", "ne", "net", "or", "org"})
_SHARED = frozenset(
    {
        "amazonaws.com",
        "appspot.com",
        "azurewebsites.net",
        "cloudfront.net",
        "fly.dev",
        "github.io",
        "herokuapp.com",
        "myqcloud.com",
        "netlify.app",
        "ngrok.app",
        "ngrok.io",
        "onrender.com",
        "pages.dev",
        "run.app",
        "vercel.app",
        "web.app",
        "windows.net",
        "workers.dev",
    }
)
"""Below these, names belong to anybody."""


def check_hosts(patterns: Iterable[str]) -> tuple[str, ...]:
    """Give the patterns back.

    Raises:
        ValueError: one is no host or `*.` before one, or lets anybody in.
    """
    if isinstance(patterns, str):
        raise ValueError(f"`job_hosts` is {patterns!r}; give a tuple of hosts")  # noqa: TRY004 - as its like
    return tuple(map(_checked, patterns))


def trusts(patterns: Iterable[str], url: SplitResult) -> bool:
    """Judge whether an https URL at the usual port lies at one of the hosts."""
    host = url.hostname or ""
    if url.scheme != "https" or url.port not in {None, 443} or not _HOST.fullmatch(host) or "@" in url.netloc:
        return False
    return any(host.endswith(one[1:]) if one.startswith("*.") else host == one for one in patterns)


def _checked(pattern: str) -> str:
    if not _PATTERN.fullmatch(pattern) or pattern.rpartition(".")[2].isdigit():
        raise ValueError(f"`job_hosts` has {pattern!r}; give a host, or `*.` before one, in lower case")
    labels = pattern.removeprefix("*.").split(".")
    two = ".".join(labels[-2:])
    country = len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    shared = two in _SHARED and pattern.startswith("*.")
    if shared or (country and len(labels) < 3):
        raise ValueError(f"`job_hosts` has {pattern!r}, below which names belong to anybody")
    return pattern
