"""Faults of the wire: every one a way of delivering bytes, or not. The picture is made and billed all the same."""

from functools import partial
from math import inf
from typing import TYPE_CHECKING

from attrs import evolve

from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.wire import Answer, WireDelivery

if TYPE_CHECKING:
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.kind import Default

# Variants of the tail stall (upstreams §3.5): the whole body, chunked, and then no terminator.
TAIL_STALLS = {
    "A": WireDelivery(framing="chunked", hold=inf, terminated=False, end="fin"),
    "B": WireDelivery(framing="chunked", hold=300.0, terminated=False, end="fin"),
    "C": WireDelivery(framing="chunked", hold=30.0),
}


async def _before_answer(exchange: "EmulatedExchange", delivery: WireDelivery) -> Answer:
    exchange.begin(exchange.order)
    await exchange.after()
    return Answer(headers={"Content-Type": "application/json"}, delivery=delivery)


async def _in_answer(exchange: "EmulatedExchange", delivery: WireDelivery) -> Answer:
    answer = await exchange.deliver(exchange.order)
    await exchange.after()
    return evolve(answer, delivery=delivery)


async def _cut_inside(exchange: "EmulatedExchange", delivery: WireDelivery) -> Answer:
    return await _in_answer(exchange, evolve(delivery, end=exchange.option("how")))


async def _slow_body(exchange: "EmulatedExchange") -> Answer:
    return await _in_answer(exchange, WireDelivery(rate=exchange.option("rate")))


async def _tail_stall(exchange: "EmulatedExchange") -> Answer:
    stall = TAIL_STALLS[exchange.option("variant")]
    hold = exchange.option("hold")
    return await _in_answer(exchange, stall if hold is None else evolve(stall, hold=hold))


def _kind(summary: str, delivery: WireDelivery) -> FaultKind:
    return FaultKind(
        summary=summary, act=partial(_before_answer if delivery.head < 1 else _in_answer, delivery=delivery)
    )


def _cut(summary: str, delivery: WireDelivery) -> FaultKind:
    options: dict[str, Default] = {"how": ("fin", "rst")}
    return FaultKind(summary=summary, act=partial(_cut_inside, delivery=delivery), options=options)


WIRES = {
    "silent": _kind("never answers", WireDelivery(head=0.0, hold=inf, end="fin")),
    "silent-body": _kind(
        "stops in the middle of the body and stays connected", WireDelivery(body=0.5, hold=inf, end="fin")
    ),
    "cut": _kind("FIN before the headers", WireDelivery(head=0.0, end="fin")),
    "reset": _kind("RST before the headers", WireDelivery(head=0.0, end="rst")),
    "cut-headers": _cut("FIN or RST inside the headers", WireDelivery(head=0.5, body=0.0)),
    "cut-body": _cut("FIN or RST before the declared length is reached", WireDelivery(body=0.5)),
    "cut-chunked": _cut("FIN or RST inside a chunked body", WireDelivery(framing="chunked", body=0.5)),
    "truncated-json": _kind(
        "half the JSON, no length, FIN: a clean 200 to HTTP", WireDelivery(framing="close", body=0.5, end="fin")
    ),
    "slow-body": FaultKind(
        summary="drips the body at `rate` bytes per second", act=_slow_body, options={"rate": 20_000.0}
    ),
    "tail-stall": FaultKind(
        summary="whole body, no terminator: A never ends, B FIN after 300 s, C terminator 30 s late; or after `hold` s",
        act=_tail_stall,
        options={"variant": ("A", "B", "C"), "hold": None},
    ),
}
