"""One request from its first event to its last: cut into parts, driven, concluded, delivered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from attrs import evolve

from pixroute import events
from pixroute.content import Owner
from pixroute.errors import RequestFailed
from pixroute.policy import Overrides
from pixroute.references import load
from pixroute.request import ImageRequest
from pixroute.result import ImageResult
from pixroute.routing.arguments import unused_extra
from pixroute.routing.budget import Budget
from pixroute.routing.chain import Chain, contenders
from pixroute.routing.conclude import conclude, record_of
from pixroute.routing.deliver import in_memory, obstacle
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
    if request.references:
        request = request.altered(references=await load(request.references))
    parts = cut(request, chain)
    if into is not None and request.n > 1:
        raise ValueError("into= takes one picture; leave it out and save() each of several")
    if into is not None and (why := obstacle(into, request.output_format)):
        raise ValueError(f"into={str(into)!r}: {why}; nothing was sent")
    shared.purse.earn(policy.hedge_share)
    budget = Budget(policy.max_cost)
    owner = Owner()
    runs = [
        Run(
            shared=shared,
            request_id=request_id,
            asked=request,
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
    _tell_start(shared, request_id, request, chain=chain.name, timeout=timeout, began=began)
    try:
        endings = await _drive(runs)
        seconds = asyncio.get_running_loop().time() - began
        record = record_of(endings, request_id=request_id, chain=chain.name, seconds=seconds, request=request)
        concluded = conclude(endings, record, request, chain.currency)
        deadline = None if timeout is None else began + timeout
        result = await shared.delivery.deliver(concluded, request, into, deadline=deadline)
        if unused := unused_extra(request.extra, [member.name for member in chain.members], chain.name):
            result = evolve(result, adjustments=(*unused, *result.adjustments))
        for image in (*result.images, *result.extra):
            owner.give(image.content)
    except BaseException as error:
        if isinstance(error, RequestFailed):
            error.images = tuple([await in_memory(image) for image in error.images])
            for image in error.images:
                owner.give(image.content)
        _tell_end(shared, request_id, request, error, began)
        raise
    finally:
        owner.close()
    _tell_end(shared, request_id, request, result, began)
    return result


def cut(request: ImageRequest, chain: Chain) -> list[ImageRequest]:
    """Cut n pictures into parts of the smallest `max_images` among the providers that can serve one."""
    if request.n == 1:
        return [request]
    able = [member for member in chain.members if member.can_serve(request)]
    most = min((member.provider.capabilities().max_images for member in able), default=1)
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


def _tell_start(
    shared: Shared, request_id: str, request: ImageRequest, *, chain: str, timeout: float | None, began: float
) -> None:
    if shared.emit is not None:
        shared.emit(
            events.RequestStarted(
                at=began,
                request=request_id,
                chain=chain,
                size=str(request.size or "any"),
                n=request.n,
                timeout=timeout,
                tags=request.tags,
            )
        )


def _tell_end(
    shared: Shared, request_id: str, request: ImageRequest, end: ImageResult | BaseException, began: float
) -> None:
    now = asyncio.get_running_loop().time()
    provider, error = (end.provider, None) if isinstance(end, ImageResult) else (None, type(end).__name__)
    log.info("request %s: %s after %.1f s", request_id, provider or error, now - began)
    if shared.emit is not None:
        shared.emit(
            events.RequestFinished(
                at=now,
                request=request_id,
                seconds=now - began,
                cost=end.cost if isinstance(end, ImageResult | RequestFailed) else None,
                provider=provider,
                error=error,
                tags=request.tags,
            )
        )
