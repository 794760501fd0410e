"""What a router holds, let go: providers that come and go while requests are in flight, and all at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from pixroute.errors import ConfigError, Problem
from pixroute.events import Observer
from pixroute.provider import Provider
from pixroute.routing.observers import close_observers

log = logging.getLogger("pixroute")

CLOSE = 10.0
"""Seconds after which a provider that does not close is named in the log and left."""


async def started(providers: Mapping[str, Provider], *, source: str) -> None:
    """Start all of them or none.

    Raises:
        ConfigError: one cannot start; `source` is what the error calls the configuration.
    """
    begun: dict[str, Provider] = {}
    name = ""
    try:
        for name, provider in providers.items():
            await provider.start()
            begun[name] = provider
    except BaseException as error:
        await closed(begun)
        if not isinstance(error, Exception):
            raise
        problem = Problem(f"providers.{name}", f"cannot start: {type(error).__name__}: {error}")
        raise ConfigError([problem], source=source) from error


async def closed(providers: Mapping[str, Provider]) -> None:
    """Close them side by side; what one raises, or that it does not end, keeps no other open."""
    closing = {asyncio.create_task(_closed(name, provider)): name for name, provider in providers.items()}
    if not closing:
        return
    _, late = await asyncio.wait(closing, timeout=CLOSE)
    for task in late:
        fields = {"provider": closing[task], "seconds": CLOSE}
        log.warning("provider %s has not closed within %.0f s", closing[task], CLOSE, extra=fields)
        task.cancel()


async def _closed(name: str, provider: Provider) -> None:
    try:
        await provider.aclose()
    except (Exception, asyncio.CancelledError, SystemExit):
        log.exception("provider %s raised when it was closed", name, extra={"provider": name})


async def retired(
    providers: Mapping[str, Provider],
    observers: Mapping[str, Observer],
    requests: Collection[asyncio.Future[None]],
    losers: Callable[[], Collection[Awaitable[None]]],
) -> None:
    """Close what requests may use when they have ended, and the attempts that lost in them."""
    try:
        if requests:
            await asyncio.wait(requests)
        await asyncio.gather(*losers(), return_exceptions=True)
    finally:
        close_observers(observers)
        await closed(providers)


async def quietly(close: Callable[[], Awaitable[None] | None]) -> None:
    """Close one thing; what it raises keeps nothing else open."""
    try:
        closing = close()
        if closing is not None:
            await closing
    except Exception as error:
        log.exception("what a router holds could not be closed in order", extra={"error": type(error).__name__})
