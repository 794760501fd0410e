"""How fal's queue is asked, and what its results and errors look like (docs/provider-types.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Literal

from attrs import evolve

from pixroute import Billing, Failure, FailureKind, ImageRequest, Size, Stage
from pixroute.dialects.references import data_uri_of
from pixroute.http import Call, Item, Reply, declined, failure_from

Words = Literal["sides", "class"]
"""How a model is told the size: by `image_size` in sides, or by `resolution` and `aspect_ratio`."""

GATEWAY_TIMEOUT = 504


def call(request: ImageRequest, *, app: str, words: Words) -> Call:
    """Submit a job; references go as data URIs, which fal takes wherever it takes URLs."""
    body: dict[str, Any] = {"prompt": request.prompt, **_size(request.size or Size("1K"), words)}
    body["num_images"] = request.n
    if request.output_format:
        body["output_format"] = request.output_format
    if request.references:
        body["image_urls"] = [data_uri_of(reference) for reference in request.references]
    return Call.post(app, json=body)


def _size(size: Size, words: Words) -> dict[str, Any]:
    if words == "sides":
        width, height = size.nominal()
        return {"image_size": {"width": width, "height": height}}
    shape = {"aspect_ratio": "{}:{}".format(*size.aspect_ratio)} if size.aspect_ratio else {}
    return {"resolution": size.resolution, **shape}


def pictures(reply: Reply, *, who: str) -> Sequence[Item]:
    """Give the URLs of a result; a flagged one is a refusal, of which fal does not say whether it is billed."""
    held = reply.json["images"] if "images" in reply.json else [reply.json["image"]]
    flags = reply.json.get("has_nsfw_concepts") or ()
    return list(_items(held, flags, reply, who))


def _items(held: Sequence[Any], flags: Sequence[Any], reply: Reply, who: str) -> Iterator[Item]:
    for image, flag in zip_longest(held, flags[: len(held)]):
        if flag is True:
            yield _withheld(reply, who)
        else:
            yield image["url"]


def _withheld(reply: Reply, who: str) -> Failure:
    return declined("has_nsfw_concepts", reply, who=who, billing=Billing.AMBIGUOUS)


def told(reply: Reply, *, who: str) -> Failure:
    """Judge a job that ended in an error, by its `error_type` (in the body, or a header) and its words."""
    body = reply.json if isinstance(reply.json, dict) else {}
    error = {
        "type": body.get("error_type") or reply.headers.get("x-fal-error-type"),
        "message": body.get("error") or body.get("detail"),
    }
    return failure_from(evolve(reply, json={"error": error}), stage=Stage.WAIT, who=who)


def judged(reply: Reply, *, who: str) -> Failure | None:
    """Find what is fal's alone: a result of which all is flagged, and a 504 of its own, told by headers.

    It does not say whether either is billed. None: anything else, a 504 of somebody on the way too.
    """
    flags = reply.json.get("has_nsfw_concepts") if reply.ok and isinstance(reply.json, dict) else None
    if flags and isinstance(flags, list) and all(flag is True for flag in flags):
        return _withheld(reply, who)
    if reply.status != GATEWAY_TIMEOUT:
        return None
    if "x-fal-request-timeout-type" in reply.headers:
        return Failure(
            kind=FailureKind.TIMEOUT,
            message=f"{who} stopped at the limit that the request itself set.",
            advice="Raise or drop the header `X-Fal-Request-Timeout`.",
            stage=Stage.WAIT,
            status=reply.status,
            billing=Billing.AMBIGUOUS,
        )
    if "x-fal-request-id" in reply.headers or "x-fal-error-type" in reply.headers:
        return evolve(told(reply, who=who), billing=Billing.AMBIGUOUS)
    return None
