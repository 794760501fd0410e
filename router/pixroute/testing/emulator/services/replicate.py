"""Replicate's predictions: one document, told at once, after a wait, or by polls (facts: its own client)."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

LONGEST_WAIT = 60.0
HOUR = 3600.0
_WORDS = {"queued": "starting", "running": "processing", "canceled": "canceled"}


def problem(status: int, title: str, detail: str) -> Wording:
    """Its envelope of an HTTP error."""
    return status, {"title": title, "detail": detail, "status": status}


def ended(error: str) -> Wording:
    """What a prediction that failed adds to its document."""
    return 200, {"status": "failed", "error": error, "output": None}


class Predictions:
    """Creates predictions and tells them."""

    voice = "replicate"

    def read(self, call: "ReceivedCall") -> Order:
        """Take the inputs of a model by its path, or of a version."""
        inputs = call.json["input"]
        model = f"{call.target['owner']}/{call.target['model']}" if "owner" in call.target else call.json["version"]
        shape = inputs.get("aspect_ratio", "1:1")
        if shape not in sizes.BANANA_1K and shape != "9:21":
            raise Rejected(*problem(422, "Input validation failed", f"- input.aspect_ratio: {shape} is not allowed"))
        for name, value in inputs.items():
            if "image" in name:
                _check(name, value)
        width, height = sizes.banana_size(shape, "1K") if shape in sizes.BANANA_1K else (640, 1536)
        wanted = inputs.get("output_format", "webp")
        mime = f"image/{'jpeg' if wanted == 'jpg' else wanted}"
        count = int(inputs.get("num_outputs", 1))
        return Order(
            model=model,
            prompt=inputs["prompt"],
            width=width,
            height=height,
            count=count,
            mime=mime,
            as_url=True,
            lifetime=HOUR,
        )

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":  # noqa: ARG002 - of pictures alone
        """Tell what is new in the document once it has succeeded."""
        output = [sheet.url for sheet in sheets]
        return json_answer({"status": "succeeded", "output": output, "error": None, "metrics": {"predict_time": 1.0}})

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":
        """Wait as long as `Prefer` says, then tell how far it is: the output may be null."""
        word, _, seconds = call.headers.get("prefer", "").partition("=")
        if word == "wait":
            patience = min(float(seconds or LONGEST_WAIT), LONGEST_WAIT)
            scale = job.exchange.studio.time_scale
            await asyncio.wait([job.work], timeout=patience * scale if scale else None)
        return _document(job, status=201)

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":
        """Answer a poll or a cancellation."""
        if call.route == "replicate-cancel":
            job.cancel()
        return _document(job)


def _document(job: "EmulatedJob", *, status: int = 200) -> "Answer":
    order, own = job.exchange.order, f"{job.origin}/v1/predictions/{job.id}"
    new: dict[str, Any] = {"status": _WORDS.get(job.state, "processing"), "output": None, "error": None}
    if job.answer is not None:
        new = json.loads(job.answer.body)
    urls = {"get": own, "cancel": f"{own}/cancel", "web": f"https://replicate.com/p/{job.id}"}
    body = {
        "id": job.id,
        "model": order.model,
        "version": "emulated",
        "input": {"prompt": order.prompt},
        "logs": "",
        "created_at": "2026-11-28T00:00:00Z",
        "urls": urls,
        **new,
    }
    return json_answer(body, status=status)


def _check(name: str, value: Any) -> None:
    for one in value if isinstance(value, list) else [value]:
        if not str(one).startswith("https://") and decode_picture(str(one).partition(";base64,")[2]) is None:
            raise Rejected(*problem(422, "Input validation failed", f"- input.{name}: Does not match format 'uri'"))


REPLICATE = Service(
    name="replicate",
    routes=(
        ("POST", r"/v1/models/{owner:[\w-]+}/{model:[\w.-]+}/predictions", "replicate"),
        ("POST", "/v1/predictions", "replicate"),
        ("GET", "/v1/predictions/{id}", "replicate-poll"),
        ("POST", "/v1/predictions/{id}/cancel", "replicate-cancel"),
    ),
    follow_ups=frozenset({"replicate-poll", "replicate-cancel"}),
    dialect=lambda _: Predictions(),
    errors={
        "overloaded": problem(503, "Service Unavailable", "The service is overloaded. Please try again later."),
        "rate-limited": problem(429, "Too Many Requests", "Request was throttled. Expected available in 1 second."),
        "quota": problem(402, "Insufficient credit", "You have insufficient credit to run this model."),
        "bad-key": problem(401, "Unauthenticated", "You did not pass a valid authentication token"),
        "forbidden": problem(403, "Forbidden", "You do not have permission to run this model."),
        "model-gone": problem(404, "Not found", "The requested resource could not be found."),
        "invalid": problem(422, "Input validation failed", "- input: prompt is required"),
        "server-error": problem(500, "Internal Server Error", "An internal error occurred."),
    },
    refusals={"nsfw": ended("NSFW content detected. Try running it again, or try a different prompt.")},
    bills_refusals=False,
    empty=(200, {"status": "succeeded", "output": [], "error": None}),
    failed=ended("Prediction interrupted; please retry (code: PA)"),
    lost=problem(404, "Not found", "The requested resource could not be found."),
)
