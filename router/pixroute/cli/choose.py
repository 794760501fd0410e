"""Which providers a command asks: the configuration's, or, only when told so, the emulator's."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen

from pixroute.cli.reload import reload_on_sighup
from pixroute.config.load import KEY_VARIABLE, default_config, find_config, load
from pixroute.config.model import Config
from pixroute.events import Observer
from pixroute.plugins import PluginsOnDemand
from pixroute.routing.router import Router

if TYPE_CHECKING:
    from pixroute.testing.emulator import Emulator

TIME_SCALE = 0.02
FAULTS = ("banana-http=overloaded",)
NO_FAULT = "none"

Opener = Callable[[Mapping[str, Observer]], AbstractAsyncContextManager[Router]]


@frozen(kw_only=True)
class RouterSource:
    """Who is asked: how to open a router for it, and what to say of it; `time_scale` is real seconds a second."""

    open: Opener
    sentence: str
    emulated: bool
    time_scale: float = 1.0


def source(
    *,
    config: Path | None,
    plaintext: str | None,
    emulated: bool,
    time_scale: float | None,
    faults: Sequence[str],
    default_faults: Sequence[str] = FAULTS,
) -> RouterSource:
    """Choose by the options of a command.

    Raises:
        click.ClickException: the options contradict each other, or there is neither a file nor a key.
        ConfigError: the file has mistakes.
    """
    if emulated:
        if config or plaintext:
            raise click.UsageError("--emulated brings its own chain: leave -c and --plaintext out.")
        return _emulator(time_scale or TIME_SCALE, read_faults(faults or default_faults))
    if time_scale or faults:
        raise click.UsageError("--time-scale and --fault are for --emulated.")
    read, sentence = read_config(config, plaintext=plaintext, env=os.environ)
    return RouterSource(open=partial(configured, read), sentence=sentence, emulated=False)


def _emulator(time_scale: float, faults: Mapping[str, str]) -> RouterSource:
    from pixroute.testing.emulator import Emulator  # noqa: PLC0415 - heavy: a server

    emulator = Emulator(time_scale=time_scale, tls=True, faults=faults)
    return RouterSource(
        open=partial(_emulated, emulator, time_scale),
        sentence=emulation_sentence(time_scale, faults),
        emulated=True,
        time_scale=time_scale,
    )


def read_config(file: Path | None, *, plaintext: str | None, env: Mapping[str, str]) -> tuple[Config, str]:
    """Read the configuration, and say in a sentence which it is.

    Raises:
        click.ClickException: there is neither a file nor a key.
        ConfigError: the file has mistakes.
    """
    path, sentence = find_config(file, env, Path.cwd())
    if path is not None:
        if plaintext:
            raise click.UsageError('--plaintext is for the built-in chain; in a file, say plaintext = "accept" there.')
        return load(path, PluginsOnDemand(), env=env), sentence
    if not env.get(KEY_VARIABLE, "").strip():
        raise click.ClickException(
            f"there is no key: set {KEY_VARIABLE}, or write a pixroute.toml; or add --emulated, which needs neither."
        )
    if not plaintext:
        sentence += " Its HTTP port is left out: there the key travels in clear (--plaintext accept)."
    return default_config(PluginsOnDemand(), env=env, plaintext=plaintext), sentence


def read_faults(words: Sequence[str]) -> dict[str, str]:
    """Read `provider=fault`, several times; `none` is none.

    Raises:
        click.UsageError: one is not of that form.
    """
    faults = {}
    for word in words:
        selector, equals, fault = word.partition("=")
        if equals and fault:
            faults[selector] = fault
        elif word != NO_FAULT:
            raise click.UsageError(
                f"--fault {word!r} is not PROVIDER=FAULT, such as {FAULTS[0]} ({NO_FAULT!r} is no fault); "
                "`pixroute emulate --faults` lists them."
            )
    return faults


def emulation_sentence(time_scale: float, faults: Mapping[str, str]) -> str:
    """Say that nothing here is real."""
    told = ", ".join(f"{selector}={fault}" for selector, fault in faults.items()) or "none"
    return (
        "EMULATED: no provider is asked, no key is used, nothing is billed, whatever price is shown; "
        f"{1 / time_scale:g} times faster than life (times shown are real seconds); faults: {told}."
    )


@asynccontextmanager
async def configured(config: Config, observers: Mapping[str, Observer]) -> AsyncIterator[Router]:
    """Open a router for a configuration; at SIGHUP its file is read again."""
    async with Router.from_config(config, observers=observers) as router:
        with reload_on_sighup(router, Path(config.source)):
            yield router


@asynccontextmanager
async def _emulated(emulator: Emulator, time_scale: float, observers: Mapping[str, Observer]) -> AsyncIterator[Router]:
    """Open a router for the default chain before an emulator that is not running yet."""
    from pixroute.testing.emulated import emulated_router  # noqa: PLC0415 - heavy: a server, certificates

    async with emulator, emulated_router(emulator, time_scale=time_scale, observers=observers) as router:
        yield router
