"""`pixroute emulate`: the upstreams on this machine, until interrupted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import click

from pixroute.cli import choose
from pixroute.cli.signals import outside
from pixroute.cli.words import console, seconds, table
from pixroute.config.load import KEY_VARIABLE
from pixroute.testing.emulated import DEFAULT_CHAIN
from pixroute.testing.emulator import FAULTS, CallLedger, Emulator

LEDGER_HEADS = ("at", "port", "route", "model", "size", "fault", "made", "billed")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", default=16888, show_default=True, metavar="PORT", help="The plain port; 0 takes a free one.")
@click.option("--tls", is_flag=True, help="Also listen with TLS.")
@click.option("--tls-port", default=16443, show_default=True, metavar="PORT", help="The TLS port; 0 takes a free one.")
@click.option(
    "--ca-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("pixroute-emulator-ca.pem"),
    show_default=True,
    help="With --tls: where to write the authority that clients are to trust.",
)
@click.option(
    "--time-scale",
    default=1.0,
    show_default=True,
    metavar="SCALE",
    type=click.FloatRange(0, 100),
    help="Real seconds per emulated one; 0.02 is 50 times faster than life, 0 answers at once.",
)
@click.option("--fault", "faults", multiple=True, metavar="PROVIDER=FAULT", help="Repeatable; --faults lists them.")
@click.option("--faults", "list_faults", is_flag=True, help="List the faults and end.")
def emulate(
    *,
    host: str,
    port: int,
    tls_port: int,
    ca_file: Path,
    time_scale: float,
    faults: tuple[str, ...],
    tls: bool,
    list_faults: bool,
) -> None:
    """Run the upstreams on this machine.

    Until interrupted; then it prints what was asked and what would have been billed. Any key is accepted. A fault's
    PROVIDER is banana-http, banana-https, seedream or another family, a route such as images or native, a listener
    (http, https), several joined by "/", or "*" for all.
    """
    if list_faults:
        _print_faults()
        return
    emulator = Emulator(
        time_scale=time_scale, tls=tls, faults=choose.read_faults(faults), host=host, port=port, tls_port=tls_port
    )
    try:
        asyncio.run(_serve(emulator, ca_file.resolve()))
    except KeyboardInterrupt:  # its usual end
        _print_ledger(emulator.ledger)
        if outside.terminated:
            raise


async def _serve(emulator: Emulator, ca_file: Path) -> None:
    async with emulator:
        if emulator.ca_pem:
            await asyncio.to_thread(ca_file.write_text, emulator.ca_pem)
        click.echo("\n".join(_greeting(emulator, ca_file)))
        await asyncio.Event().wait()


def _greeting(emulator: Emulator, ca_file: Path) -> Iterator[str]:
    yield f"Listening: {emulator.http_url}"
    if emulator.https_url:
        yield f"Listening: {emulator.https_url}, whose authority is in {ca_file}"
    yield ""
    yield f"As pixroute.toml, with any key in {KEY_VARIABLE}:"
    yield ""
    yield "[chains]"
    yield f"default = {json.dumps(list(DEFAULT_CHAIN))}"
    for name, place in DEFAULT_CHAIN.items():
        yield ""
        yield f"[providers.{name}]"
        yield f"type = {json.dumps(place.type)}"
        yield f"base_url = {json.dumps(place.base_url(emulator))}"
        yield f'api_key = {{ env = "{KEY_VARIABLE}" }}'
        yield "allow_private_results = true"
        yield (
            f"ca_file = {json.dumps(str(ca_file))}"
            if place.base_url(emulator).startswith("https:")
            else 'plaintext = "accept"'
        )
    yield ""
    yield "Ctrl-C ends it."


def _print_ledger(ledger: CallLedger) -> None:
    rows = [
        (
            seconds(entry.at),
            entry.listener,
            entry.route,
            entry.model,
            entry.size,
            entry.fault or "",
            "yes" if entry.finished else "no",
            str(entry.billed),
        )
        for entry in ledger.entries
    ]
    click.echo()
    if rows:
        console().print(table(LEDGER_HEADS, rows))
    click.echo(f"{ledger.received} received, {ledger.finished} made, {ledger.billed} billed.")


def _print_faults() -> None:
    rows = [
        (name, kind.summary, ", ".join(f"{option}{_default(value)}" for option, value in kind.options.items()))
        for name, kind in FAULTS.items()
    ]
    console().print(table(("fault", "what happens", "options"), rows, whole=("fault",)))
    click.echo("\nEvery fault also takes after=SECONDS. Example: --fault seedream=slow:factor=4")


def _default(value: object) -> str:
    if value is None:
        return ""
    return "=" + ("|".join(map(str, value)) if isinstance(value, tuple) else str(value))
