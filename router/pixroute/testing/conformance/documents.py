"""Answers that no document promises: spoiled in every place, and (with Hypothesis) of any shape at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

ODD: tuple[Any, ...] = (None, True, 0, -1.5, "", "text", [], {}, [None], [[]], {"error": None})


def spoiled(document: Any) -> Iterator[Any]:
    """Give the document with every part of it left out, or replaced by something odd."""
    yield from ODD
    if isinstance(document, dict):
        for name, value in document.items():
            yield {other: kept for other, kept in document.items() if other != name}
            for worse in spoiled(value):
                yield {**document, name: worse}
    elif isinstance(document, list):
        for place, value in enumerate(document):
            yield document[:place] + document[place + 1 :]
            for worse in spoiled(value):
                yield [*document[:place], worse, *document[place + 1 :]]


def for_every_answer(like: Any, examine: Callable[[Any], None]) -> None:
    """Examine spoiled answers, and with Hypothesis any JSON made of the same names."""
    __tracebackhide__ = True
    for document in spoiled(like):
        examine(document)
    try:
        from hypothesis import given, settings  # noqa: PLC0415 - may be missing
        from hypothesis import strategies as st  # noqa: PLC0415 - may be missing
    except ImportError:
        return
    names = st.sampled_from(sorted(_names(like)) or ["error"]) | st.text(max_size=3)
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | names
    documents = st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )
    settings(max_examples=50, deadline=None, database=None, derandomize=True)(given(documents)(examine))()


def _names(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from document
        for value in document.values():
            yield from _names(value)
    elif isinstance(document, list):
        for value in document:
            yield from _names(value)
