"""What is made when a router opens: all that its requests will share."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from pixroute.health.registry import Health
from pixroute.http.wire.clock import after_a_turn
from pixroute.routing.alarm import Alarm
from pixroute.routing.budget import HedgeBudget
from pixroute.routing.heartbeat import Heartbeat
from pixroute.routing.observers import Observers
from pixroute.routing.shared import Shared
from pixroute.routing.view import SLACK

if TYPE_CHECKING:
    from pixroute.http.transport import Transport


def make_shared(
    *,
    loop: asyncio.AbstractEventLoop,
    drawn: random.Random,
    alarm: Alarm,
    transport: Transport | None,
    connect: float,
    observers: Observers | None,
    reap: Callable[[asyncio.Task[None], str], None],
) -> Shared:
    """Make what all requests of a router share.

    Args:
        loop: the router's.
        drawn: for jitter, probes and ids.
        alarm: told of breakers, pauses and lateness; its `shared` is set once this is made.
        transport: the caller's; None: one of its own.
        connect: seconds for a connection of its own transport.
        observers: None: nobody observes.
        reap: takes the task of an attempt that was ended before it was done.
    """
    _import_what_a_request_needs()
    heartbeat = _make_heartbeat(loop, alarm)
    http = transport or _own_transport(connect)
    http.time = heartbeat.awake
    return Shared(
        health=_make_health(loop, heartbeat, drawn, alarm),
        http=http,
        random=drawn,
        hedge_budget=HedgeBudget(),
        observers=observers,
        reap=reap,
        heartbeat=heartbeat,
    )


def _make_heartbeat(loop: asyncio.AbstractEventLoop, alarm: Alarm) -> Heartbeat:
    return Heartbeat(
        clock=loop.time,
        call_at=loop.call_at,
        busy=lambda: alarm.shared is not None and bool(alarm.shared.runs),
        observed=lambda: alarm.shared is not None and alarm.shared.observers is not None,
        on_pause=alarm.paused,
        on_lag=alarm.lagged,
    )


def _make_health(loop: asyncio.AbstractEventLoop, heartbeat: Heartbeat, drawn: random.Random, alarm: Alarm) -> Health:
    return Health(
        clock=heartbeat.look,
        call_at=lambda at, call: loop.call_at(max(at, loop.time() + SLACK), call),
        random=drawn,
        on_change=alarm.breaker_changed,
        after_a_turn=lambda call: after_a_turn(call, until=0),  # before anybody joins what is overdue
    )


def _own_transport(connect: float) -> Transport:
    from pixroute.http.pace import Pace  # noqa: PLC0415 - aiohttp is reached when first needed
    from pixroute.http.transport import Transport  # noqa: PLC0415 - as above

    return Transport(pace=Pace(connect=connect))


def _import_what_a_request_needs() -> None:
    """Import now what is not needed for opening: in a request there may be no descriptor left for it."""
    import concurrent.futures.thread  # noqa: F401, PLC0415 - what writes files; so that importing pixroute stays cheap

    import backoff  # noqa: F401, PLC0415 - as above

    with suppress(ImportError):  # an extra
        from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415 - as above
