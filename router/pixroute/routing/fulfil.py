"""One request from its first event to its last: cut into parts, driven, concluded, delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from attrs import define, evolve, field

from pixroute.content import Owner
from pixroute.errors import PixrouteError, RequestFailed
from pixroute.policy import Overrides, Policy
from pixroute.references import loaded
from pixroute.request import ImageRequest
from pixroute.result import Adjustment, ImageResult
from pixroute.routing.arguments import unused_extra
from pixroute.routing.budget import RequestBudget
from pixroute.routing.chain import Chain, prepared_providers
from pixroute.routing.conclude import broken, conclude, record_of
from pixroute.routing.deliver import in_memory, obstacle, shortened
from pixroute.routing.emitter import Emitter
from pixroute.routing.ending import PartEnding
from pixroute.routing.groups import GroupDraw
from pixroute.routing.part import RequestPart
from pixroute.routing.record import Drawn, Record
from pixroute.routing.run import Run
from pixroute.routing.shared import Shared

log = logging.getLogger("pixroute")


async def fulfil(
    request: ImageRequest,
    *,
    shared: Shared,
    chain: Chain,
    timeout: float | None,
    into: Path | None,
    overrides: Overrides,
    request_id: str,
) -> ImageResult:
    """Get the pictures of one request; arguments and errors as `Router.generate`."""
    clock = asyncio.get_running_loop().time
    began, policy = clock(), chain.policy.overlaid(overrides)
    timeout = timeout if timeout is not None else policy.timeout
    request = await loaded(request)
    if into is not None:
        _check_into(into, request)
    shared.hedge_budget.earn(policy.hedge_share)
    emitter = _emitter(shared, request_id, request, chain, policy, began)
    emitter.start(timeout)
    one = _Request(request, shared, chain, policy, emitter, request_id, began, timeout, into)
    try:
        result = await one.result(overrides)
    except BaseException as error:
        told = await one.told(error)
        emitter.end(told, clock())
        if told is error:
            raise
        raise told from error
    finally:
        one.owner.close()
    emitter.end(result, clock())
    return result


def _emitter(  # noqa: PLR0917 - one call site, just above
    shared: Shared, request_id: str, request: ImageRequest, chain: Chain, policy: Policy, began: float
) -> Emitter:
    return Emitter(
        shared,
        request_id,
        chain=chain.name,
        request=request,
        began=began,
        currency=chain.currency,
        overdue_after=policy.breaker.overdue_after,
    )


@define
class _Request:
    """A request under way; `endings` are those of its parts, once there are any."""

    asked: ImageRequest
    shared: Shared
    chain: Chain
    policy: Policy
    emitter: Emitter
    request_id: str
    began: float
    timeout: float | None
    into: Path | None
    owner: Owner = field(factory=Owner)
    endings: Sequence[PartEnding] = ()
    drawn: tuple[Drawn, ...] = ()

    async def result(self, overrides: Overrides) -> ImageResult:
        """Drive its parts, and give what they brought as it was asked for."""
        self.endings = await _drive([Run(self.shared, self.emitter, part) for part in self._parts(overrides)])
        concluded = conclude(self.endings, self._record(), self.asked, self.chain.currency)
        deadline = None if self.timeout is None else self.began + self.timeout
        result = await _delivered(concluded, self.asked, self.shared, self.into, deadline)
        names = [member.name for member in self.chain.members]
        if unused := unused_extra(self.asked.extra, names, self.chain.name):
            result = evolve(result, adjustments=(*unused, *result.adjustments))
        for image in (*result.images, *result.extra):
            self.owner.give(image.content)
        return result

    def _parts(self, overrides: Overrides) -> list[RequestPart]:
        budget, cuts = RequestBudget(self.policy.max_cost), cut(self.asked, self.chain)
        prepared = [prepared_providers(self.chain, part, self.policy, self.shared.health, overrides) for part in cuts]
        if self.chain.groups:
            draw, now = GroupDraw(self.chain.groups, self.shared.health), self.shared.heartbeat.look()
            prepared = [draw.order(number, ready, now) for number, ready in enumerate(prepared)]
            self.drawn = draw.told
        return [
            RequestPart(
                request_id=self.request_id,
                number=number,
                chain=self.chain.name,
                asked=self.asked,
                request=part,
                prepared_providers=prepared[number],
                policy=self.policy,
                began=self.began,
                timeout=self.timeout,
                budget=budget,
                into=self.into,
                owner=self.owner,
            )
            for number, part in enumerate(cuts)
        ]

    def _record(self) -> Record:
        seconds = asyncio.get_running_loop().time() - self.began
        return record_of(
            self.endings,
            request_id=self.request_id,
            chain=self.chain.name,
            seconds=seconds,
            request=self.asked,
            drawn=self.drawn,
        )

    async def told(self, error: BaseException) -> BaseException:
        """Give the error as its caller gets it: a bug of our own with all that is known, pictures in memory."""
        told = error
        if isinstance(error, Exception) and not isinstance(error, PixrouteError):
            told = broken(error, self._record_if_any(), self.endings, self.chain.currency)
        if isinstance(told, RequestFailed):
            told.images = tuple([await in_memory(image) for image in told.images])
            for image in told.images:
                self.owner.give(image.content)
        return told

    def _record_if_any(self) -> Record:
        try:
            return self._record()
        except Exception:  # it may be the very thing that broke
            log.exception(
                "a bug in pixroute: request %s has no record", self.request_id, extra={"request": self.request_id}
            )
            seconds = asyncio.get_running_loop().time() - self.began
            return Record(request_id=self.request_id, chain=self.chain.name, seconds=seconds, tags=self.asked.tags)


def _check_into(into: Path, request: ImageRequest) -> None:
    if request.n > 1:
        raise ValueError("into= takes one picture; leave it out and save() each of several")
    if why := obstacle(into, request.output_format):
        raise ValueError(f"into={shortened(into)!r}: {why}; nothing was sent")


async def _delivered(
    result: ImageResult, request: ImageRequest, shared: Shared, into: Path | None, deadline: float | None
) -> ImageResult:
    """Deliver; a picture in hand is given as it came where that breaks."""
    try:
        return await shared.delivery.deliver(result, request, into, deadline=deadline)
    except Exception as error:
        text = "a bug in pixroute: a picture could not be delivered as asked, and is given as it came"
        log.exception(text, extra={"request": result.record.request_id})
        images = tuple([await in_memory(image) for image in result.images])
        told = Adjustment("delivery", "as asked", "as it came", f"pixroute itself broke ({type(error).__name__})")
        return evolve(result, images=images, adjustments=(*result.adjustments, told))


def cut(request: ImageRequest, chain: Chain) -> list[ImageRequest]:
    """Cut n pictures into parts of the smallest `max_images` among the providers that can serve one."""
    if request.n == 1:
        return [request]
    able = [can.max_images for member in chain.members if (can := member.can_serve(request)) is not None]
    most = min(able, default=1)
    sizes = [most] * (request.n // most) + ([request.n % most] if request.n % most else [])
    return [request.altered(n=size) for size in sizes]


async def _drive(runs: Sequence[Run]) -> list[PartEnding]:
    if len(runs) == 1:
        return [await runs[0].drive()]
    tasks = [asyncio.ensure_future(run.drive()) for run in runs]
    try:
        return list(await asyncio.gather(*tasks))  # cancels in order, as a TaskGroup's set of tasks would not
    finally:
        for task in tasks:
            task.cancel()
