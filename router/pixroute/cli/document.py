"""A request's end as one JSON document, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import attrs

from pixroute.cost import Cost
from pixroute.errors import RequestFailed
from pixroute.result import ImageResult
from pixroute.routing.record import Record


def delivered(result: ImageResult, paths: Sequence[Path], extra_paths: Sequence[Path], **more: Any) -> str:
    """Write a result; `paths` are those of its images, `extra_paths` of what was paid for beside them."""
    return _dump(
        {
            **more,
            "paths": paths,
            "extra_paths": extra_paths,
            "provider": result.provider,
            "model": result.model,
            "fell_back": result.fell_back,
            "cost": result.cost,
            "adjustments": result.adjustments,
            "missing": result.missing,
            "tags": result.tags,
            **_told(result.record),
        }
    )


def failed(error: RequestFailed, extra_paths: Sequence[Path], **more: Any) -> str:
    """Write an error; `extra_paths` are those of pictures that were paid for and not accepted."""
    return _dump(
        {
            **more,
            "error": {
                "type": type(error).__name__,
                "message": str(error),
                "retryable": error.retryable,
                "retry_after": error.retry_after,
            },
            "paths": [],
            "extra_paths": extra_paths,
            "cost": error.cost,
            **_told(error.record),
        }
    )


def _told(record: Record) -> Mapping[str, Any]:
    return {
        "attempts": [{**_plain(attempt), "seconds": attempt.seconds} for attempt in record.attempts],
        "record": {name: value for name, value in _plain(record).items() if name != "attempts"},
    }


def _dump(document: Mapping[str, Any]) -> str:
    return json.dumps(_plain(document), indent=2, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Give what JSON knows; money stays exact, as text."""
    match value:
        case IntEnum():
            return value.name.lower()
        case None | bool() | int() | float():
            return value
        case Enum() if not isinstance(value, str):
            return value.value
        case str() | Decimal() | Path():
            return str(value)
        case Cost():
            return {
                **{field.name: _plain(getattr(value, field.name)) for field in attrs.fields(Cost)},
                "text": str(value),
            }
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    if attrs.has(type(value)):
        return {field.name: _plain(getattr(value, field.name)) for field in attrs.fields(type(value))}
    return str(value)
