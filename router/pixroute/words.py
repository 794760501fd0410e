"""How mistakes are said to a person: paths, values, the nearest spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from difflib import get_close_matches

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_LONGEST = 60


def nearest(name: object, known: Iterable[str]) -> str:
    """Give `; did you mean …?` if there is a near spelling, else nothing."""
    spelled = {str(one).lower(): one for one in known}
    near = get_close_matches(str(name)[:_LONGEST].lower(), spelled, 1)
    return f"; did you mean {spelled[near[0]]}?" if near else ""


def shown(value: object) -> str:
    """Show a value as TOML writes it; of tables and lists only that they are, for they may hold keys."""
    match value:
        case None:
            return "None"
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case int() | Decimal():
            return str(value) if Decimal(value).is_nan() or abs(Decimal(value)) <= 10**15 else "a number beyond 1e15"
        case float():
            return str(value)
        case Mapping():
            return "a table"
        case list() | tuple() | set() | frozenset():
            return "a list"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"


def quoted(text: str) -> str:
    """Write the beginning of a text in quotes, what cannot be seen escaped."""
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return json.dumps(short, ensure_ascii=not _is_whole(short))


def unknown_key(key: object, known: Iterable[str]) -> str:
    """Say that nothing is called so here."""
    known = list(known)
    listed = ", ".join(known) or "nothing"
    return f"is not known here{nearest(key, known) or f'; there is {listed}'}"


def join(path: str, step: object) -> str:
    """Append a key or an index as TOML writes it: `providers.a.attempt_timeout."4K"`, `rules[0]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    text = str(step)
    key = text if len(text) <= _LONGEST and _BARE.fullmatch(text) else quoted(text)
    return f"{path}.{key}" if path else key


def broken_at(text: str) -> int | None:
    """Give the place of half a surrogate pair, counted from 1: text that no wire, file or terminal can carry."""
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        return error.start + 1
    return None


def _is_whole(text: str) -> bool:
    return broken_at(text) is None
