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
from pixroute.config.load import (
    KEY_VARIABLE,
    AnyKey,
    ConfigReading,
    default_config,
    find_config,
    load_without_keys,
    read_file,
)
from pixroute.config.model import Config
from pixroute.events import Observer
from pixroute.plugins import PluginsOnDemand
from pixroute.routing.router import Router

if TYPE_CHECKING:
    from pixroute.testing.emulator import Emulator
    from pixroute.testing.rehearsal import Rehearsal

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
        stage = staged(config, plaintext=plaintext, time_scale=time_scale, faults=faults, default_faults=default_faults)
        return RouterSource(
            open=partial(_emulated, stage), sentence=stage.sentence, emulated=True, time_scale=stage.time_scale
        )
    if time_scale or faults:
        raise click.UsageError("--time-scale and --fault are for --emulated.")
    read, sentence = read_config(config, plaintext=plaintext, env=os.environ)
    return RouterSource(open=partial(configured, read), sentence=sentence, emulated=False)


@frozen(kw_only=True)
class EmulatedStage:
    """What is played, how fast and with which faults, and a sentence that says so."""

    rehearsal: Rehearsal
    time_scale: float
    faults: Mapping[str, str]
    sentence: str

    def emulator(self) -> Emulator:
        """Make the emulator; it is not running yet.

        Raises:
            ValueError: there is no such fault, or it is on nobody there is.
        """
        from pixroute.testing.emulator import Emulator  # noqa: PLC0415 - heavy: a server

        faults = {self.rehearsal.selector(selector): fault for selector, fault in self.faults.items()}
        return Emulator(time_scale=self.time_scale, doors=self.rehearsal.origins, faults=faults)


def staged(
    file: Path | None,
    *,
    plaintext: str | None,
    time_scale: float | None,
    faults: Sequence[str],
    default_faults: Sequence[str] = FAULTS,
) -> EmulatedStage:
    """Choose what an emulator plays: the configuration that would be used, or without one the built-in chain.

    Raises:
        click.ClickException: --plaintext, or a fault that cannot be read.
        ConfigError: the file has mistakes, or nobody of it can be played.
    """
    from pixroute.testing.emulated import default_rehearsal  # noqa: PLC0415 - heavy: a server
    from pixroute.testing.rehearsal import rehearse  # noqa: PLC0415 - as above

    if plaintext:
        raise click.UsageError("--emulated needs no --plaintext: nothing leaves this machine.")
    path, which = find_config(file, os.environ, Path.cwd())
    if path is None:
        rehearsal, which = default_rehearsal(), ""
        faults = faults or default_faults
    else:
        rehearsal = rehearse(load_without_keys(path, PluginsOnDemand()))
        which = which.removeprefix("Using ").rstrip(".")
    scale, read = time_scale or TIME_SCALE, read_faults(faults)
    sentence = emulation_sentence(which, scale, read, rehearsal.unused)
    return EmulatedStage(rehearsal=rehearsal, time_scale=scale, faults=read, sentence=sentence)


def read_config(
    file: Path | None, *, plaintext: str | None, env: Mapping[str, str], ask_keys: bool = True
) -> tuple[Config, str]:
    """Read the configuration, and say in a sentence which it is; `ask_keys` false: nobody will use the keys.

    Raises:
        click.ClickException: there is neither a file nor a key.
        ConfigError: the file has mistakes.
    """
    path, sentence = find_config(file, env, Path.cwd())
    if path is not None:
        if plaintext:
            raise click.UsageError('--plaintext is for the built-in chain; in a file, say plaintext = "accept" there.')
        return read_file(path, PluginsOnDemand(), env=env).checked(keys=ask_keys), sentence
    if not ask_keys:
        env = AnyKey(env)
    if not env.get(KEY_VARIABLE, "").strip():
        raise click.ClickException(
            f"there is no key: set {KEY_VARIABLE}, or write a pixroute.toml; or add --emulated, which needs neither."
        )
    if not plaintext:
        sentence += " Its HTTP port is left out: there the key travels in clear (--plaintext accept)."
    return default_config(PluginsOnDemand(), env=env, plaintext=plaintext), sentence


def reading(file: Path | None, *, keys: bool) -> tuple[ConfigReading, str]:
    """Read the configuration with what is wrong beside it, and say in a sentence which it is; as `read_config`."""
    path, sentence = find_config(file, os.environ, Path.cwd())
    if path is not None:
        return read_file(path, PluginsOnDemand()), sentence
    config, sentence = read_config(file, plaintext=None, env=os.environ, ask_keys=keys)
    return ConfigReading(config=config, problems=(), keyless=()), sentence


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


def emulation_sentence(which: str, time_scale: float, faults: Mapping[str, str], unused: Sequence[str] = ()) -> str:
    """Say that nothing here is real, what is played, and what of it is not used."""
    told = ", ".join(f"{selector}={fault}" for selector, fault in faults.items()) or "none"
    sentence = (
        f"EMULATED: {which and f'{which}; '}no provider is asked, no key is used, nothing is billed, whatever price is "
        f"shown; {1 / time_scale:g} times faster than life (times shown are real seconds); faults: {told}."
    )
    return f"{sentence} Not used: {'; '.join(unused)}." if unused else sentence


@asynccontextmanager
async def configured(config: Config, observers: Mapping[str, Observer]) -> AsyncIterator[Router]:
    """Open a router for a configuration; at SIGHUP its file is read again."""
    async with Router.from_config(config, observers=observers) as router:
        with reload_on_sighup(router, Path(config.source)):
            yield router


@asynccontextmanager
async def _emulated(stage: EmulatedStage, observers: Mapping[str, Observer]) -> AsyncIterator[Router]:
    """Open a router for what is played, before an emulator of its own."""
    from pixroute.testing.rehearsal import rehearsed_router  # noqa: PLC0415 - heavy: a server, certificates

    async with (
        stage.emulator() as emulator,
        rehearsed_router(stage.rehearsal, emulator, scale=stage.time_scale, observers=observers) as router,
    ):
        yield router
