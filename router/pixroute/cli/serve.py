"""`pixroute serve`: the gateway, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve, frozen

from pixroute.cli import choose
from pixroute.cli.options import configuration_options, emulation_options
from pixroute.config.load import load
from pixroute.config.model import Config
from pixroute.config.serve import ServeSettings
from pixroute.errors import ConfigError, PixrouteError, Problem
from pixroute.plugins import load_plugins
from pixroute.routing.router import Router
from pixroute.system import handled

if TYPE_CHECKING:
    from pixroute.serve.call import Watching
    from pixroute.serve.gateway import Gateway
    from pixroute.serve.names import Menu


@frozen(kw_only=True)
class ServeSource:
    """What is served: a configuration, or an emulator."""

    config: Config | None
    sentence: str
    stage: choose.EmulatedStage | None = None

    @property
    def settings(self) -> ServeSettings:
        """Its `[serve]`."""
        if self.stage is not None:
            return self.stage.rehearsal.serve
        return self.config.serve if self.config else ServeSettings()


@click.command()
@click.option("--host", metavar="ADDRESS", help="Where to listen. Default: [serve] host, 127.0.0.1.")
@click.option("--port", type=click.IntRange(0, 65_535), metavar="PORT", help="Default: [serve] port, 8080; 0: any.")
@click.option("--tls-cert", type=click.Path(path_type=Path), metavar="FILE", help="Serve TLS with this certificate.")
@click.option("--tls-key", type=click.Path(path_type=Path), metavar="FILE", help="Its key.")
@click.option("--processes", type=click.IntRange(1), metavar="N", help="Default: [serve] processes, 1.")
@click.option("--part", is_flag=True, hidden=True, help="This is one of several, started by the first.")
@configuration_options
@emulation_options
def serve(
    *,
    host: str | None,
    port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    processes: int | None,
    part: bool,
    config: Path | None,
    plaintext: str | None,
    time_scale: float | None,
    faults: tuple[str, ...],
    emulated: bool,
) -> int:
    """Serve pictures to any client of OpenAI's images API, until SIGTERM or Ctrl-C.

    What is in flight then has [serve] drain seconds. SIGHUP reads the configuration again.
    """
    from pixroute.cli.processes import ended_with, several  # noqa: PLC0415 - for those who serve

    source = _source(config=config, plaintext=plaintext, time_scale=time_scale, faults=faults, emulated=emulated)
    said: dict[str, Any] = {
        "host": host, "port": port, "tls_cert": tls_cert, "tls_key": tls_key, "processes": processes,
    }  # fmt: skip
    settings = evolve(source.settings, **{name: value for name, value in said.items() if value is not None})
    if part:
        return asyncio.run(_serve(source, evolve(settings, reuse_port=True), until=ended_with(sys.stdin)))
    if settings.processes > 1:
        if emulated:
            raise click.UsageError("--emulated is one process with an emulator in it; leave --processes away.")
        if source.config is None or source.config.shared is None:
            message = "several processes know of each other by [shared], and there is none"
            raise ConfigError([Problem("serve.processes", message)])
        return several(settings, config=config, plaintext=plaintext)
    return asyncio.run(_serve(source, settings))


def _source(
    *, config: Path | None, plaintext: str | None, time_scale: float | None, faults: tuple[str, ...], emulated: bool
) -> ServeSource:
    if emulated:
        stage = choose.staged(config, plaintext=plaintext, time_scale=time_scale, faults=faults)
        return ServeSource(config=None, sentence=stage.sentence, stage=stage)
    if time_scale or faults:
        raise click.UsageError("--time-scale and --fault are for --emulated.")
    read, sentence = choose.read_config(config, plaintext=plaintext, env=os.environ)
    return ServeSource(config=read, sentence=sentence)


async def _serve(
    source: ServeSource, settings: ServeSettings, until: Callable[[], Awaitable[None]] | None = None
) -> int:
    from pixroute.serve.call import Watching  # noqa: PLC0415 - a server is imported when one is wanted
    from pixroute.serve.garbage import looking_for_garbage  # noqa: PLC0415 - as above
    from pixroute.serve.gateway import Gateway  # noqa: PLC0415 - as above
    from pixroute.serve.limits import Limits  # noqa: PLC0415 - as above
    from pixroute.serve.listen import check_place, key_ring, listening, repeats_of, sharing, store_of  # noqa: PLC0415 - as above

    check_place(settings)
    logging.getLogger("pixroute.access").setLevel(logging.INFO)
    ended = asyncio.Event()
    shared = source.config.shared if source.config else None
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(sharing(settings, shared))
        keys = await key_ring(settings, store)
        stack.enter_context(_access_log(settings))
        router, menu = await stack.enter_async_context(_router(source, Watching()))
        gateway = Gateway(
            router=router,
            settings=settings,
            menu=menu,
            repeats=repeats_of(settings, store),
            limits=Limits(asyncio.get_running_loop().time, store),
            keys=keys,
            store=store_of(settings),
        )
        stack.enter_context(_signals(ended, gateway, source))
        async with listening(gateway) as url:
            stack.enter_context(looking_for_garbage(lambda: len(gateway.calls)))
            click.echo(f"{source.sentence}\nListening: {url}/v1 (Ctrl-C ends it)")
            await _first(ended.wait, until)
            click.echo("Ending; what is in flight has its time.", err=True)
    return 0


async def _first(*waits: Callable[[], Awaitable[Any]] | None) -> None:
    """Wait for whichever comes first."""
    tasks = [asyncio.ensure_future(wait()) for wait in waits if wait is not None]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


@asynccontextmanager
async def _router(source: ServeSource, watching: Watching) -> AsyncIterator[tuple[Router, Menu]]:
    from pixroute.serve.names import Menu, menu_of, widened  # noqa: PLC0415 - as above

    if source.config is not None:
        wide = widened(source.config)
        async with Router.from_config(wide, observers={"gateway": watching}) as router:
            yield router, menu_of(wide)
        return
    from pixroute.testing.rehearsal import rehearsed  # noqa: PLC0415 - heavy: a server

    assert source.stage is not None
    rehearsal, scale = source.stage.rehearsal, source.stage.time_scale
    async with source.stage.emulator() as emulator, rehearsed(rehearsal, emulator, scale=scale) as config:
        wide = widened(config)
        models = wide.serve.models or {"gpt-image-1": wide.default_chain.name}
        async with Router.from_config(wide, observers={"gateway": watching}) as router:
            yield router, Menu(chains=menu_of(wide).chains, models=models)


@contextmanager
def _signals(ended: asyncio.Event, gateway: Gateway, source: ServeSource) -> Iterator[None]:
    """End at SIGTERM and SIGINT, read the configuration again at SIGHUP."""
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        reloads.add(task := asyncio.create_task(_reload(gateway, source)))
        task.add_done_callback(reloads.discard)

    with handled({"SIGTERM": ended.set, "SIGINT": ended.set, "SIGHUP": reload}):
        yield


async def _reload(gateway: Gateway, source: ServeSource) -> None:
    """Take the configuration as it is now, all of it or nothing; where it listens stays."""
    from pixroute.serve.gateway import RESTART  # noqa: PLC0415 - as above
    from pixroute.serve.names import menu_of, widened  # noqa: PLC0415 - as above

    path = Path(source.config.source) if source.config else None
    if path is None or not path.is_file():
        click.echo("Nothing to reload: no configuration file is used.", err=True)
        return
    try:
        wide = widened(await asyncio.to_thread(load, path, load_plugins()))
        await gateway.router.reload(wide)
    except PixrouteError as error:
        click.echo(f"Not reloaded, the old configuration stays: {error}", err=True)
        return
    gateway.settings, gateway.menu = gateway.placed(wide.serve), menu_of(wide)
    click.echo(f"Reloaded {path}.", err=True)
    begun = source.config.serve if source.config else wide.serve
    if kept := [name for name in RESTART if getattr(wide.serve, name) != getattr(begun, name)]:
        click.echo(f"Of [serve] these change with a restart only: {', '.join(kept)}.", err=True)


@contextmanager
def _access_log(settings: ServeSettings) -> Iterator[None]:
    """Write the access log to stderr."""
    if not settings.access_log:
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("pixroute.access")
    log.addHandler(handler)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(handler)
