"""`pixroute ledger`: what may have been billed, to lay beside the providers' bills."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import click

from pixroute.cli.words import amount, console, table
from pixroute.ledger import LONG, Entry, LedgerReport, Total, read_ledger

TOTAL_HEADS = ("provider", "attempts", "billed", "at most billed", "unsettled", "certain", "possible")
ENTRY_HEADS = ("started (UTC)", "attempt", "provider", "end", "seconds", "cost", "provider's id")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--over",
    default=LONG,
    show_default=True,
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="List what took longer.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def ledger(file: Path, over: float, *, as_json: bool) -> None:
    """Reconcile FILE, written by the observer `ledger`: what was, and what may have been, billed by whom."""
    report = read_ledger(file)
    if as_json:
        click.echo(json.dumps(_document(report, over), indent=2, ensure_ascii=False, default=_plain))
        return
    if not report.entries and not report.unreadable:
        click.echo("It tells of no attempt.")
        return
    console().print(table(TOTAL_HEADS, map(_total, report.totals), right=TOTAL_HEADS[1:]))
    _print_entries("May have been billed, ask the provider", report.ambiguous)
    _print_entries(f"Took over {over:g} s", report.over(over))
    if report.unsettled:
        click.echo(f"\nNever settled: {len(report.unsettled)}, in flight now or when their process was killed.")
    if report.unreadable:
        click.echo(f"\nUnreadable: {report.unreadable} lines, torn or not of a ledger.")


def _print_entries(what: str, entries: Sequence[Entry]) -> None:
    click.echo(f"\n{what}: {len(entries) or 'none'}.")
    if entries:
        console().print(table(ENTRY_HEADS, map(_row, entries), right=("seconds", "cost")))


def _total(total: Total) -> tuple[str, ...]:
    counts = (total.attempts, total.billed, total.possibly_billed, total.unsettled)
    cost = total.cost
    return (
        total.provider,
        *map(str, counts),
        amount(cost.certain, cost.currency),
        amount(cost.possible, cost.currency),
    )


def _row(entry: Entry) -> tuple[str, ...]:
    spent = entry.cost.certain if entry.cost.possible == 0 else entry.cost.possible
    return (
        f"{entry.started:%Y-%m-%d %H:%M:%S}" if entry.started else "",
        entry.attempt,
        entry.provider,
        "unsettled" if entry.settled is None else entry.kind or "picture",
        "" if entry.seconds is None else f"{entry.seconds:.0f}",
        amount(spent, entry.cost.currency),
        entry.task or entry.provider_request_id or "",
    )


def _document(report: LedgerReport, over: float) -> dict[str, Any]:
    """Give the entries once, and by id which of them to look at."""
    return {
        "totals": [attrs.asdict(total) for total in report.totals],
        "ambiguous": [entry.attempt for entry in report.ambiguous],
        "unsettled": [entry.attempt for entry in report.unsettled],
        "over": {"seconds": over, "attempts": [entry.attempt for entry in report.over(over)]},
        "unreadable": report.unreadable,
        "entries": [attrs.asdict(entry) for entry in report.entries],
    }


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
