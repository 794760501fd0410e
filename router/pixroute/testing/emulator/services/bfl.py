"""Black Forest Labs: a job, a polling URL on a host of its own, moderation as a status (facts: Vercel's adapter, V)."""

import json
from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING

from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer

TEN_MINUTES = 600.0
MOST_REFERENCES = 10
# Credits of a cent for the first megapixel and for each more.
CREDITS = {"flux-2-pro": ("3", "1.5"), "flux-2-max": ("7", "3"), "flux-2-flex": ("5", "5")}


def detail(status: int, message: str) -> Wording:
    """Its envelope."""
    return status, {"detail": message}


def _status(word: str) -> Wording:
    return 200, {"status": word, "result": None}


class Flux:
    """Takes sides or a shape, and pictures to begin from."""

    voice = "bfl"

    def read(self, call: "ReceivedCall") -> Order:
        """Validate as it does."""
        wanted = call.json
        width, height = int(wanted.get("width", 1024)), int(wanted.get("height", 1024))
        if width % 16 or height % 16 or min(width, height) < 64 or width * height > 4 * 1024 * 1024:
            raise Rejected(*detail(422, "width and height must be multiples of 16, at most 4 megapixels"))
        names = ["input_image", *(f"input_image_{number}" for number in range(2, MOST_REFERENCES + 1))]
        for name in names:
            if name in wanted and not wanted[name].startswith("https://") and decode_picture(wanted[name]) is None:
                raise Rejected(*detail(422, f"{name} is no picture"))
        return Order(
            model=call.model,
            prompt=wanted["prompt"],
            width=width,
            height=height,
            mime=f"image/{wanted.get('output_format', 'jpeg')}",
            as_url=True,
            lifetime=TEN_MINUTES,
        )

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell what is new once it is ready."""
        return json_answer({"status": "Ready", "result": {"sample": sheets[0].url, "prompt": order.prompt, "seed": 42}})

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":
        """Give the polling URL and the cost."""
        order = job.exchange.order
        megapixels = (Decimal(order.width * order.height) / (1024 * 1024)).quantize(Decimal(1), ROUND_UP)
        first, more = map(Decimal, CREDITS.get(call.model, ("1.4", "0")))
        told = {
            "id": job.id,
            "polling_url": f"{job.origin}/v1/get_result?id={job.id}",
            "cost": float(first + (megapixels - 1) * more),
            "input_mp": 0.0,
            "output_mp": float(megapixels),
        }
        return json_answer(told)

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> "Answer":  # noqa: ARG002 - there is one such route
        """Answer a poll."""
        answer = job.answer
        new = json.loads(answer.body) if answer else {"status": "Pending", "result": None}
        return json_answer({"id": job.id, "progress": None, "details": None, **new})


BFL = Service(
    name="bfl",
    routes=(
        ("POST", r"/v1/{model:flux-[\w.-]+}", "bfl"),
        ("GET", "/v1/get_result", "bfl-poll"),
    ),
    follow_ups=frozenset({"bfl-poll"}),
    dialect=lambda _: Flux(),
    keys=(("x-key", ""),),
    errors={
        "overloaded": detail(503, "Service unavailable, please try again later."),
        "rate-limited": detail(429, "Too many active tasks."),
        "quota": detail(402, "Insufficient credits"),
        "bad-key": detail(403, "Not authenticated - Invalid Authentication"),
        "forbidden": detail(403, "Access to this model is not allowed."),
        "model-gone": detail(404, "Not Found"),
        "invalid": detail(422, "width must be a multiple of 16"),
        "server-error": detail(500, "Internal Server Error"),
    },
    refusals={"request": _status("Request Moderated"), "content": _status("Content Moderated")},
    empty=(200, {"status": "Ready", "result": {"sample": None}}),
    failed=_status("Error"),
    lost=(404, {"id": "{id}", "status": "Task not found", "result": None}),
)
