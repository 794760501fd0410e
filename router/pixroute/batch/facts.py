"""How an item ended, as the journal keeps it and the manifest tells it: pure, and without a prompt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from pixroute.cost import Cost
from pixroute.errors import RequestFailed
from pixroute.result import Image, ImageResult
from pixroute.routing.record import AttemptRecord, Record


@frozen
class KeptPicture:
    """A picture on disk: `role` is "picture", "extra" (paid for beside it) or "rejected" (paid for, not accepted)."""

    image: Image
    path: Path
    role: str


def delivered(result: ImageResult, kept: Sequence[KeptPicture], folder: Path) -> dict[str, Any]:
    """Tell of an item that brought pictures."""
    return {
        "cost": _cost(result.cost),
        "fell_back": result.fell_back,
        "missing": len(result.missing),
        "pictures": _pictures(kept, folder),
        "adjustments": [str(adjustment) for adjustment in result.adjustments],
        **_record(result.record),
    }


def undelivered(error: RequestFailed | ValueError, kept: Sequence[KeptPicture], folder: Path) -> dict[str, Any]:
    """Tell of an item that brought none."""
    facts: dict[str, Any] = {"error": type(error).__name__, "pictures": _pictures(kept, folder)}
    if isinstance(error, RequestFailed):
        facts |= {"cost": _cost(error.cost), "retryable": error.retryable, **_record(error.record)}
    return facts


def _pictures(kept: Iterable[KeptPicture], folder: Path) -> list[dict[str, Any]]:
    return [
        {
            "path": str(each.path.relative_to(folder) if each.path.is_relative_to(folder) else each.path),
            "role": each.role,
            "provider": each.image.provider,
            "model": each.image.model,
            "format": each.image.format,
            "width": each.image.width,
            "height": each.image.height,
            "cost": _cost(each.image.cost),
        }
        for each in kept
    ]


def _record(record: Record) -> dict[str, Any]:
    return {
        "request": record.request_id,
        "chain": record.chain,
        "seconds": round(record.seconds, 3),
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }


def _attempt(attempt: AttemptRecord) -> dict[str, Any]:
    return {
        "provider": attempt.provider,
        "end": str(attempt.kind or "picture"),
        "billing": str(attempt.billing),
        "seconds": round(attempt.seconds, 3),
        "provider_request_id": attempt.provider_request_id,
    }


def _cost(cost: Cost) -> dict[str, str | None]:
    amounts = {"certain": cost.certain, "possible": cost.possible}
    return {
        **{name: None if amount is None else str(amount) for name, amount in amounts.items()},
        "currency": cost.currency,
    }
