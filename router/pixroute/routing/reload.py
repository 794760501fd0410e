"""Providers that come and go while requests are in flight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping

from pixroute.errors import ConfigError, Problem
from pixroute.provider import Provider

log = logging.getLogger("pixroute")


async def started(providers: Mapping[str, Provider], *, source: str) -> None:
    """Start all of them or none.

    Raises:
        ConfigError: one cannot start; `source` is what the error calls the configuration.
    """
    name = ""
    try:
        for name, provider in providers.items():  # noqa: B007 - the name is for the error
            await provider.start()
    except BaseException as error:
        await closed(providers)
        if not isinstance(error, Exception):
            raise
        problem = Problem(f"providers.{name}", f"cannot start: {type(error).__name__}: {error}")
        raise ConfigError([problem], source=source) from error


async def closed(providers: Mapping[str, Provider]) -> None:
    """Close them; what one raises keeps no other open."""
    for name, provider in providers.items():
        try:
            await provider.aclose()
        except Exception:
            log.exception("provider %s raised when it was closed", name)


async def retired(
    providers: Mapping[str, Provider],
    requests: Collection[asyncio.Future[None]],
    losers: Callable[[], Collection[Awaitable[None]]],
) -> None:
    """Close providers when the requests that may use them have ended, and the attempts that lost in them."""
    try:
        if requests:
            await asyncio.wait(requests)
        await asyncio.gather(*losers(), return_exceptions=True)
    finally:
        await closed(providers)
