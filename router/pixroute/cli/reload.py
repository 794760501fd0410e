"""SIGHUP reads the configuration again, as of any daemon."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from pixroute.errors import PixrouteError
from pixroute.routing.router import Router
from pixroute.system import handled


@contextmanager
def reload_on_sighup(router: Router, path: Path) -> Iterator[None]:
    """Reload the router from its file at every SIGHUP meanwhile, and say on stderr what came of it.

    Nothing is done without a file, where there is no such signal (Windows), and on a terminal, where the signal says
    that the terminal is gone.
    """
    if not path.is_file() or sys.stdin.isatty():
        yield
        return
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[None]] = set()

    def begin() -> None:
        reloads.add(task := loop.create_task(_reload(router, path)))
        task.add_done_callback(reloads.discard)

    with handled({"SIGHUP": begin}):
        yield


async def _reload(router: Router, path: Path) -> None:
    try:
        await router.reload(path)
    except PixrouteError as error:
        click.echo(f"Not reloaded, the old configuration stays: {error}", err=True)
    else:
        click.echo(f"Reloaded {path}.", err=True)
