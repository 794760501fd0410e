"""fal's queue: a job by POST, polls by its URLs, the result by another (facts: fal's own client)."""

import json
from typing import TYPE_CHECKING, Any

from attrs import evolve

from pixroute.testing.emulator import sizes
from pixroute.testing.emulator.dialects.dialect import decode_picture, json_answer
from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.services.service import Service, Wording
from pixroute.testing.emulator.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.jobs import EmulatedJob
    from pixroute.testing.emulator.order import Sheet

PRESETS = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
HOUR = 3600.0


def detail(status: int, message: str, type_: str | None = None, *loc: str) -> Wording:
    """One of its two envelopes: a sentence, or a list of what is wrong with which field."""
    if type_ is None:
        return status, {"detail": message}
    return status, {"detail": [{"loc": ["body", *loc], "msg": message, "type": type_}]}


class FalQueue:
    """Takes a job for the app that the path names."""

    voice = "fal"

    def read(self, call: "ReceivedCall") -> Order:
        """Take a preset or sides; references come as URLs, data URIs included."""
        wanted = call.json
        if not isinstance(wanted.get("prompt"), str):
            raise Rejected(*detail(422, "Field required", "missing", "prompt"))
        width, height = _sides(wanted)
        if not 64 <= min(width, height) <= max(width, height) <= 14142:
            raise Rejected(*detail(422, "Input should be at most 14142", "less_than_equal", "image_size"))
        for url in (*wanted.get("image_urls", []), *([wanted["image_url"]] if "image_url" in wanted else [])):
            if not url.startswith("https://") and decode_picture(url.partition(";base64,")[2]) is None:
                raise Rejected(*detail(422, "Could not load the image", "image_load_error", "image_urls"))
        count = int(wanted.get("num_images", 1))
        if not 1 <= count <= 4:
            raise Rejected(*detail(422, "Input should be at most 4", "less_than_equal", "num_images"))
        return Order(
            model=call.target["app"],
            prompt=wanted["prompt"],
            width=width,
            height=height,
            count=count,
            mime=f"image/{wanted.get('output_format', 'jpeg')}",
            as_url=True,
            lifetime=HOUR,
        )

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> Answer:
        """Tell the result: URLs on the delivery host."""
        images = [
            {"url": s.url, "width": s.width, "height": s.height, "content_type": s.mime, "file_size": len(s.data)}
            for s in sheets
        ]
        safe = [False] * len(sheets)
        return json_answer({"images": images, "seed": 42, "has_nsfw_concepts": safe, "prompt": order.prompt})

    async def taken(self, job: "EmulatedJob", call: "ReceivedCall") -> Answer:
        """Give the three URLs; they name the app's owner and alias only, not its whole path."""
        owner, alias = call.target["app"].split("/")[:2]
        own = f"{job.origin}/{owner}/{alias}/requests/{job.id}"
        urls = {"response_url": own, "status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}
        return json_answer({"status": "IN_QUEUE", "request_id": job.id, **urls, "queue_position": 0})

    def told(self, job: "EmulatedJob", call: "ReceivedCall") -> Answer:
        """Answer a poll, the asking for the result, a cancellation."""
        if call.route == "fal-cancel":
            agreed = job.cancel()
            body = {"status": "CANCELLATION_REQUESTED" if agreed else "ALREADY_COMPLETED"}
            return json_answer(body, status=202 if agreed else 400)
        if call.route == "fal-result":
            return job.answer or json_answer({"detail": "Request is still in progress"}, status=400)
        if job.answer is None:
            waits = (
                {"status": "IN_QUEUE", "queue_position": 0}
                if job.state == "queued"
                else {"status": "IN_PROGRESS", "logs": []}
            )
            return json_answer({"request_id": job.id, **waits}, status=202)
        return json_answer(
            {"status": "COMPLETED", "request_id": job.id, "logs": [], "metrics": {}, **_error_of(job.answer)}
        )


def _sides(wanted: dict[str, Any]) -> tuple[int, int]:
    if "resolution" in wanted:  # Nano Banana is told its class and shape
        return sizes.banana_size(wanted.get("aspect_ratio", "1:1"), wanted["resolution"])
    size = wanted.get("image_size", "landscape_4_3")
    return PRESETS[size] if isinstance(size, str) else (int(size["width"]), int(size["height"]))


def _error_of(answer: Answer) -> dict[str, Any]:
    told = json.loads(answer.body)
    return {name: told[name] for name in ("error", "error_type") if name in told} if answer.status >= 500 else {}


async def _flagged(exchange: "EmulatedExchange") -> Answer:
    answer = await exchange.deliver(exchange.order)
    told = json.loads(answer.body)
    told["has_nsfw_concepts"] = [True, *told["has_nsfw_concepts"][1:]]
    return evolve(answer, body=json.dumps(told).encode())


async def _own_limit(exchange: "EmulatedExchange") -> Answer:
    await exchange.after()
    return exchange.error(504, {"detail": "Request timed out"}, {"X-Fal-Request-Timeout-Type": "user"})


async def _runner_late(exchange: "EmulatedExchange") -> Answer:
    await exchange.after()
    body = {"detail": "Request timed out", "error_type": "request_timeout"}
    return exchange.error(504, body, {"x-fal-error-type": "request_timeout"})


_RUN = r"/{owner:[\w-]+}/{alias:[\w.-]+}/requests/{id}"

FAL = Service(
    name="fal",
    routes=(
        ("GET", f"{_RUN}/status", "fal-poll"),
        ("PUT", f"{_RUN}/cancel", "fal-cancel"),
        ("GET", _RUN, "fal-result"),
        ("POST", r"/{app:(?:fal-ai|bytedance|openai|google|bria|imagineart|clarityai)/[\w./-]+}", "fal"),
    ),
    follow_ups=frozenset({"fal-poll", "fal-cancel", "fal-result"}),
    dialect=lambda _: FalQueue(),
    keys=(("authorization", "Key "),),
    errors={
        "overloaded": (503, {"detail": "No capacity right now, try again later.", "error_type": "runner_unavailable"}),
        "rate-limited": detail(429, "Too many requests."),
        "quota": detail(403, "User is locked. Reason: Exhausted balance. Top up your balance."),
        "bad-key": detail(401, 'Invalid authorization credentials provided. Use "Key <key>".'),
        "forbidden": detail(403, "Cannot access application."),
        "model-gone": detail(404, "Application not found."),
        "invalid": detail(422, "Input should be a valid dictionary", "model_attributes_type", "image_size"),
        "server-error": (500, {"detail": "Internal server error", "error_type": "internal_error"}),
    },
    refusals={
        "policy": detail(
            422,
            "The content could not be processed: flagged by a content checker.",
            "content_policy_violation",
            "prompt",
        ),
    },
    bills_refusals=False,
    empty=(200, {"images": [], "seed": 42, "has_nsfw_concepts": []}),
    failed=(
        500,
        {"detail": "Runner disconnected", "error": "Runner disconnected", "error_type": "runner_disconnected"},
    ),
    lost=(404, {"detail": "Request not found"}),
    id_header="x-fal-request-id",
    faults={
        "nsfw-flag": FaultKind(
            summary="a picture comes, and beside it the flag that it was withheld", act=_flagged, late=True
        ),
        "fal-own-limit": FaultKind(summary="504 of fal: the limit that the request set itself is over", act=_own_limit),
        "fal-runner-late": FaultKind(summary="504 of fal: its runner took too long", act=_runner_late),
    },
)
