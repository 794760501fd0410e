"""Replicate's predictions as they are asked and told (docs/provider-types.md)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from pixroute import Billing, Failure, FailureKind, ImageRequest, Stage
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call, Finished, Item, Progress, Reply, Running, failure_from

ASPECT_RATIOS = frozenset({"1:1", "16:9", "9:16", "3:2", "2:3", "4:3", "3:4", "4:5", "5:4", "21:9", "9:21"})
"""Of the FLUX models; others take most of these."""
MANY = ("black-forest-labs/flux-schnell", "black-forest-labs/flux-dev")
"""Models whose input `num_outputs` is known."""
WAIT = {"Prefer": "wait=60"}
"""The longest that it waits."""
_FORMATS = {"jpeg": "jpg"}
_ENDED = {
    "canceled": "The prediction was cancelled.",
    "aborted": "The prediction was aborted before it began or by a deadline.",
}


def is_model(text: str) -> bool:
    """Tell whether it is `owner/name`, with or without a version, or a version's id."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+(:\w+)?|[0-9a-f]{7,}", text) is not None


def call(request: ImageRequest, *, model: str, field: str, many: bool) -> Call:
    """Create a prediction: of an official model by its path, of anything else by its version."""
    inputs: dict[str, Any] = {"prompt": request.prompt}
    if request.size and request.size.aspect_ratio:
        inputs["aspect_ratio"] = "{}:{}".format(*request.size.aspect_ratio)
    if request.n > 1:
        inputs["num_outputs"] = request.n
    if request.output_format:
        inputs["output_format"] = _FORMATS.get(request.output_format, request.output_format)
    if request.references:
        pictures = [data_uri_of(reference) for reference in request.references]
        inputs[field] = pictures if many else pictures[0]
    if "/" in model and ":" not in model:
        return Call.post(f"models/{model}/predictions", json={"input": inputs}, headers=WAIT)
    return Call.post("predictions", json={"version": model.rpartition(":")[2], "input": inputs}, headers=WAIT)


def state(reply: Reply, *, who: str) -> Progress:
    """Read a prediction. `aborted` is final too; an output that is null tells nothing while it runs."""
    status = reply.json["status"]
    if status in {"starting", "processing"}:
        return Running()
    if status == "succeeded":
        return Finished()
    error = {"error": {"message": reply.json.get("error") or _ENDED.get(status, status)}}
    failure = failure_from(evolve(reply, json=error), stage=Stage.WAIT, who=who)
    # It does not say whether a prediction that failed is billed.
    billing = Billing.FREE if failure.kind is FailureKind.INVALID else Billing.AMBIGUOUS
    return _failed(failure, status, billing)


def _failed(failure: Failure, status: str, billing: Billing) -> Failure:
    known = status in {"failed", *_ENDED}
    return evolve(failure, billing=billing) if known else evolve(failure, kind=FailureKind.PROTOCOL, billing=billing)


def outputs(reply: Reply) -> Sequence[Item]:
    """Give the URLs or data URIs of the output."""
    output = reply.json["output"]
    return [output] if isinstance(output, str) else list(output)
