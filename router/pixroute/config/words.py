"""How mistakes are said to a person: paths, values, what is allowed, the nearest spelling."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Literal, get_args, get_origin

from pixroute.config.kinds import Range, members

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Decimal: 'an amount such as "0.09"',
}


def describe(kind: Any) -> str:
    """Say what may stand there: `a number above 0 or "off"`."""
    *others, last = _alternatives(kind)
    return f"{', '.join(others)} or {last}" if others else last


def _alternatives(kind: Any) -> list[str]:
    if len(members(kind)) > 1:
        return [words for member in members(kind) for words in _alternatives(member)]
    (alone,) = members(kind)
    origin, arguments = get_origin(alone), get_args(alone)
    if origin is Literal:
        return [shown(choice) for choice in arguments]
    if origin is Annotated:
        ranges = [str(one) for one in arguments[1:] if isinstance(one, Range)]
        return [" ".join([words, *ranges]) for words in _alternatives(arguments[0])]
    if origin in {list, tuple, set, frozenset}:
        return ["a list"]
    return [_WORDS.get(alone, "a table")]


def choices(kind: Any) -> Iterator[str]:
    """Give every word that may be written there."""
    for member in members(kind):
        if get_origin(member) is Literal:
            yield from (choice for choice in get_args(member) if isinstance(choice, str))
        elif get_origin(member) is Annotated:
            yield from choices(get_args(member)[0])


def nearest(name: object, known: Iterable[str]) -> str:
    """Give `; did you mean …?` if there is a near spelling, else nothing."""
    spelled = {str(one).lower(): one for one in known}
    near = get_close_matches(str(name).lower(), spelled, 1)
    return f"; did you mean {spelled[near[0]]}?" if near else ""


def shown(value: object) -> str:
    """Show a value as TOML writes it; of tables and lists only that they are, for they may hold keys."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value if len(value) <= 60 else f"{value[:60]}…")
        case int() if abs(value) > 10**15:
            return "a number beyond 1e15"
        case int() | float():
            return str(value)
        case Mapping():
            return "a table"
        case list() | tuple():
            return "a list"
    return f"a {type(value).__name__}"


def quoted(text: str) -> str:
    """Write text in quotes, what cannot be seen escaped."""
    return json.dumps(text, ensure_ascii=False)


def unknown_key(key: object, known: Iterable[str]) -> str:
    """Say that nothing is called so here."""
    listed = ", ".join(known) or "nothing"
    return f"is not known here{nearest(key, known) or f'; there is {listed}'}"


def join(path: str, step: object) -> str:
    """Append a key or an index as TOML writes it: `providers.a.attempt_timeout."4K"`, `rules[0]`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    key = str(step) if _BARE.fullmatch(str(step)) else quoted(str(step))
    return f"{path}.{key}" if path else key
