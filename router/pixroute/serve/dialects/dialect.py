"""What a dialect is: how a body becomes a wish, and how a result, a failure and a stream are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from attrs import frozen

from pixroute.request import Reference
from pixroute.result import Image
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.asked import Desk, GatewayRequest
from pixroute.serve.document import Document
from pixroute.serve.problem import GatewayProblem, described, money

Links = Mapping[Image, str]
"""The URLs of pictures that lie in the store."""


@frozen(kw_only=True)
class StreamEvent:
    """One event of a stream; without a name only its data are sent."""

    document: Document
    name: str | None = None


class GatewayDialect(Protocol):
    """One way of asking; `sign` keeps its streams alive."""

    @property
    def sign(self) -> bytes:
        """Give what its clients skip in a stream."""
        ...

    def pictures(self, fields: Mapping[str, Any], /) -> list[Reference | str]:
        """Find the reference pictures of a body; URLs stay text. Raises `Refused`."""
        ...

    def masks(self, fields: Mapping[str, Any], /) -> list[Reference | str]:
        """Find the mask, or several where somebody gives more than one; as `pictures`."""
        ...

    def read(self, fields: Mapping[str, Any], references: tuple[Reference, ...], desk: Desk, /) -> GatewayRequest:
        """Read a body's fields; raises `Refused`."""
        ...

    def answer(self, result: GatewayAnswer, asked: GatewayRequest, links: Links, /) -> Document:
        """Write a result."""
        ...

    def problem(self, problem: GatewayProblem, /) -> dict[str, Any]:
        """Write a failure."""
        ...

    def progress(self, told: Mapping[str, Any], /) -> StreamEvent | None:
        """Write what happens meanwhile, for a stream; None: this dialect has no word for it."""
        ...

    def completed(self, result: GatewayAnswer, asked: GatewayRequest, links: Links, /) -> Iterator[StreamEvent]:
        """Write the last events of a stream that brought pictures."""
        ...

    def failed(self, problem: GatewayProblem, /) -> Iterator[StreamEvent]:
        """Write the last events of a stream that did not."""
        ...


def truth(result: GatewayAnswer, asked: GatewayRequest) -> dict[str, Any]:
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


def headers(result: GatewayAnswer) -> dict[str, str]:
    """Give the headers of an answer with pictures."""
    return {
        "x-pixroute-provider": result.image.provider,
        "x-pixroute-fell-back": str(result.fell_back).lower(),
        **described(result.cost, result.request_id),
    }


def usage_of(result: GatewayAnswer) -> dict[str, Any]:
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
