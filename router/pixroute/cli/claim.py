"""`pixroute claim`: the pictures of jobs that a ledger knows and nobody collected."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pixroute.cli import choose
from pixroute.cli.exits import Exit
from pixroute.cli.options import configuration_options
from pixroute.cli.save import Target
from pixroute.content import to_the_end
from pixroute.errors import RequestFailed
from pixroute.ledger import Entry, Ledger, read_ledger
from pixroute.result import ImageResult
from pixroute.routing.router import Router


@click.command()
@click.argument("file", metavar="LEDGER", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@configuration_options
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Folder; made if missing.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="For each job.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def claim(
    *,
    file: Path,
    config: Path | None,
    plaintext: str | None,
    output: Path | None,
    timeout: float | None,
    as_json: bool,
) -> int:
    """Collect what LEDGER, written by the observer `ledger`, knows as jobs that nobody collected.

    Their pictures are saved and the ledger is settled; asking for a job costs nothing. What may have been billed and
    has no job is told. Do not run it while their process is at work: what is in flight there is collected twice.
    """
    doubtful = read_ledger(file).ambiguous
    jobs = [entry for entry in doubtful if entry.job is not None]
    lost = [entry for entry in doubtful if entry.job is None]
    told: list[dict[str, Any]] = []
    if jobs:
        folder = output or Path()
        folder.mkdir(parents=True, exist_ok=True)
        read, _ = choose.read_config(config, plaintext=plaintext, env=os.environ)

        async def work() -> list[dict[str, Any]]:
            async with Router.from_config(read) as router:
                return [await _claim(router, entry, folder, Ledger(file), timeout) for entry in jobs]

        told = asyncio.run(work())
    _tell(told, lost, as_json=as_json)
    return Exit.FAILED if lost or any(one["error"] for one in told) else Exit.OK


async def _claim(
    router: Router,
    entry: Entry,
    folder: Path,
    ledger: Ledger,
    timeout: float | None,
) -> dict[str, Any]:
    assert entry.job is not None
    facts: dict[str, Any] = {"attempt": entry.attempt, "provider": entry.provider, "job": entry.job}
    try:
        result = await router.claim(entry.provider, entry.job, timeout=timeout)
    except (RequestFailed, ValueError, TypeError) as error:  # of a job that was written by others, or is gone
        return {**facts, "pictures": [], "error": str(error)}
    paths = await to_the_end(_keep(result, entry, folder, ledger))
    return {**facts, "pictures": [str(path) for path in paths], "error": None}


async def _keep(result: ImageResult, entry: Entry, folder: Path, ledger: Ledger) -> list[Path]:
    paths = await Target(folder / f"pixroute-{entry.attempt}").save(result.images, request_id=entry.attempt)
    ledger.claimed(entry)
    return paths


def _tell(told: Sequence[dict[str, Any]], lost: Sequence[Entry], *, as_json: bool) -> None:
    if as_json:
        names = ("attempt", "provider", "url", "task")
        doubtful = [{name: getattr(one, name) for name in names} for one in lost]
        click.echo(json.dumps({"claimed": list(told), "doubtful": doubtful}, indent=2, ensure_ascii=False))
        return
    for one in told:
        click.echo(f"{one['attempt']}: {one['error'] or 'saved ' + ', '.join(one['pictures'])}", err=bool(one["error"]))
    for entry in lost:
        where = f"; its task is {entry.task}" if entry.task else ""
        where = f"; its picture was at {entry.url}" if entry.url else where
        click.echo(f"{entry.attempt}: {entry.provider} may have billed it, and there is no job to claim{where}.")
    if not told and not lost:
        click.echo("Nothing to claim.")
