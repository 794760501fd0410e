"""The end of a request, for people: a table of what was tried, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from pixroute.cli.words import billed, console, money, number, say, seconds, table
from pixroute.cost import Cost
from pixroute.errors import RequestFailed
from pixroute.events import AttemptFinished
from pixroute.outcome import Billing, Failure
from pixroute.result import Image, ImageResult
from pixroute.routing.record import AttemptRecord, Record
from pixroute.routing.view import NOT_NEEDED

HEADS = ("provider", "kind", "stage", "seconds", "billing", "cost")


def print_result(result: ImageResult, paths: Sequence[Path], extra: Sequence[Path]) -> None:
    """Print what was tried, what is otherwise than asked, and where the pictures are."""
    _print_record(result.record)
    for adjustment in result.adjustments:
        say(f"Note: {adjustment}.")
    for missing in result.missing:
        say(f"Missing: part {missing.part + 1}: {missing.failure}")
    _print_lost(result.record, (missing.failure for missing in result.missing))
    for image, path in zip(result.images, paths, strict=True):
        click.echo(f"Saved {path}: {_described(image)}.")
    for image, path in zip(result.extra, extra, strict=True):
        click.echo(f"Saved {path}: {_described(image)}; not needed, but paid for.")
    click.echo(
        f"{seconds(result.record.seconds)} in all, {result.cost}{', by a fallback' if result.fell_back else ''}."
    )


def print_failure(error: RequestFailed, rejected: Sequence[Path]) -> None:
    """Print what was tried, and what was paid for in vain."""
    _print_record(error.record)
    _print_lost(error.record)
    for image, path in zip(error.images, rejected, strict=True):
        click.echo(f"Saved {path}: {_described(image)}; not what was asked, but paid for.")
    if error.cost != Cost(currency=error.cost.currency):
        click.echo(f"Cost: {error.cost}.")


def interruption(finished: Sequence[AttemptFinished]) -> str:
    """Say what an interrupted request may have cost."""
    paid = [event for event in finished if event.billing is not Billing.FREE]
    if not paid:
        return "Nothing was billed."
    who = ", ".join(dict.fromkeys(event.provider for event in paid))
    cost = Cost.total((event.cost for event in paid), paid[0].cost.currency)
    return f"May have been billed: {len(paid)} by {who}, {money(cost)}."


def _print_record(record: Record) -> None:
    rows = [*map(_attempt, record.attempts), *_skipped(record)]
    if rows:
        click.echo()
        console().print(table(HEADS, rows, right=("seconds",), whole=("provider", "stage", "billing")))
        for drawn in record.drawn:
            say(f"{drawn}.")
        click.echo()


def _print_lost(record: Record, failures: Iterable[Failure] = ()) -> None:
    """Print where pictures lie that were paid for and could not be fetched, and what was left behind."""
    tried = [attempt.failure for attempt in record.attempts if attempt.failure is not None]
    for url in dict.fromkeys(failure.url for failure in (*tried, *failures) if failure.url):
        click.echo(f"Paid for and not fetched: {url}")
    for attempt in record.attempts:
        if attempt.failure is None or attempt.billing is Billing.FREE:
            continue
        if (job := attempt.facts.get("job")) is not None:
            told = json.dumps({name: value for name, value in job.items() if value is not None})
            click.echo(f"Left behind: job {job.get('id')} of {attempt.provider}. Claim it, at no further cost, by")
            click.echo(f"  pixroute claim LEDGER, or router.claim({attempt.provider!r}, {told})", color=False)
        elif attempt.failure.task:
            click.echo(f"Left behind: task {attempt.failure.task} of {attempt.provider}; ask the provider for it.")


def _attempt(attempt: AttemptRecord) -> tuple[str, ...]:
    again = " (again)" if attempt.retry else " (hedge)" if attempt.hedge else ""
    return (
        attempt.provider + again,
        str(attempt.kind or ("picture" if attempt.won else "picture, not needed")),
        attempt.stage.name.lower(),
        number(attempt.seconds),
        billed(attempt.billing),
        money(attempt.cost),
    )


def _skipped(record: Record) -> Iterator[tuple[str, ...]]:
    asked = {attempt.provider for attempt in record.attempts}
    last = {name: verdict for decision in record.decisions for name, verdict in decision.verdicts.items()}
    for name, verdict in last.items():
        if name not in asked and verdict not in NOT_NEEDED:
            yield name, f"skipped: {verdict.value}", "", "", "", ""


def _described(image: Image) -> str:
    by = f"{image.provider} ({image.model})" if image.model else image.provider
    return f"{image.width}x{image.height} {image.format.upper()} by {by}"
