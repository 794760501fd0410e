"""DashScope: Qwen-Image and Wan, at once or by a task (facts: Alibaba Cloud's page; error words second hand)."""

import json
import re
from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.dialects.dialect import Dialect
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

DAY = 86_400.0
# The first beginning that fits -> fewest and most pixels, most pictures, whether only a task makes them.
MODELS = (
    ("qwen-image-2", 512 * 512, 2048 * 2048, 6, False),
    ("qwen-image-3", 512 * 512, 2048 * 2048, 6, False),
    ("qwen-image", 1_500_000, 1_800_000, 1, True),
    ("wan2.6", 1280 * 1280, 1440 * 1440, 4, False),
    ("wan2.5", 1280 * 1280, 1440 * 1440, 4, True),
    ("wan", 512 * 512, 1440 * 1440, 4, True),
)
MAX_REFERENCES = 3


def error(status: int, code: str, message: str) -> Wording:
    """Its envelope, the same under 200."""
    return status, {"code": code, "message": message, "request_id": "{id}"}


class Messages:
    """Asked by messages, answers at once by URLs."""

    voice = "dashscope"

    def read(self, call: "ReceivedCall") -> Order:
        """Take one message of pictures and a text."""
        (message,) = call.json["input"]["messages"]
        content = message["content"]
        pictures = [one["image"] for one in content if "image" in one]
        if len(pictures) > MAX_REFERENCES or not all(decode_picture(one.partition(";base64,")[2]) for one in pictures):
            raise _invalid("The image is not valid.")
        (text,) = [one["text"] for one in content if "text" in one]
        return _order(call, text, by_task=False)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the URLs as a message's content."""
        content = [{"image": sheet.url} for sheet in sheets]
        choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": content}}
        usage = {"width": order.width, "height": order.height, "image_count": len(sheets)}
        return json_answer({"output": {"choices": [choice]}, "usage": usage, "request_id": "emulated"})


class EmulatedTasks:
    """Asked by a prompt and the header that says so, answers with a task."""

    voice = "dashscope"

    def read(self, call: "ReceivedCall") -> Order:
        """Take a prompt."""
        if call.headers.get("x-dashscope-async") != "enable":
            raise Rejected(*error(403, "AccessDenied", "current user api does not support synchronous calls."))
        return _order(call, call.json["input"]["prompt"], by_task=True)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":  # noqa: ARG002 - it tells no sides
        """Tell the results of a task that succeeded."""
        output = {"task_status": "SUCCEEDED", "results": [{"url": sheet.url} for sheet in sheets]}
        return json_answer({"output": output, "usage": {"image_count": len(sheets)}, "request_id": "emulated"})

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - nothing of it is told
        """Name the task."""
        return json_answer({"output": {"task_id": job.id, "task_status": "PENDING"}, "request_id": job.id})

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - there are only polls
        """Tell the state, and with the last the results or the error."""
        if job.answer is None:
            state = "PENDING" if job.state == "queued" else "RUNNING"
            return json_answer({"output": {"task_id": job.id, "task_status": state}, "request_id": job.id})
        told = json.loads(job.answer.body)
        if told.get("code"):
            told = {"output": {"task_status": "FAILED", "code": told["code"], "message": told["message"]}}
        return json_answer({**told, "output": {"task_id": job.id, **told["output"]}, "request_id": job.id})


def _order(call: "ReceivedCall", prompt: str, *, by_task: bool) -> Order:
    found = next((one for one in MODELS if call.model.startswith(one[0])), None)
    if found is None:
        raise Rejected(*error(404, "ModelNotFound", "Model {model} does not exist."))
    _, least, largest, most, is_async = found
    if is_async and not by_task:
        raise _invalid("url error, please check url")
    wanted = call.json.get("parameters", {})
    width, height = _pixels(wanted.get("size", "1328*1328"))
    if not least <= width * height <= largest:
        raise _invalid(f"The size must have from {least} to {largest} pixels.")
    count = int(wanted.get("n", 1))
    if not 1 <= count <= most:
        raise _invalid(f"num_images_per_prompt must be 1 to {most}")
    return Order(model=call.model, prompt=prompt, width=width, height=height, count=count, as_url=True, lifetime=DAY)


def _pixels(size: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)\*(\d+)", size)
    if match is None:
        raise _invalid("size must be width*height")
    return int(match[1]), int(match[2])


def _invalid(message: str) -> Rejected:
    return Rejected(*error(400, "InvalidParameter", message))


def _dialect(call: "ReceivedCall") -> "Dialect":
    return Messages() if call.route == "dashscope" else EmulatedTasks()


_DECLINED: dict[str, Any] = error(400, "DataInspectionFailed", "Input data may contain inappropriate content.")[1]
_BUSY = ("Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")

DASHSCOPE = Service(
    name="dashscope",
    routes=(
        ("POST", "/api/v1/services/aigc/multimodal-generation/generation", "dashscope"),
        ("POST", "/api/v1/services/aigc/text2image/image-synthesis", "dashscope-task"),
        ("GET", "/api/v1/tasks/{id}", "dashscope-poll"),
    ),
    follow_ups=frozenset({"dashscope-poll"}),
    dialect=_dialect,
    errors={
        "overloaded": error(503, "ServiceUnavailable", "The service is currently overloaded, try again later."),
        "rate-limited": error(429, *_BUSY),
        "rate-limited/under-200": error(200, *_BUSY),
        "quota": error(400, "Arrearage", "Access denied, please make sure your account is in good standing."),
        "bad-key": error(401, "InvalidApiKey", "Invalid API-key provided."),
        "forbidden": error(403, "AccessDenied", "Access denied."),
        "model-gone": error(404, "ModelNotFound", "Model {model} does not exist."),
        "invalid": error(400, "InvalidParameter", "The size is not valid."),
        "server-error": error(500, "InternalError", "An internal error has occurred."),
    },
    refusals={"inspection": (400, _DECLINED), "under-200": (200, _DECLINED)},
    empty=(200, {"output": {"task_status": "SUCCEEDED", "choices": [], "results": []}, "usage": {}}),
    failed=error(500, "InternalError.Algo", "The model failed."),
    lost=error(404, "InvalidParameter", "task not found"),
)
