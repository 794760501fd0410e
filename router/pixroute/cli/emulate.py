"""`pixroute emulate`: the upstreams on this machine, until interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from pixroute.cli import choose, toml
from pixroute.cli.signals import outside
from pixroute.cli.words import console, seconds, table
from pixroute.config.load import KEY_VARIABLE, load_without_keys
from pixroute.plugins import PluginsOnDemand
from pixroute.testing.emulated import default_rehearsal
from pixroute.testing.emulator import FAULTS, CallLedger, Emulator
from pixroute.testing.rehearsal import Rehearsal, rehearse, take_latencies

LEDGER_HEADS = ("at", "provider", "port", "route", "model", "size", "fault", "made", "billed")


@frozen(kw_only=True)
class EmulateJob:
    """What is to be run, and where what its clients need is written."""

    emulator: Emulator
    ca_file: Path
    rehearsal: Rehearsal | None
    into: Path
    time_scale: float


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
@click.option(
    "--for",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Play this configuration: each origin gets a port of its own, after --port.",
)
@click.option(
    "--into",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("pixroute-emulated"),
    show_default=True,
    help="With --for: where to write the configuration that asks the emulator.",
)
@click.option("--second", is_flag=True, help="Give results and jobs another origin, as many upstreams do.")
@click.option("--second-port", default=0, metavar="PORT", show_default=True, help="Its port; 0 takes a free one.")
def emulate(
    *,
    ca_file: Path,
    time_scale: float,
    faults: tuple[str, ...],
    list_faults: bool,
    file: Path | None,
    into: Path,
    **where: Any,
) -> None:
    """Run the upstreams on this machine.

    Until interrupted; then it prints what was asked and what would have been billed. Any key is accepted. A fault's
    PROVIDER is one of yours with --for, else banana-http, banana-https, seedream or another family, a route such as
    images or native, a listener (http, https), several joined by "/", or "*" for all.
    """
    if list_faults:
        _print_faults()
        return
    rehearsal = None if file is None else rehearse(load_without_keys(file, PluginsOnDemand()))
    selector = rehearsal.selector if rehearsal else str
    emulator = Emulator(
        time_scale=time_scale,
        faults={selector(word): fault for word, fault in choose.read_faults(faults).items()},
        doors=rehearsal.origins if rehearsal else (),
        **where,
    )
    job = EmulateJob(
        emulator=emulator, ca_file=ca_file.resolve(), rehearsal=rehearsal, into=into.resolve(), time_scale=time_scale
    )
    try:
        asyncio.run(_serve(job))
    except KeyboardInterrupt:  # its usual end
        _print_ledger(emulator.ledger)
        if outside.terminated:
            raise


async def _serve(job: EmulateJob) -> None:
    emulator = job.emulator
    async with emulator:
        if job.rehearsal is None:
            if emulator.ca_pem:
                await asyncio.to_thread(job.ca_file.write_text, emulator.ca_pem)
            lines = [*_listening(emulator, job.ca_file), "", *_default_lines(emulator, job.ca_file)]
        else:
            lines = await asyncio.to_thread(_write_for, job.rehearsal, job)
        click.echo("\n".join((*lines, "", "Ctrl-C ends it.")))
        await asyncio.Event().wait()


def _listening(emulator: Emulator, ca_file: Path) -> Iterator[str]:
    yield f"Listening: {emulator.http_url}"
    if emulator.https_url:
        yield f"Listening: {emulator.https_url}, whose authority is in {ca_file}"
    if emulator.second_url:
        yield f"Listening: {emulator.second_url}, where results lie and jobs are asked for"


def _default_lines(emulator: Emulator, ca_file: Path) -> Iterator[str]:
    """Write the built-in chain as a configuration that asks the emulator."""
    yield f"As pixroute.toml, with any key in {KEY_VARIABLE}:"
    yield ""
    whole = default_rehearsal().mapping(
        emulator, ca_file=ca_file if emulator.ca_pem else None, key_for=lambda _: {"env": KEY_VARIABLE}
    )
    for provider in whole["providers"].values():
        del provider["headers"]
    yield toml.dumps({name: whole[name] for name in ("chains", "providers")}).rstrip()


def _write_for(rehearsal: Rehearsal, job: EmulateJob) -> list[str]:
    """Write a configuration that asks the emulator, and what it needs, into a folder; tell of it."""
    folder, emulator = job.into, job.emulator
    folder.mkdir(parents=True, exist_ok=True)
    ca_file = folder / "ca.pem"
    if emulator.ca_pem:
        ca_file.write_text(emulator.ca_pem, encoding="utf-8")

    def key_for(account: str) -> dict[str, str]:
        (folder / f"key-{account}").write_text(f"emulated-{account}\n", encoding="utf-8")
        return {"file": f"key-{account}"}

    given = ca_file if emulator.ca_pem else None
    latencies = take_latencies(rehearsal, emulator, ca_file=given)
    mapping = rehearsal.mapping(
        emulator, scale=job.time_scale or 1.0, ca_file=given, key_for=key_for, latencies=latencies
    )
    target = folder / "pixroute.toml"
    target.write_text(f"# {rehearsal.config.source} before an emulator.\n{toml.dumps(mapping)}", encoding="utf-8")
    return [
        *_listening(emulator, ca_file),
        *(f"Listening: {emulator.door(origin)} in place of {origin}" for origin in rehearsal.origins),
        *([f"Not used: {'; '.join(rehearsal.unused)}."] if rehearsal.unused else []),
        "",
        f"Your configuration before it: PIXROUTE_CONFIG={target}",
    ]


def _print_ledger(ledger: CallLedger) -> None:
    rows = [
        (
            seconds(entry.at),
            entry.provider,
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
    return "=" + (" | ".join(map(str, value)) if isinstance(value, tuple) else str(value))
