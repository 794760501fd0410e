"""What befalls jobs alone: a queue, an end in an error, a poll that does not know them."""

from typing import TYPE_CHECKING

from pixroute.testing.emulator.kind import FaultKind
from pixroute.testing.emulator.services import BY_NAME

if TYPE_CHECKING:
    from pixroute.testing.emulator.exchange import EmulatedExchange
    from pixroute.testing.emulator.wire import Answer

_LOST = (404, {"detail": "Not found"})


async def _queue(exchange: "EmulatedExchange") -> "Answer":
    return await exchange.deliver(exchange.order)  # the time in the queue is over


async def _failed(exchange: "EmulatedExchange") -> "Answer":
    await exchange.ponder()
    service = BY_NAME.get(exchange.dialect.voice)
    return exchange.error(*((service and service.failed) or (500, {"error": "The job failed."})))


async def _lost(exchange: "EmulatedExchange") -> "Answer":
    await exchange.after()
    service = BY_NAME.get(exchange.dialect.voice)
    return exchange.error(*(service.lost if service else _LOST))


JOBS = {
    "queue": FaultKind(
        summary="the job waits `seconds` before it begins; cancelled until then it is free",
        act=_queue,
        options={"seconds": 60.0},
        late=True,
    ),
    "job-failed": FaultKind(summary="the job ends in an error, in the upstream's own words", act=_failed, late=True),
    "job-lost": FaultKind(summary="a poll does not know the job: for the routes of polls", act=_lost),
}
