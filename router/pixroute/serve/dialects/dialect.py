"""What a dialect is: how a body becomes a wish, and how a result, a failure and a stream are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from attrs import frozen

from pixroute.request import Reference
from pixroute.result import Image, ImageResult
from pixroute.serve.asked import Asked, Desk
from pixroute.serve.document import Document
from pixroute.serve.problem import Problem, described, money

Links = Mapping[Image, str]
"""The URLs of pictures that lie in the store."""


@frozen(kw_only=True)
class Event:
    """One event of a stream; without a name only its data are sent."""

    document: Document
    name: str | None = None


class Dialect(Protocol):
    """One way of asking."""

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk) -> Asked:
        """Read a body's fields; raises `Refused`."""
        ...

    def answer(self, result: ImageResult, asked: Asked, links: Links) -> Document:
        """Write a result."""
        ...

    def problem(self, problem: Problem) -> dict[str, Any]:
        """Write a failure."""
        ...

    def progress(self, told: Mapping[str, Any]) -> Event | None:
        """Write what happens meanwhile, for a stream; None: this dialect has no word for it."""
        ...

    def completed(self, result: ImageResult, asked: Asked, links: Links) -> Iterator[Event]:
        """Write the last events of a stream that brought pictures."""
        ...

    def failed(self, problem: Problem) -> Iterator[Event]:
        """Write the last events of a stream that did not."""
        ...


def truth(result: ImageResult, asked: Asked) -> dict[str, Any]:
    """Give what only we tell, the same in every dialect: it stands under `pixroute`."""
    return {
        "provider": result.provider,
        "model": result.model,
        "request_id": result.record.request_id,
        "cost": money(result.cost),
        "fell_back": result.fell_back,
        "adjustments": [str(one) for one in result.adjustments],
        "missing": [
            {"part": one.part, "kind": one.failure.kind.value, "message": one.failure.message} for one in result.missing
        ],
        "notes": list(asked.notes),
    }


def headers(result: ImageResult) -> dict[str, str]:
    """Give the headers of an answer with pictures."""
    return {
        "x-pixroute-provider": result.provider,
        "x-pixroute-fell-back": str(result.fell_back).lower(),
        **described(result.cost, result.record.request_id),
    }
