"""Aggregators that answer with a task's id, in three spellings (facts: sub2api's document; the others second hand)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.dialects.openai_images import EmulatedOpenAIImages
from pixroute.testing.emulator.envelopes import openai
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.dialects.dialect import Dialect
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

DAY = 86_400.0


class Sub2api:
    """Takes what the synchronous routes take."""

    voice = "image-tasks"
    working, done = "processing", "completed"

    def read(self, call: "ReceivedCall") -> Order:
        """Read it as OpenAI does."""
        order = EmulatedOpenAIImages().read(evolve(call, route="edits" if call.route == "tasks-edits" else "images"))
        return evolve(order, as_url=True, lifetime=DAY)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":  # noqa: ARG002 - URLs alone are told
        """Keep the URLs for the poll."""
        return json_answer([sheet.url for sheet in sheets])

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - nothing of it is told
        """Name the task."""
        poll = f"/v1/images/tasks/{job.id}"
        head = {"id": job.id, "task_id": job.id, "object": "image.generation.task", "status": self.working}
        return json_answer({**head, "poll_url": poll}, status=202, headers={"Location": poll, "Retry-After": "3"})

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - there are only polls
        """Tell the state, and with the last the pictures or the error."""
        if job.answer is None:
            return json_answer(self.state(job.id, self.working))
        told = json.loads(job.answer.body)
        if isinstance(told, list):
            return json_answer(self.state(job.id, self.done, urls=told))
        return json_answer(self.state(job.id, "failed", error=told.get("error", told)))

    def state(self, id_: str, word: str, *, urls: list[str] | None = None, error: Any = None) -> Any:
        """Write a poll's answer."""
        said: dict[str, Any] = {"id": id_, "task_id": id_, "object": "image.generation.task", "status": word}
        if urls is not None:
            said["result"] = {"created": 1, "data": [{"url": url} for url in urls]}
        return {**said, "error": error} if error else said


class Evolink(Sub2api):
    """Takes JSON; its URLs stand in a list."""

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - nothing of it is told
        """Name the task."""
        return json_answer({"id": job.id, "object": "image.generation.task", "progress": 0, "status": "pending"})

    def state(self, id_: str, word: str, *, urls: list[str] | None = None, error: Any = None) -> Any:
        """Write a poll's answer."""
        said = {"id": id_, "object": "image.generation.task", "progress": 50 if urls is None else 100, "status": word}
        return said | ({"results": urls} if urls is not None else {}) | ({"error": error} if error else {})


class Apimart(Evolink):
    """Takes shapes and classes as words, and data URIs beside the prompt; wraps its answers."""

    def read(self, call: "ReceivedCall") -> Order:
        """Take a shape."""
        wanted = call.json
        shape, resolution = wanted.get("size", "1:1"), wanted.get("resolution", "1K").upper()
        if shape not in sizes.BANANA_1K or resolution not in sizes.SCALES:
            raise Rejected(400, openai("size must be a ratio", "invalid_request_error", "invalid_value", "size"))
        for one in wanted.get("image_urls", []):
            if not one.startswith("https://") and not decode_picture(one.partition(";base64,")[2]):
                raise Rejected(400, openai("image_urls: no picture", "invalid_request_error", "invalid_value"))
        width, height = sizes.banana_size(shape, resolution)
        return Order(model=call.model, prompt=wanted["prompt"], width=width, height=height, as_url=True, lifetime=DAY)

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - nothing of it is told
        """Name the task, in a list."""
        return json_answer({"code": 200, "data": [{"status": "submitted", "task_id": job.id}]})

    def state(self, id_: str, word: str, *, urls: list[str] | None = None, error: Any = None) -> Any:
        """Write a poll's answer."""
        result = {} if urls is None else {"result": {"images": [{"url": [url]} for url in urls]}}
        return {"code": 200, "data": {"id": id_, "status": word, **result, **({"error": error} if error else {})}}


def _dialect(call: "ReceivedCall") -> "Dialect":
    return next((made() for name, made in _OTHERS.items() if call.route.startswith(name)), Sub2api())


_OTHERS: dict[str, type[Sub2api]] = {"evolink": Evolink, "apimart": Apimart}
_BUSY = "Upstream is overloaded, please try again later"

TASKS = Service(
    name="image-tasks",
    routes=(
        ("POST", "/v1/images/generations/async", "tasks"),
        ("POST", "/v1/images/edits/async", "tasks-edits"),
        ("GET", "/v1/images/tasks/{id}", "tasks-poll"),
        ("POST", "/evolink/v1/images/generations", "evolink"),
        ("GET", "/evolink/v1/tasks/{id}", "evolink-poll"),
        ("POST", "/apimart/v1/images/generations", "apimart"),
        ("GET", "/apimart/v1/tasks/{id}", "apimart-poll"),
    ),
    follow_ups=frozenset({"tasks-poll", "evolink-poll", "apimart-poll"}),
    dialect=_dialect,
    errors={
        "overloaded": (503, openai(_BUSY, "server_error")),
        "rate-limited": (429, openai("Too many requests.", "rate_limit_error", "rate_limit_exceeded")),
        "quota": (402, openai("Insufficient balance.", "insufficient_quota", "insufficient_quota")),
        "bad-key": (401, openai("Invalid API key", "authentication_error", "invalid_api_key")),
        "forbidden": (403, openai("This key may not use the model.", "permission_error")),
        "model-gone": (404, openai("The model '{model}' does not exist.", "invalid_request_error", "model_not_found")),
        "invalid": (400, openai("Invalid size.", "invalid_request_error", "invalid_value", "size")),
        "server-error": (502, openai("Upstream request failed", "api_error")),
    },
    refusals={
        "task": (400, openai("Rejected by the safety system.", "image_generation_user_error", "moderation_blocked"))
    },
    bills_refusals=False,
    empty=(200, []),
    failed=(502, openai("Upstream request failed", "api_error")),
    lost=(404, openai("image task not found", "invalid_request_error")),
)
