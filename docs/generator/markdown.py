"""Markdown, line by line."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

Lines = Iterator[str]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Lines:
    """Write a table in Markdown."""
    heads = list(heads)
    yield _line(heads)
    yield _line(["---"] * len(heads))
    yield from map(_line, rows)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def sentence(thing: Any) -> str:
    """Give the first sentence or two of a docstring."""
    return inspect.cleandoc(thing.__doc__ or "").split("\n\n", 1)[0].replace("\n", " ")
