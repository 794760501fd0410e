"""`/v1/chat/completions`: the picture as a data URI in Markdown (upstreams §3.2)."""

from typing import TYPE_CHECKING, Any

from pixroute.testing.emulator.dialects.dialect import json_answer, now
from pixroute.testing.emulator.envelopes import gateway
from pixroute.testing.emulator.models import RETIRED, family
from pixroute.testing.emulator.order import Order, Rejected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Sheet
    from pixroute.testing.emulator.wire import Answer


class Chat:
    """The aggregator's chat-compatible route; it has no size control: always 1024x1024."""

    voice = "chat"

    def read(self, call: "ReceivedCall") -> Order:
        """Take the text of the last message for the prompt."""
        if family(call.model) != "banana" or call.model in RETIRED:
            raise Rejected(404, gateway(f"The model `{call.model}` does not exist", "model_not_found"))
        content = call.json["messages"][-1]["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        prompt = " ".join(part["text"] for part in parts if part["type"] == "text")
        return Order(model=call.model, prompt=prompt, width=1024, height=1024)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> "Answer":
        """Tell the pictures in the assistant's text."""
        return json_answer(completion("\n".join(f"![image]({sheet.data_uri})" for sheet in sheets), order.model))


def completion(text: str | None, model: str = "{model}") -> dict[str, Any]:
    """A chat completion that says `text`."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-emulated",
        "object": "chat.completion",
        "created": now(),
        "model": model,
        "choices": [choice],
    }
