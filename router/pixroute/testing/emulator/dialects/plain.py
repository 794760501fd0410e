"""The routes that make nothing: downloads of results, and the list of models."""

from typing import TYPE_CHECKING

from pixroute.testing.emulator.dialects.dialect import json_answer
from pixroute.testing.emulator.models import GEMINIS, GPT_IMAGES, GROKS, NANO_BANANAS, SEEDREAMS
from pixroute.testing.emulator.order import Order, Rejected
from pixroute.testing.emulator.wire import Answer, http_date

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.files import Files
    from pixroute.testing.emulator.order import Sheet


class Download:
    """`GET /files/{name}`: no key, and 403 when its time is over, as object stores answer."""

    voice = "gateway"

    def __init__(self, files: "Files") -> None:
        self._files = files

    def read(self, call: "ReceivedCall") -> Order:
        """Find the file; its name stands in for the prompt."""
        sheet = self._files.get(call.target["name"])
        if sheet is None:
            raise Rejected(403, {"Code": "AccessDenied", "Message": "Request has expired", "RequestId": "{id}"})
        return Order(model="", prompt=call.target["name"], width=sheet.width, height=sheet.height)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> Answer:  # noqa: ARG002 - one of its kind
        """Send the bytes."""
        headers = {"Content-Type": sheets[0].mime, "Date": http_date()}
        return Answer(headers=headers, body=sheets[0].data)


class ModelList:
    """`GET /v1/models`: what a key check asks, for it costs nothing."""

    voice = "gateway"

    def read(self, call: "ReceivedCall") -> Order:  # noqa: ARG002 - nothing to read
        """Accept any call."""
        return Order(model="", prompt="", width=0, height=0)

    def render(self, order: Order, sheets: "Sequence[Sheet]") -> Answer:  # noqa: ARG002 - the same for all
        """List every model."""
        names = sorted({*NANO_BANANAS, *GEMINIS, *SEEDREAMS, *GPT_IMAGES, *GROKS})
        listed = [{"id": name, "object": "model", "created": 1795305600, "owned_by": "emulator"} for name in names]
        return json_answer({"object": "list", "data": listed})
