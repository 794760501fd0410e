"""`pixroute batch`: many pictures from a file, resumable."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from pixroute.batch.folder import Folder
from pixroute.batch.items import Item, read_items
from pixroute.batch.journal import History, Journal
from pixroute.batch.manifest import write_manifest
from pixroute.batch.run import Batch, check, currencies
from pixroute.batch.status import BatchStatus, changed
from pixroute.cli import choose
from pixroute.cli.batch_report import Report, as_json, print_doubtful, print_report
from pixroute.cli.batch_screen import BatchScreen
from pixroute.cli.exits import Exit
from pixroute.cli.options import RequestOptions, configuration_options, emulation_options, request_options
from pixroute.cli.signals import outside
from pixroute.cli.words import console, say
from pixroute.errors import ConfigError
from pixroute.events import Observer
from pixroute.ledger import Ledger
from pixroute.routing.budget import RequestBudget
from pixroute.system import handled


@frozen(kw_only=True)
class BatchJob:
    """What is to be done, and how it is told."""

    prompts: Path
    items: tuple[Item, ...]
    folder: Folder
    source: choose.RouterSource
    concurrency: int
    timeout: float | None
    max_cost: Decimal | None
    retry_doubtful: bool
    with_prompts: bool
    json: bool


@click.command()
@click.argument("prompts", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder; made if missing."
)
@click.option("--concurrency", default=8, show_default=True, type=click.IntRange(1, 1000), help="Items in flight.")
@click.option("--retry-doubtful", is_flag=True, help="Also ask for what an earlier run perhaps bought in vain.")
@click.option("--with-prompts", is_flag=True, help="Keep the prompts in the manifest.")
@request_options
@configuration_options
@emulation_options
@click.option("--json", "as_document", is_flag=True, help="One JSON document on stdout; progress goes to stderr.")
def batch(
    *,
    prompts: Path,
    output: Path,
    concurrency: int,
    retry_doubtful: bool,
    with_prompts: bool,
    config: Path | None,
    plaintext: str | None,
    emulated: bool,
    time_scale: float | None,
    faults: tuple[str, ...],
    as_document: bool,
    **asked: Any,
) -> int:
    """Make the pictures of PROMPTS: a .txt, .jsonl or .csv, one item a line.

    A JSON object or a CSV row has a prompt and may have id, size, aspect, n, references, tags, chain and sensitive;
    where it does not say, the options hold. --timeout is for each item, --max-cost for the whole batch, all its runs
    together. Started again, it goes on; what is finished is never bought again. Ctrl-C lets what is in flight end; a
    second one does not.
    """
    options = RequestOptions(**asked)
    job = BatchJob(
        prompts=prompts,
        items=read_items(prompts, options.request("any"), chain=options.chain),
        folder=Folder(output),
        source=choose.source(
            config=config, plaintext=plaintext, emulated=emulated, time_scale=time_scale, faults=faults
        ),
        concurrency=concurrency,
        timeout=options.timeout,
        max_cost=options.max_cost,
        retry_doubtful=retry_doubtful,
        with_prompts=with_prompts,
        json=as_document,
    )
    with _journal(job) as journal:
        return asyncio.run(_run(job, journal))


def _journal(job: BatchJob) -> Journal:
    folder = job.folder
    folder.path.mkdir(parents=True, exist_ok=True)
    if folder.history().emulated not in {None, job.source.emulated}:
        other = "real" if job.source.emulated else "emulated"
        raise click.UsageError(f"-o {folder.path} holds {other} pictures; take another folder.")
    try:
        return Journal(folder.journal, emulated=job.source.emulated)
    except BlockingIOError:
        raise click.UsageError(f"-o {folder.path}: another run is at work there.") from None


async def _run(job: BatchJob, journal: Journal) -> Exit:
    history = job.folder.history()
    before = job.folder.status(job.items, history)
    todo = [*before.ready, *(before.doubtful if job.retry_doubtful else ())]
    clock = asyncio.get_running_loop().time
    screen = BatchScreen(console=console(stderr=job.json), total=len(todo), clock=clock)
    observers: dict[str, Observer] = {"batch-ledger": Ledger(job.folder.ledger), "batch-spending": screen.spending}
    async with job.source.open(observers) as router:
        problems = [*changed(job.items, history), *await check(router, todo)]
        if problems:
            raise ConfigError(problems, source=str(job.prompts))
        if job.max_cost is not None and len(found := currencies(router, todo)) > 1:
            raise click.UsageError(f"--max-cost counts in one currency; the items cost {', '.join(sorted(found))}.")
        _greet(job, before)
        work = Batch(
            router=router,
            journal=journal,
            folder=job.folder.path,
            concurrency=job.concurrency,
            timeout=job.timeout,
            budget=RequestBudget(None if job.max_cost is None else job.max_cost - before.counted),
            tell=screen,
        )
        try:
            with _interruptible(work, screen), screen.live():
                await work.run(todo)
        except asyncio.CancelledError:  # by the second Ctrl-C
            pass
        finally:
            history = job.folder.history()
            write_manifest(job.folder.manifest, job.items, history, with_prompts=job.with_prompts)
    return _tell(job, before, history, work, screen)


def _greet(job: BatchJob, before: BatchStatus) -> None:
    if job.json:
        return
    say(job.source.sentence)
    if before.done:
        click.echo(f"{len(before.done)} of {len(job.items)} items are done already.")
    if before.doubtful and not job.retry_doubtful:
        print_doubtful(before.doubtful)


@contextmanager
def _interruptible(work: Batch, screen: BatchScreen) -> Iterator[None]:
    """Let the first Ctrl-C stop the batch and the second give up what is in flight."""
    task = asyncio.current_task()
    assert task

    asked = False
    outside.patient = True

    def interrupt() -> None:
        nonlocal asked
        if asked:
            task.cancel()
        else:
            asked = True
            work.stop()
            screen.say("Interrupted: waiting for what is in flight; once more gives it up.")

    try:
        with handled({"SIGINT": interrupt}):
            yield
    finally:
        outside.patient = False


def _tell(job: BatchJob, before: BatchStatus, history: History, work: Batch, screen: BatchScreen) -> Exit:
    report = Report(
        folder=job.folder,
        items=job.items,
        before=before,
        now=job.folder.status(job.items, history),
        history=history,
        stopped=work.stopped,
        cost=screen.spending.cost,
        seconds=screen.clock() - screen.began,
    )
    if job.json:
        click.echo(as_json(report, emulated=job.source.emulated, configuration=job.source.sentence))
    else:
        print_report(report)
    return report.exit
