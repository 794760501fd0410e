"""`pixroute keys`: who may ask the gateway."""

from __future__ import annotations

import asyncio
import getpass
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from pixroute.cli import choose
from pixroute.cli.words import console, table
from pixroute.config.load import find_config
from pixroute.config.model import Config
from pixroute.serve.keys import ApiKey, changing, mint, read_keys, revoke
from pixroute.serve.keys_shared import change_shared_keys, read_shared_keys
from pixroute.shared.ports import Kept, StoreAway
from pixroute.words import nearest

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])
DEFAULT = Path("pixroute-keys.json")
CONFIG = "Whose [serve] keeps them, in a file or in [shared]. Default: $PIXROUTE_CONFIG, else ./pixroute.toml."
HEADS = ("prefix", "name", "role", "may ask", "budgets", "a minute", "at once", "added", "revoked")

OF_NOTHING = {"a minute": "no limit", "at once": "no limit"}


@click.group()
def keys() -> None:
    """Add, list and revoke the API keys of `pixroute serve`.

    They lie where the configuration's [serve] has them: in the file that `keys` names, or in the store. Neither holds
    a key, only what tells one. A server looks there every second.
    """


@frozen
class KeyFile:
    """Keys in a file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def read(self) -> dict[str, ApiKey]:
        """Read them."""
        return read_keys(self.path)

    def change(self, act: Callable[[dict[str, ApiKey]], None]) -> None:
        """Change them, all or nothing."""
        with changing(self.path) as keys:
            act(keys)


@frozen
class SharedKeys:
    """Keys in the store of `[shared]`."""

    config: Config

    def __str__(self) -> str:
        return "the store of [shared]"

    def read(self) -> dict[str, ApiKey]:
        """Read them."""
        return self._with_store(lambda kept: kept.transact(read_shared_keys))

    def change(self, act: Callable[[dict[str, ApiKey]], None]) -> None:
        """Change them, all or nothing."""
        self._with_store(lambda kept: change_shared_keys(kept, act))

    def _with_store(self, work: Callable[[Kept], Awaitable[T]]) -> T:
        from pixroute.serve.listen import kept_of  # noqa: PLC0415 - a server's

        async def run() -> T:
            kept = kept_of(self.config.serve, self.config.shared)
            try:
                return await work(kept)
            finally:
                await kept.aclose()

        try:
            return asyncio.run(run())
        except StoreAway as error:
            raise click.ClickException(str(error)) from error


KeyPlace = KeyFile | SharedKeys


def _place(path: Path | None, config: Path | None) -> tuple[KeyPlace, Config | None]:
    """Give where the keys lie: in the file that was said, or where the configuration, which is given too, has them."""
    if path is not None and config is not None:
        raise click.UsageError("--file is for keys without a configuration: leave one out.")
    found, sentence = find_config(config, os.environ, Path.cwd())
    if path is not None or found is None:
        return KeyFile(path or DEFAULT), None
    read, _ = choose.read_config(found, plaintext=None, env=os.environ, ask_keys=False)
    if read.serve.shared_keys:
        if read.shared is None:
            raise click.ClickException("[serve] shared_keys needs [shared], whose store keeps them.")
        return SharedKeys(read), read
    if read.serve.keys is None:
        click.echo(f'{sentence} It names no keys: say [serve] keys = "{DEFAULT}", or nobody looks there.', err=True)
    return KeyFile(read.serve.keys or DEFAULT), read


def _check_names(config: Config, fields: Mapping[str, Sequence[str]]) -> None:
    """Refuse chains and budgets that the configuration does not have: such a key would open nothing."""
    known = {"chains": [*config.chains, *config.providers], "budgets": config.serve.key_budgets}
    for option, names in known.items():
        for name in fields[option]:
            if name not in names:
                there = f"there is {', '.join(names)}" if names else "there is none"
                raise click.ClickException(
                    f'--{option[:-1]}: nothing is named "{name}"{nearest(name, names)}; {there}.'
                )


def _placed(command: Command) -> Command:
    """Add the options that say where the keys lie."""
    file = click.Path(dir_okay=False, path_type=Path)
    for option in (
        click.option("-c", "--config", type=file, help=CONFIG),
        click.option("--file", "path", type=file, help=f"The file of keys. Default: [serve] keys, else {DEFAULT}."),
    ):
        command = option(command)
    return command


@keys.command()
@click.argument("name")
@_placed
@click.option("--role", type=click.Choice(["caller", "operator", "metrics"]), default="caller", show_default=True)
@click.option("--chain", "chains", multiple=True, metavar="NAME", help="A chain or provider it may ask; default: all.")
@click.option("--budget", "budgets", multiple=True, metavar="NAME", help="One of [serve] key_budgets that pays for it.")
@click.option("--per-minute", type=click.IntRange(1), metavar="N", help="Requests in a minute.")
@click.option("--at-once", type=click.IntRange(1), metavar="N", help="Pictures made at once.")
@click.option("--extra", multiple=True, metavar="FIELD", help="An unknown field that goes on to providers for it.")
def add(name: str, path: Path | None, config: Path | None, **fields: Any) -> None:
    """Make a key for NAME and print it, once."""
    place, read = _place(path, config)
    if read is not None:
        _check_names(read, fields)
    text, key = mint(name, by=_who(), now=time.time(), **fields)
    place.change(lambda known: known.update({key.prefix: key}))
    click.echo(text)
    click.echo(f"Kept in {place} as {key.prefix}; the key itself is shown this once.", err=True)


@keys.command("list")
@_placed
def list_(path: Path | None, config: Path | None) -> None:
    """List the keys."""
    place, _ = _place(path, config)
    rows = [_row(key) for key in place.read().values()]
    if rows:
        used = [(head, cells) for head, cells in zip(HEADS, zip(*rows, strict=True), strict=True) if any(cells)]
        columns = [[cell or OF_NOTHING.get(head, "") for cell in cells] for head, cells in used]
        console().print(table([head for head, _ in used], zip(*columns, strict=True), whole=("prefix",)))
    else:
        click.echo(f"There are no keys in {place}.")


@keys.command("revoke")
@click.argument("prefix")
@_placed
def revoke_(prefix: str, path: Path | None, config: Path | None) -> None:
    """Revoke the key of PREFIX; servers refuse it within two seconds."""
    revoked: list[ApiKey] = []
    act = partial(revoke, prefix=prefix, by=_who(), now=time.time())
    _place(path, config)[0].change(lambda known: revoked.append(act(known)))
    click.echo(f"{prefix} of {revoked[-1].name} opens nothing any more.")


def _row(key: ApiKey) -> tuple[str, ...]:
    return (
        key.prefix,
        key.name,
        key.role,
        ", ".join(key.chains) or "all",
        ", ".join(key.budgets),
        str(key.per_minute or ""),
        str(key.at_once or ""),
        _act(key.added),
        _act(key.revoked) if key.revoked else "",
    )


def _act(act: tuple[float, str]) -> str:
    return f"{datetime.fromtimestamp(act[0], UTC):%Y-%m-%d} by {act[1]}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody of this number is known here
        return "unknown"
