"""What came of a batch, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
from attrs import field, frozen

from pixroute.batch.folder import Folder
from pixroute.batch.items import Item
from pixroute.batch.journal import History
from pixroute.batch.run import Stopped
from pixroute.batch.status import BatchStatus
from pixroute.cli.exits import Exit
from pixroute.cli.words import console, money, seconds, table
from pixroute.cost import Cost

HEADS = ("line", "item", "how it ended")
SHOWN = 20
"""Rows of a list on the screen; the whole of it is in the journal, and in the document of --json."""


@frozen(kw_only=True)
class Report:
    """A run of a batch that has ended: how everything stands now, beside what was done before it began."""

    folder: Folder
    items: Sequence[Item]
    before: BatchStatus
    now: BatchStatus
    history: History
    stopped: Stopped | None
    cost: Cost
    seconds: float

    failed: tuple[Item, ...] = field(init=False)
    not_begun: tuple[Item, ...] = field(init=False)

    @failed.default
    def _failed(self) -> tuple[Item, ...]:
        return tuple(item for item in self.now.ready if self._error(item) not in {None, "BudgetExceeded"})

    @not_begun.default
    def _not_begun(self) -> tuple[Item, ...]:
        return tuple(item for item in self.now.ready if item not in self.failed)

    def _error(self, item: Item) -> str | None:
        error: str | None = self.history.failed.get(item.id, {}).get("error")
        return error

    def end_of(self, item: Item) -> str:
        """Say what the journal says of an item that is not done."""
        return self._error(item) or ("begun, and never finished" if item.id in self.history.open else "not begun")

    @property
    def missing(self) -> int:
        """Pictures that did not come to items that are done."""
        return sum(self.history.finished[item.id]["missing"] for item in self.now.done)

    @property
    def exit(self) -> Exit:
        """Give the exit code."""
        if len(self.now.done) == len(self.items) and not self.missing:
            return Exit.OK
        if self.stopped is Stopped.ASKED:
            return Exit.INTERRUPTED
        if self.now.done:
            return Exit.PARTIAL
        return Exit.NO_MONEY if self.stopped is Stopped.MONEY else Exit.FAILED


def print_report(report: Report) -> None:
    """Print it."""
    now, new = report.now, len(report.now.done) - len(report.before.done)
    if report.stopped:
        click.echo(f"Stopped: {report.stopped}.")
    _print_list("Failed, and cost nothing; the next run tries again", report, report.failed)
    _print_list("Doubtful: perhaps bought, never finished; --retry-doubtful asks again", report, now.doubtful)
    makers = Counter(
        picture["provider"] for item in now.done for picture in report.history.finished[item.id]["pictures"]
    )
    if makers:
        click.echo(f"Pictures: {', '.join(f'{count} by {name}' for name, count in makers.most_common())}.")
    if report.missing:
        click.echo(f"Missing among several of one item: {report.missing}.")
    click.echo(f"This run: {seconds(report.seconds)}, {money(report.cost)}. All runs: {money(now.spent)}.")
    click.echo(f"Manifest: {report.folder.manifest}. What may have been billed: {report.folder.ledger}.")
    click.echo(
        f"{len(report.items)} items: {len(now.done)} done ({new} now), {len(report.failed)} failed, "
        f"{len(now.doubtful)} doubtful, {len(report.not_begun)} not begun."
    )


def print_doubtful(doubtful: Sequence[Item]) -> None:
    """Say, before anything is bought, which items are left out."""
    more = f" and {len(doubtful) - SHOWN} more" if len(doubtful) > SHOWN else ""
    click.echo(
        f"Left out, for they were perhaps bought and never finished (--retry-doubtful): "
        f"{', '.join(item.id for item in doubtful[:SHOWN])}{more}."
    )


def _print_list(what: str, report: Report, items: Sequence[Item]) -> None:
    if not items:
        return
    click.echo(f"\n{what}: {len(items)}.")
    rows = [(str(item.line), item.id, report.end_of(item)) for item in items[:SHOWN]]
    console().print(table(HEADS, rows, right=("line",)))
    if len(items) > SHOWN:
        click.echo(f"and {len(items) - SHOWN} more.")
    click.echo()


def as_json(report: Report, **more: Any) -> str:
    """Write it as one document."""
    now = report.now
    return json.dumps(
        {
            **more,
            "folder": str(report.folder.path),
            "manifest": str(report.folder.manifest),
            "ledger": str(report.folder.ledger),
            "items": len(report.items),
            "done": len(now.done),
            "done_now": len(now.done) - len(report.before.done),
            "missing": report.missing,
            "failed": [_told(report, item) for item in report.failed],
            "doubtful": [_told(report, item) for item in now.doubtful],
            "not_begun": [item.id for item in report.not_begun],
            "stopped": report.stopped,
            "seconds": round(report.seconds, 3),
            "cost": _cost(report.cost),
            "cost_of_all_runs": _cost(now.spent),
        },
        indent=2,
        ensure_ascii=False,
    )


def _told(report: Report, item: Item) -> dict[str, Any]:
    return {"item": item.id, "line": item.line, "end": report.end_of(item)}


def _cost(cost: Cost) -> dict[str, str | None]:
    amounts = {"certain": cost.certain, "possible": cost.possible}
    return {
        **{name: None if amount is None else str(amount) for name, amount in amounts.items()},
        "currency": cost.currency,
    }
