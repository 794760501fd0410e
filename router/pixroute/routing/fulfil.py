"""One request from its first event to its last: cut into parts, driven, concluded, delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from pixroute.content import Owner
from pixroute.errors import InternalError, PixrouteError, RequestFailed
from pixroute.policy import Overrides
from pixroute.references import loaded
from pixroute.request import ImageRequest
from pixroute.result import Adjustment, ImageResult
from pixroute.routing.arguments import unused_extra
from pixroute.routing.budget import Budget
from pixroute.routing.chain import Chain, contenders
from pixroute.routing.conclude import broken, conclude, record_of
from pixroute.routing.deliver import in_memory, obstacle, shortened
from pixroute.routing.emitter import Emitter
from pixroute.routing.record import Record
from pixroute.routing.run import Ending, Run, Shared

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
    began = asyncio.get_running_loop().time()
    policy = chain.policy.overlaid(overrides)
    timeout = timeout if timeout is not None else policy.timeout
    request = await loaded(request)
    if into is not None:
        _check_into(into, request)
    shared.purse.earn(policy.hedge_share)
    emitter = Emitter(
        shared,
        request_id,
        chain=chain.name,
        request=request,
        began=began,
        currency=chain.currency,
        overdue_after=policy.breaker.overdue_after,
    )
    emitter.start(timeout)
    endings: Sequence[Ending] = ()
    owner = Owner()
    try:
        parts = cut(request, chain)
        budget = Budget(policy.max_cost)
        runs = [
            Run(
                shared=shared,
                emitter=emitter,
                request_id=request_id,
                asked=request,
                request=part,
                contenders=contenders(chain, part, policy, shared.health, overrides),
                policy=policy,
                began=began,
                timeout=timeout,
                budget=budget,
                part=number,
                into=into,
                owner=owner,
            )
            for number, part in enumerate(parts)
        ]
        endings = await _drive(runs)
        seconds = asyncio.get_running_loop().time() - began
        record = record_of(endings, request_id=request_id, chain=chain.name, seconds=seconds, request=request)
        concluded = conclude(endings, record, request, chain.currency)
        deadline = None if timeout is None else began + timeout
        result = await _delivered(concluded, request, shared, into, deadline)
        if unused := unused_extra(request.extra, [member.name for member in chain.members], chain.name):
            result = evolve(result, adjustments=(*unused, *result.adjustments))
        for image in (*result.images, *result.extra):
            owner.give(image.content)
    except BaseException as error:
        told = error
        if isinstance(error, Exception) and not isinstance(error, PixrouteError):
            told = _bug(error, endings, chain, request, request_id=request_id, began=began)
        if isinstance(told, RequestFailed):
            told.images = tuple([await in_memory(image) for image in told.images])
            for image in told.images:
                owner.give(image.content)
        emitter.end(told, asyncio.get_running_loop().time())
        if told is error:
            raise
        raise told from error
    finally:
        owner.close()
    emitter.end(result, asyncio.get_running_loop().time())
    return result


def _check_into(into: Path, request: ImageRequest) -> None:
    if request.n > 1:
        raise ValueError("into= takes one picture; leave it out and save() each of several")
    if why := obstacle(into, request.output_format):
        raise ValueError(f"into={shortened(into)!r}: {why}; nothing was sent")


def _bug(
    error: Exception, endings: Sequence[Ending], chain: Chain, request: ImageRequest, *, request_id: str, began: float
) -> InternalError:
    seconds = asyncio.get_running_loop().time() - began
    try:
        record = record_of(endings, request_id=request_id, chain=chain.name, seconds=seconds, request=request)
    except Exception:  # it may be the very thing that broke
        log.exception("a bug in pixroute: request %s has no record", request_id, extra={"request": request_id})
        record = Record(request_id=request_id, chain=chain.name, seconds=seconds, tags=request.tags)
    return broken(error, record, endings, chain.currency)


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


async def _drive(runs: Sequence[Run]) -> list[Ending]:
    if len(runs) == 1:
        return [await runs[0].drive()]
    tasks = [asyncio.ensure_future(run.drive()) for run in runs]
    try:
        return list(await asyncio.gather(*tasks))  # cancels in order, as a TaskGroup's set of tasks would not
    finally:
        for task in tasks:
            task.cancel()
