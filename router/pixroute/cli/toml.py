"""A mapping written as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dumps(mapping: Mapping[str, Any]) -> str:
    """Write a mapping of text, numbers, truth, dates, lists and mappings; None is not among them."""
    return "\n".join(_lines((), mapping)).strip() + "\n"


def _lines(path: tuple[str, ...], table: Mapping[str, Any]) -> Iterator[str]:
    """Write a table: its own entries, then the tables in it; a table at depth three stands in its line."""
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping) and len(path) < 2}
    own = {key: value for key, value in table.items() if key not in inner}
    if path and (own or not inner):
        yield from ("", f"[{'.'.join(map(_key, path))}]")
    yield from (f"{_key(key)} = {_value(value)}" for key, value in own.items())
    for key, value in inner.items():
        yield from _lines((*path, key), value)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(item)}' for key, item in value.items())} }}" if value else "{}"
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_value, value))}]"
    return str(value)


__all__ = ["dumps"]
