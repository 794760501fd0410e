"""One request from its first event to its last: cut into parts, driven, concluded, delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from pixroute.errors import PixrouteError, RequestFailed
from pixroute.policy import Overrides
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
from pixroute.routing.part import RequestPart, WholeRequest
from pixroute.routing.record import Record
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
    whole = WholeRequest(
        request_id=request_id,
        chain=chain,
        asked=await loaded(request) if request.references else request,
        policy=policy,
        began=began,
        timeout=timeout if timeout is not None else policy.timeout,
        budget=RequestBudget(policy.max_cost),
        into=into,
    )
    emitter = _begun(whole, shared)
    endings: list[PartEnding] = []
    try:
        await _drive([Run(shared, emitter, part) for part in _parts(whole, shared, overrides)], endings)
        result = await _delivered(
            conclude(endings, _record(whole, endings), whole.asked, chain.currency), whole, shared
        )
    except BaseException as error:
        raised = await _as_raised(error, whole, endings)
        emitter.end(raised, clock())
        if raised is error:
            raise
        raise raised from error
    finally:
        whole.owner.close()
    emitter.end(result, clock())
    return result


def _begun(whole: WholeRequest, shared: Shared) -> Emitter:
    if whole.into is not None:
        _check_into(whole.into, whole.asked)
    shared.hedge_budget.earn(whole.policy.hedge_share)
    emitter = Emitter(shared, whole)
    emitter.start()
    return emitter


def _parts(whole: WholeRequest, shared: Shared, overrides: Overrides) -> list[RequestPart]:
    chain, health, cuts = whole.chain, shared.health, cut(whole.asked, whole.chain)
    if overrides:
        ready = [prepared_providers(chain, part, whole.policy, health, overrides) for part in cuts]
    else:
        ready = [chain.ready(part, health) for part in cuts]
    if chain.groups:
        draw, now = GroupDraw(chain.groups, health), shared.heartbeat.look()
        ready = [draw.order(number, one, now) for number, one in enumerate(ready)]
        whole.drawn.extend(draw.told)
    return [
        RequestPart(whole=whole, number=number, request=part, prepared_providers=ready[number])
        for number, part in enumerate(cuts)
    ]


def _record(whole: WholeRequest, endings: Sequence[PartEnding]) -> Record:
    seconds = asyncio.get_running_loop().time() - whole.began
    return record_of(
        endings,
        request_id=whole.request_id,
        chain=whole.chain.name,
        seconds=seconds,
        request=whole.asked,
        drawn=tuple(whole.drawn),
    )


def _record_if_any(whole: WholeRequest, endings: Sequence[PartEnding]) -> Record:
    try:
        return _record(whole, endings)
    except Exception:  # it may be the very thing that broke
        log.exception(
            "a bug in pixroute: request %s has no record", whole.request_id, extra={"request": whole.request_id}
        )
        seconds = asyncio.get_running_loop().time() - whole.began
        return Record(request_id=whole.request_id, chain=whole.chain.name, seconds=seconds, tags=whole.asked.tags)


async def _as_raised(error: BaseException, whole: WholeRequest, endings: Sequence[PartEnding]) -> BaseException:
    """Give the error as its caller gets it: a bug of our own with all that is known, pictures in memory."""
    raised = error
    if isinstance(error, Exception) and not isinstance(error, PixrouteError):
        raised = broken(error, _record_if_any(whole, endings), endings, whole.chain.currency)
    if isinstance(raised, RequestFailed):
        raised.images = tuple([await in_memory(image) for image in raised.images])
        for image in raised.images:
            whole.owner.give(image.content)
    return raised


def _check_into(into: Path, request: ImageRequest) -> None:
    if request.n > 1:
        raise ValueError("into= takes one picture; leave it out and save() each of several")
    if why := obstacle(into, request.output_format):
        raise ValueError(f"into={shortened(into)!r}: {why}; nothing was sent")


async def _delivered(concluded: ImageResult, whole: WholeRequest, shared: Shared) -> ImageResult:
    """Give what came as it was asked for; the pictures are the caller's now."""
    result, asked = concluded, whole.asked
    if asked.output_format is not None or whole.into is not None or result.extra:
        result = await _as_asked(result, whole, shared)
    if asked.extra:
        names = [member.name for member in whole.chain.members]
        unused = unused_extra(asked.extra, names, whole.chain.name)
        result = evolve(result, adjustments=(*unused, *result.adjustments))
    for image in (*result.images, *result.extra):
        whole.owner.give(image.content)
    return result


async def _as_asked(result: ImageResult, whole: WholeRequest, shared: Shared) -> ImageResult:
    """Deliver; a picture in hand is given as it came where that breaks."""
    deadline = None if whole.timeout is None else whole.began + whole.timeout
    try:
        return await shared.delivery.deliver(result, whole.asked, whole.into, deadline=deadline)
    except Exception as error:
        text = "a bug in pixroute: a picture could not be delivered as asked, and is given as it came"
        log.exception(text, extra={"request": result.record.request_id})
        images = tuple([await in_memory(image) for image in result.images])
        adjustment = Adjustment("delivery", "as asked", "as it came", f"pixroute itself broke ({type(error).__name__})")
        return evolve(result, images=images, adjustments=(*result.adjustments, adjustment))


def cut(request: ImageRequest, chain: Chain) -> list[ImageRequest]:
    """Cut n pictures into parts of the smallest `max_images` among the providers that can serve one."""
    if request.n == 1:
        return [request]
    able = [can.max_images for member in chain.members if (can := member.can_serve(request)) is not None]
    most = min(able, default=1)
    sizes = [most] * (request.n // most) + ([request.n % most] if request.n % most else [])
    return [request.altered(n=size) for size in sizes]


async def _drive(runs: Sequence[Run], endings: list[PartEnding]) -> None:
    """Drive all parts to their endings."""
    if len(runs) == 1:
        endings.append(await runs[0].drive())
        return
    tasks = [asyncio.ensure_future(run.drive()) for run in runs]
    try:
        endings += await asyncio.gather(*tasks)  # cancels in order, as a TaskGroup's set of tasks would not
    finally:
        for task in tasks:
            task.cancel()
