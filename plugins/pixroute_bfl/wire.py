"""Black Forest Labs' dialect (docs/provider-types.md)."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from pixroute import Billing, ImageRequest, Size, Stage
from pixroute.dialects.references import base64_of
from pixroute.http import Call, Finished, Job, Progress, Queued, Reply, Running, amount_of, declined, failure_from

_STATES: dict[str, Progress] = {"Pending": Queued(), "Processing": Running(), "Ready": Finished()}
_DECLINED = ("Request Moderated", "Content Moderated")


def call(request: ImageRequest, *, model: str) -> Call:
    """Submit; reference pictures are `input_image`, `input_image_2` and so on, in base64."""
    width, height = (request.size or Size("1K")).nominal()
    body: dict[str, Any] = {"prompt": request.prompt, "width": width, "height": height}
    if request.output_format:
        body["output_format"] = request.output_format
    for number, reference in enumerate(request.references, 1):
        body["input_image" if number == 1 else f"input_image_{number}"] = base64_of(reference)
    return Call.post(model, json=body)


def accepted(reply: Reply) -> Job:
    """Read the job; its cost is told in credits of a cent."""
    credits_ = amount_of(reply.json.get("cost"))
    cost = None if credits_ is None else str(credits_.scaleb(-2))
    return Job(id=reply.json["id"], poll=reply.json["polling_url"], cost=cost)


def state(reply: Reply, *, who: str) -> Progress:
    """Read a poll; some answers call the status `state`. Whether what is moderated is billed nobody says."""
    status = reply.json.get("status") or reply.json["state"]
    if status in _STATES:
        return _STATES[status]
    if status in _DECLINED:
        return declined(status, reply, who=who, billing=Billing.AMBIGUOUS, stage=Stage.WAIT)
    if status in {"Error", "Failed"}:
        said = reply.json.get("details") or reply.json.get("result") or status
        error = {"error": {"message": said if isinstance(said, str) else status}}
        failure = failure_from(evolve(reply, json=error), stage=Stage.WAIT, who=who)
        return evolve(failure, billing=Billing.AMBIGUOUS)
    raise ValueError(f"no status that is known: {status}")  # "Task not found" among them: it is asked again
