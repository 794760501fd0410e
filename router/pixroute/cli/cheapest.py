"""`pixroute cheapest`: who could make it, sorted by price, time and reliability; nothing is sent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import click
from attrs import evolve

from pixroute.cheapest import Comparison, Offer, compare
from pixroute.cli.choose import read_config
from pixroute.cli.options import CONFIG, RequestOptions, picture_options
from pixroute.cli.words import amount, console, table
from pixroute.config.build import build
from pixroute.config.load import KEY_VARIABLE, find_config
from pixroute.ledger import read_ledger
from pixroute.plugins import load_plugins, sample
from pixroute.provider import Provider, ProviderSettings

HEADS = ("provider", "makes", "price", "usual, s", "seen", "pictures")
ALL = "Every installed type, as it is without further settings."


@click.command()
@picture_options
@CONFIG
@click.option("--types", is_flag=True, help="Ask of every installed type, configured or not.")
@click.option(
    "--ledger",
    "ledger_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Written by the observer `ledger`: what was seen of each.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def cheapest(config: Path | None, ledger_file: Path | None, *, types: bool, as_json: bool, **asked: Any) -> None:
    """Show who could make such a picture, the cheapest first.

    Of the same price the quicker comes first, then the more reliable; what is not known comes last. Without a
    configuration every installed type is held against the wish. "usual" are the seconds that half the pictures take,
    by the ledger where it has seen any, else by the type's own table; "seen" are attempts in the ledger that no
    request was to blame for, "pictures" the share of them that brought one.
    """
    request = RequestOptions.for_picture(**asked).request("anything")
    providers, sentence = _providers(config, types=types)
    entries = read_ledger(ledger_file).entries if ledger_file else ()
    found = compare(request, providers, entries)
    if as_json:
        click.echo(json.dumps(_document(found), indent=2, default=str))
        return
    click.echo(f"{sentence}\n")
    if found.offers:
        console().print(table(HEADS, map(_row, found.offers), right=HEADS[2:], whole=("provider",)))
        if not ledger_file:
            click.echo("\n--ledger FILE shows how often each was asked, and how many pictures came.")
    else:
        click.echo("Nobody could make it.")
    if found.unable:
        click.echo()
    for name, why in found.unable.items():
        click.echo(f"{name}: {why}.")


def _providers(config: Path | None, *, types: bool) -> tuple[Mapping[str, tuple[Provider, ProviderSettings]], str]:
    path, _ = find_config(config, os.environ, Path.cwd())
    if types or path is None:
        return dict(_samples()), ALL
    env = {**os.environ, KEY_VARIABLE: os.environ.get(KEY_VARIABLE, "").strip() or "none; nothing is sent"}
    read, sentence = read_config(config, plaintext=None, env=env)
    made = build(evolve(read, observers={})).providers
    return {name: (one, read.providers[name].settings) for name, one in made.items()}, sentence


def _samples() -> Iterator[tuple[str, tuple[Provider, ProviderSettings]]]:
    for name, spec in load_plugins().providers.items():
        if (provider := sample(spec)) is not None:
            yield name, (provider, provider.settings)


def _row(offer: Offer) -> tuple[str, ...]:
    share = offer.seen.share
    return (
        offer.name,
        f"{offer.resolution}{f' ({offer.differs})' if offer.differs else ''}",
        amount(offer.price, offer.currency),
        "?" if offer.usual is None else f"{offer.usual:.0f}",
        str(offer.seen.attempts or "-"),
        "-" if share is None else f"{share:.0%}",
    )


def _document(found: Comparison) -> dict[str, Any]:
    return {"offers": [attrs.asdict(offer) for offer in found.offers], "unable": dict(found.unable)}
