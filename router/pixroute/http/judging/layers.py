"""The objects of a document that may describe an error, at any depth, whatever they are called."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

_DEEPEST = 6  # an envelope in a message in an envelope in an array, and no more
_INNER = ("error", "errors", "detail", "message", "base_resp", "metadata", "response", "output", "raw", "innererror")
_OURS = frozenset(
    {"input", "inputs", "request", "params", "parameters", "payload", "usage", "headers", "links", "urls", "details"}
)  # what we said, or what is no word of the error
_WIDEST = 12  # other objects of a layer that are looked into


def layers(document: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Give every object that may describe the error, names in lower case, from the outermost to the innermost."""
    document = parsed(document) if isinstance(document, str) else document
    for layer in map(_lowered, mappings(document)[:4]):
        yield layer
        if depth < _DEEPEST:
            others = [name for name, value in layer.items() if isinstance(value, Mapping | list) and name not in _OURS]
            for name in dict.fromkeys((*_INNER, *others[:_WIDEST])):
                yield from layers(layer.get(name), depth + 1)


def _lowered(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name.lower() if isinstance(name, str) else name: value for name, value in reversed(list(layer.items()))}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Give the objects of a list, or the one that a value is."""
    values = value if isinstance(value, list) else [value]
    return [item for item in values if isinstance(item, Mapping)]


def parsed(text: str) -> Any:
    """Read JSON in a string, also behind a few words: `HTTP 403: {"error": …}`."""
    start = text.find("{") if not text.lstrip().startswith(("{", "[")) else 0
    if not 0 <= start <= _PREFACE or "}" not in text:
        return None
    try:
        return json.JSONDecoder().raw_decode(text[start:].lstrip())[0]
    except (ValueError, RecursionError):
        return None


_PREFACE = 200  # characters of words before an envelope within a message
