"""What a call asks for, and the picture made for it."""

import base64
from typing import Any

from attrs import field, frozen

from pixroute.testing.emulator.pictures import draw


@frozen(kw_only=True)
class Order:
    """A valid call for pictures, the same for every dialect.

    `drafts` are made beside the `count` pictures, smaller, and come first. `form` is where a native answer puts
    the picture: "inline", "text-url" or "markdown". `lifetime` of a result URL is in seconds. `provider` is who asks,
    where the call says so.
    """

    model: str
    prompt: str
    width: int
    height: int
    count: int = 1
    drafts: int = 0
    mime: str = "image/png"
    as_url: bool = False
    lifetime: float = 3600.0
    watermark: bool = False
    stream: bool = False
    form: str = "inline"
    provider: str = ""


@frozen(kw_only=True)
class Sheet:
    """One picture as it will be told: a fault may bend any of it. `mime` is what is claimed."""

    data: bytes = field(repr=False)
    base64: str = field(repr=False)
    mime: str
    width: int
    height: int
    draft: bool = False
    url: str = ""

    @property
    def data_uri(self) -> str:
        """The picture as a data URI."""
        return f"data:{self.mime};base64,{self.base64}"


class Rejected(Exception):
    """The call is answered with an error before anything is made."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def paint(order: Order, *, noise: bool) -> list[Sheet]:
    """Draw all pictures of an order; takes CPU time."""
    drafts = [_paint(order, noise=noise, draft=True)] * order.drafts
    return drafts + [_paint(order, noise=noise, draft=False)] * order.count


def _paint(order: Order, *, noise: bool, draft: bool) -> Sheet:
    width, height = (order.width // 2, order.height // 2) if draft else (order.width, order.height)
    data = draw(
        prompt=order.prompt,
        model=order.model,
        width=width,
        height=height,
        mime=order.mime,
        watermark=order.watermark,
        noise=noise,
    )
    encoded = base64.b64encode(data).decode()
    return Sheet(data=data, base64=encoded, mime=order.mime, width=width, height=height, draft=draft)
