"""What a dialect is: how a body becomes a wish, and how a result, a failure and a stream are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from attrs import frozen

from pixroute.request import Reference
from pixroute.result import Image
from pixroute.serve.answer import Answer
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
    """One way of asking; `sign` keeps its streams alive."""

    @property
    def sign(self) -> bytes:
        """Give what its clients skip in a stream."""
        ...

    def pictures(self, fields: Mapping[str, Any], /) -> list[Reference | str]:
        """Find the reference pictures of a body; URLs stay text. Raises `Refused`."""
        ...

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk, /) -> Asked:
        """Read a body's fields; raises `Refused`."""
        ...

    def answer(self, result: Answer, asked: Asked, links: Links, /) -> Document:
        """Write a result."""
        ...

    def problem(self, problem: Problem, /) -> dict[str, Any]:
        """Write a failure."""
        ...

    def progress(self, told: Mapping[str, Any], /) -> Event | None:
        """Write what happens meanwhile, for a stream; None: this dialect has no word for it."""
        ...

    def completed(self, result: Answer, asked: Asked, links: Links, /) -> Iterator[Event]:
        """Write the last events of a stream that brought pictures."""
        ...

    def failed(self, problem: Problem, /) -> Iterator[Event]:
        """Write the last events of a stream that did not."""
        ...


def truth(result: Answer, asked: Asked) -> dict[str, Any]:
    """Give what only we tell, the same in every dialect: it stands under `pixroute`."""
    return {
        "provider": result.image.provider,
        "model": result.image.model,
        "request_id": result.request_id,
        "cost": money(result.cost),
        "fell_back": result.fell_back,
        "adjustments": list(result.adjustments),
        "missing": list(result.missing),
        "notes": list(asked.notes),
    }


def headers(result: Answer) -> dict[str, str]:
    """Give the headers of an answer with pictures."""
    return {
        "x-pixroute-provider": result.image.provider,
        "x-pixroute-fell-back": str(result.fell_back).lower(),
        **described(result.cost, result.request_id),
    }


def usage_of(result: Answer) -> dict[str, Any]:
    """Give the usage as OpenRouter tells it: tokens where they are known, and the cost in dollars."""
    usage = result.usage or {}
    pairs = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens", "total_tokens": "total_tokens"}
    found: dict[str, Any] = {}
    for name, other in pairs.items():
        value = usage.get(name, usage.get(other))
        found[name] = value if isinstance(value, int) and not isinstance(value, bool) else 0
    if result.cost.certain is not None and result.cost.currency == "USD":
        found["cost"] = float(result.cost.certain)
    return found
