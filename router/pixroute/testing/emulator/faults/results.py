"""Faults of the picture and of the document that carries it: 200, made, billed, and not what was asked."""

import asyncio
import base64
import zlib
from functools import partial
from typing import TYPE_CHECKING

from attrs import evolve

from pixroute.testing.emulator.faults.refusals import NO_PICTURE
from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.sizes import parse_pixels
from pixroute.testing.emulator.wire import Answer, WireDelivery, http_date

if TYPE_CHECKING:
    from collections.abc import Callable

    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.order import Order, Sheet

MEGABYTE = 1024 * 1024
_PAGE = b"<html><body>This is not the picture you are looking for.</body></html>"


async def _slow(exchange: "EmulatedExchange") -> Answer:
    await exchange.after()
    return await exchange.deliver(exchange.order, factor=exchange.option("factor"))


async def _changed_order(exchange: "EmulatedExchange", change: "Callable[[EmulatedExchange], Order]") -> Answer:
    await exchange.after()
    return await exchange.deliver(change(exchange))


async def _changed_sheets(exchange: "EmulatedExchange", change: "Callable[[Sheet], Sheet]") -> Answer:
    await exchange.after()
    sheets = await exchange.make(exchange.order)
    return await exchange.render(exchange.order, [change(sheet) for sheet in sheets])


def _other_size(exchange: "EmulatedExchange") -> "Order":
    order = exchange.order
    width, height = parse_pixels(exchange.option("to")) or (order.width // 2, order.height // 2)
    return evolve(order, width=width, height=height)


def _with_data(sheet: "Sheet", data: bytes) -> "Sheet":
    return evolve(sheet, data=data, base64=base64.b64encode(data).decode())


def _other_mime(sheet: "Sheet") -> "Sheet":
    return evolve(sheet, mime="image/jpeg" if sheet.mime == "image/png" else "image/png")


def _broken_base64(sheet: "Sheet") -> "Sheet":
    middle = len(sheet.base64) // 2
    return evolve(sheet, base64=f"{sheet.base64[:middle]}!{sheet.base64[middle + 1 :]}")


async def _zeros(exchange: "EmulatedExchange", *, compressed: bool) -> Answer:
    await exchange.after()
    exchange.begin(exchange.order)
    size = int(exchange.option("megabytes") * MEGABYTE)
    body = await asyncio.to_thread(_zipped if compressed else _plain, size)
    encoding = {"Content-Encoding": "gzip"} if compressed else {}
    headers = {"Content-Type": "application/json", "Date": http_date(), **encoding}
    return Answer(headers=headers, body=body, delivery=WireDelivery(framing="chunked"))


def _plain(size: int) -> bytes:
    return b'{"data":[{"b64_json":"%b"}]}' % (b"A" * size)


def _zipped(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    pieces = [b'{"data":[{"b64_json":"', *[b"A" * MEGABYTE] * (size // MEGABYTE), b'"}]}']
    return b"".join([packer.compress(piece) for piece in pieces]) + packer.flush()


def _order(summary: str, change: "Callable[[EmulatedExchange], Order]") -> FaultKind:
    return FaultKind(summary=summary, act=partial(_changed_order, change=change))


def _sheet(summary: str, change: "Callable[[Sheet], Sheet]") -> FaultKind:
    return FaultKind(summary=summary, act=partial(_changed_sheets, change=change))


_RESULTS = NO_PICTURE | {
    "slow": FaultKind(summary="takes `factor` times as long", act=_slow, options={"factor": 4.0}),
    "wrong-size": FaultKind(
        summary="a picture of half the width and height, or of the WxH in `to`",
        act=partial(_changed_order, change=_other_size),
        options={"to": ""},
    ),
    "several-images": FaultKind(
        summary="`drafts` smaller pictures come before the right one",
        act=partial(_changed_order, change=lambda x: evolve(x.order, drafts=int(x.option("drafts")))),
        options={"drafts": 2.0},
    ),
    "text-url": _order(
        "a URL where a picture was due, in a native answer inside a text part",
        lambda x: evolve(x.order, form="text-url", as_url=True),
    ),
    "markdown": _order(
        "a native answer with a Markdown data URI inside a text part", lambda x: evolve(x.order, form="markdown")
    ),
    "expired-url": _order(
        "a URL, as in text-url, that is over when it arrives",
        lambda x: evolve(x.order, form="text-url", as_url=True, lifetime=0.0),
    ),
    "data-uri": _sheet("a data URI's head before the base64", lambda sheet: evolve(sheet, base64=sheet.data_uri)),
    "bad-base64": _sheet("a letter in the middle of the base64 that is none", _broken_base64),
    "truncated-base64": _sheet("base64 without its end", lambda sheet: evolve(sheet, base64=sheet.base64[:-3])),
    "not-an-image": _sheet("a page of HTML where a picture was due", lambda sheet: _with_data(sheet, _PAGE)),
    "truncated-image": _sheet(
        "the first half of a picture", lambda sheet: _with_data(sheet, sheet.data[: len(sheet.data) // 2])
    ),
    "wrong-mime": _sheet("PNG called JPEG, or the other way about", _other_mime),
    "gzip-bomb": FaultKind(
        summary="a small gzip body that inflates to `megabytes`",
        act=partial(_zeros, compressed=True),
        options={"megabytes": 300.0},
    ),
    "huge-body": FaultKind(
        summary="a body of `megabytes`", act=partial(_zeros, compressed=False), options={"megabytes": 100.0}
    ),
}

RESULTS = {name: evolve(kind, late=True) for name, kind in _RESULTS.items()}
