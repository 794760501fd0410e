"""Money, times and tables, as all commands write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pixroute.cli.signals import outside
from pixroute.cost import Cost, priced
from pixroute.outcome import Billing


def seconds(value: float) -> str:
    """Write a time in about two digits: `0.03 s`, `2.4 s`, `170 s`."""
    return f"{number(value)} s"


def number(value: float) -> str:
    """Write seconds without their unit."""
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else f"{value:.0f}"


def amount(value: Decimal | None, currency: str) -> str:
    """Write an amount: `$0.04`; unknown is never 0."""
    return "unknown" if value is None else priced(value, currency)


def money(cost: Cost) -> str:
    """Write what an attempt cost: `$0.04`, or `$0.04 possible`."""
    if cost.possible == 0:
        return amount(cost.certain, cost.currency)
    possible = f"{amount(cost.possible, cost.currency)} possible"
    return possible if cost.certain == 0 else f"{amount(cost.certain, cost.currency)} + {possible}"


class _Console(Console):
    """A console whose reader may leave."""

    def on_broken_pipe(self) -> None:
        """Go on without one: rich would end the process, and what it has paid."""
        outside.lose_reader()


def console(*, stderr: bool = False) -> Console:
    """Open a console that shows text as it is: no markup, no guesses about colours."""
    return _Console(stderr=stderr, markup=False, highlight=False, emoji=False)


def say(text: str, *, err: bool = False) -> None:
    """Print sentences: on a terminal they wrap at words, in a pipe or a file each stays one line."""
    screen = console(stderr=err)
    screen.print(Text(text), soft_wrap=not screen.is_terminal)


def billed(billing: Billing) -> str:
    """Write for people whether an attempt was billed."""
    return "may be billed" if billing is Billing.AMBIGUOUS else str(billing)


def table(
    heads: Collection[str], rows: Iterable[Iterable[str]], *, right: Collection[str] = (), whole: Collection[str] = ()
) -> Table:
    """Draw a small table; columns named in `right` are numbers, those in `whole` are never broken into lines."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for head in heads:
        fixed = head in whole
        drawn.add_column(head, justify="right" if head in right else "left", overflow="fold", no_wrap=fixed)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn
