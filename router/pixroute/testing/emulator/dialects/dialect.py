"""What a dialect does, and what several of them share."""

import base64
import binascii
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

from pixroute.testing.emulator import pictures
from pixroute.testing.emulator.wire import Answer, http_date

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pixroute.testing.emulator.call import ReceivedCall
    from pixroute.testing.emulator.order import Order, Sheet


class Dialect(Protocol):
    """Reads calls into orders and tells the pictures."""

    @property
    def voice(self) -> str:
        """Whose errors it speaks: "google", "openai", "ark", "gateway" or "chat"."""
        ...

    def read(self, call: "ReceivedCall") -> "Order":
        """Read a call, or raise `Rejected`; a KeyError, TypeError and their like count as a malformed call."""
        ...

    def render(self, order: "Order", sheets: "Sequence[Sheet]") -> Answer:
        """Tell the pictures made."""
        ...


def json_answer(body: Any, *, status: int = 200, headers: "Mapping[str, str] | None" = None) -> Answer:
    """Answer with JSON, dated."""
    fields = {"Content-Type": "application/json", "Date": http_date(), **(headers or {})}
    return Answer(status=status, headers=fields, body=json.dumps(body, ensure_ascii=False).encode())


def now() -> int:
    """Seconds since the epoch, for the `created` that answers carry."""
    return int(time.time())


def decode_picture(text: str) -> tuple[int, int] | None:
    """Measure a picture sent as base64, or return None."""
    try:
        return pictures.measure(base64.b64decode(text, validate=True))
    except binascii.Error:
        return None
