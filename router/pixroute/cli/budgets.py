"""`pixroute budgets`: where the money of teams and periods stands, and what doubtful attempts turned out to cost."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pixroute.cli import choose
from pixroute.cli.options import configuration_options
from pixroute.cli.words import amount, console, table
from pixroute.config.model import Config
from pixroute.routing.gate import BudgetEntry, Gate, make_gate
from pixroute.shared.ports import StoreAway

T = TypeVar("T")
MONEY = ("limit", "spent", "possibly", "reserved", "left")
HEADS = ("budget", "per", *MONEY, "resets at (UTC)")
ALONE = "They are each process's own, since its start: nothing to show. With [shared] they outlive it."


@click.group(invoke_without_command=True)
@configuration_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def budgets(context: click.Context, *, config: Path | None, plaintext: str | None, as_json: bool) -> None:
    """Show where every budget of the configuration stands in its present window.

    Possibly spent is what was sent and not answered. Once the bill is known, tell it with `pixroute budgets settle`.
    """
    read, _ = choose.read_config(config, plaintext=plaintext, env=os.environ)
    context.obj = read
    if context.invoked_subcommand is not None:
        return
    if read.shared is None:
        click.echo(ALONE if read.budgets else "There are no budgets.")
        return
    entries = _with_gate(read, Gate.status)
    if as_json:
        click.echo(json.dumps([_document(entry) for entry in entries], indent=2))
    else:
        console().print(table(HEADS, map(_row, entries), right=MONEY))


@budgets.command(short_help="Tell what an attempt turned out to be.")
@click.argument("attempt")
@click.argument("billing", type=click.Choice(["free", "billed"]))
@click.pass_obj
def settle(config: Config, attempt: str, billing: str) -> None:
    """Tell what ATTEMPT, by its id in record and ledger, turned out to be."""
    if config.shared is None:
        raise click.ClickException(ALONE)
    found = _with_gate(config, lambda gate: gate.leases.judge(attempt, billed=billing == "billed"))
    if not found:
        raise click.ClickException(f"No budget knows {attempt} as possibly spent.")
    click.echo(f"{attempt} is {billing} in {', '.join(found)}.")


def _with_gate(config: Config, ask: Callable[[Gate], Awaitable[T]]) -> T:
    async def work() -> T:
        gate = make_gate(config.budgets, config.shared)
        try:
            return await ask(gate)
        finally:
            await gate.aclose()

    try:
        return asyncio.run(work())
    except StoreAway as error:
        raise click.ClickException(str(error)) from error


def _row(entry: BudgetEntry) -> tuple[str, ...]:
    sums = (entry.budget.limit, entry.spent, entry.possibly, entry.reserved, entry.left)
    money = [amount(each, entry.budget.currency) for each in sums]
    return (entry.name, entry.budget.per, *money, f"{entry.resets_at:%Y-%m-%d %H:%M}")


def _document(entry: BudgetEntry) -> dict[str, Any]:
    sums = {word: str(getattr(entry, word)) for word in MONEY[1:]}
    return {
        "budget": entry.name,
        "per": entry.budget.per,
        "limit": str(entry.budget.limit),
        **sums,
        "currency": entry.budget.currency,
        "resets_at": entry.resets_at.isoformat(),
    }
