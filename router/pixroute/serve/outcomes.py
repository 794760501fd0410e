"""Outcomes as text, to be kept and read by another process; their pictures are kept beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from pixroute.content import Content
from pixroute.cost import Cost
from pixroute.result import Image
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.call import Outcome
from pixroute.serve.problem import GatewayProblem

_PROBLEM = ("status", "message", "kind", "type", "code", "param", "request_id")
_PICTURE = ("format", "width", "height", "provider", "model", "revised_prompt")


def written(outcome: Outcome) -> str:
    """Write it; of its pictures only what is told of them."""
    if isinstance(outcome, GatewayAnswer):
        told: dict[str, Any] = {
            "cost": _cost_told(outcome.cost),
            "request_id": outcome.request_id,
            "fell_back": outcome.fell_back,
            "adjustments": list(outcome.adjustments),
            "missing": list(outcome.missing),
            "usage": outcome.usage,
        }
        pictures = [_picture_told(image) for image in outcome.images]
        return json.dumps({"answer": told, "pictures": pictures}, default=str)
    problem = {name: getattr(outcome, name) for name in _PROBLEM}
    return json.dumps({"problem": problem | {"cost": _cost_told(outcome.cost)}})


def sizes(text: str) -> Sequence[int]:
    """Give the bytes of the pictures that belong to a text."""
    return [int(one["size"]) for one in json.loads(text).get("pictures", ())]


def read(text: str, pictures: Sequence[bytes]) -> Outcome:
    """Read one, with its pictures."""
    told = json.loads(text)
    if "problem" in told:
        fields = told["problem"]
        return GatewayProblem(**{**fields, "cost": _cost(fields["cost"])})
    fields = told["answer"]
    lists = {name: tuple(fields[name]) for name in ("adjustments", "missing")}
    images = tuple(_picture(one, data) for one, data in zip(told["pictures"], pictures, strict=True))
    return GatewayAnswer(**{**fields, **lists, "cost": _cost(fields["cost"]), "images": images})


def _picture_told(image: Image) -> dict[str, Any]:
    named = {name: getattr(image, name) for name in _PICTURE}
    return {**named, "cost": _cost_told(image.cost), "size": image.content.size}


def _picture(told: Mapping[str, Any], data: bytes) -> Image:
    named = {name: told[name] for name in _PICTURE}
    return Image(**named, cost=_cost(told["cost"]), content=Content(data))


def _cost_told(cost: Cost | None) -> Any:
    if cost is None:
        return None
    amounts = [None if one is None else str(one) for one in (cost.certain, cost.possible)]
    return [*amounts, cost.currency]


def _cost(told: Any) -> Any:
    if told is None:
        return None
    certain, possible = (None if one is None else Decimal(one) for one in told[:2])
    return Cost(certain=certain, possible=possible, currency=told[2])
