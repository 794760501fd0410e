"""Reference pictures that come back as they went: never a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pixroute.http.body.blob import Blob
from pixroute.request import Reference


def without(references: Sequence[Reference], value: Any) -> Any:
    """Give a document without the pictures that are equal to a reference; None stands in their place."""
    if isinstance(value, dict):
        return {name: without(references, item) for name, item in value.items()}
    if isinstance(value, list):
        return [without(references, item) for item in value]
    if isinstance(value, Blob) and any(_is_equal(value, reference.data) for reference in references):
        value.discard()
        return None
    return value


def _is_equal(blob: Blob, data: bytes | None) -> bool:
    return data is not None and blob.size == len(data) and blob.data() == data
