"""`pixroute keys`: who may ask the gateway."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from pixroute.cli.words import console, table
from pixroute.serve.keys import ApiKey, changing, mint, read_keys, revoke

Command = TypeVar("Command", bound=Callable[..., Any])
HEADS = ("prefix", "name", "role", "may ask", "a minute", "at once", "added", "revoked")


@click.group()
def keys() -> None:
    """Add, list and revoke the API keys of `pixroute serve`.

    The file is the one that [serve] keys names. It holds no key, only what tells one.
    A server looks at it every second.
    """


def _file(command: Command) -> Command:
    option = click.option(
        "--file",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=Path("pixroute-keys.json"),
        show_default=True,
        help="The file of keys.",
    )
    return option(command)


@keys.command()
@click.argument("name")
@_file
@click.option("--role", type=click.Choice(["caller", "operator", "metrics"]), default="caller", show_default=True)
@click.option("--chain", "chains", multiple=True, metavar="NAME", help="A chain or provider it may ask; default: all.")
@click.option("--per-minute", type=click.IntRange(1), metavar="N", help="Requests in a minute, in each process.")
@click.option("--at-once", type=click.IntRange(1), metavar="N", help="Pictures made at once, in each process.")
@click.option("--extra", multiple=True, metavar="FIELD", help="An unknown field that goes on to providers for it.")
def add(name: str, path: Path, **fields: Any) -> None:
    """Make a key for NAME and print it, once."""
    text, key = mint(name, by=_who(), now=time.time(), **fields)
    with changing(path) as known:
        known[key.prefix] = key
    click.echo(text)
    click.echo(f"Kept in {path} as {key.prefix}; the key itself is shown this once.", err=True)


@keys.command("list")
@_file
def list_(path: Path) -> None:
    """List the keys."""
    rows = [_row(key) for key in read_keys(path).values()]
    if rows:
        console().print(table(HEADS, rows, whole=("prefix",)))
    else:
        click.echo(f"There are no keys in {path}.")


@keys.command("revoke")
@click.argument("prefix")
@_file
def revoke_(prefix: str, path: Path) -> None:
    """Revoke the key of PREFIX; servers refuse it within two seconds."""
    with changing(path) as known:
        key = revoke(known, prefix, by=_who(), now=time.time())
    click.echo(f"{key.prefix} of {key.name} opens nothing any more.")


def _row(key: ApiKey) -> tuple[str, ...]:
    return (
        key.prefix,
        key.name,
        key.role,
        ", ".join(key.chains) or "all",
        str(key.per_minute or "no limit"),
        str(key.at_once or "no limit"),
        _act(key.added),
        _act(key.revoked) if key.revoked else "",
    )


def _act(act: tuple[float, str]) -> str:
    return f"{datetime.fromtimestamp(act[0], UTC):%Y-%m-%d %H:%M} by {act[1]}"


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody of this number is known here
        return "unknown"
