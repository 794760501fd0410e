"""How far a batch is, shown while it runs: one line at the bottom, and a line for what is worth one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from attrs import define, field
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from pixroute.batch.run import Began, ItemEnded
from pixroute.cli.spending import Spending
from pixroute.cli.words import money, number, seconds
from pixroute.errors import BudgetExceeded
from pixroute.result import ImageResult

SHORTEST_BAR, LONGEST_BAR = 8, 48
"""Characters."""
A_DAY = 24 * 3600


@define
class BatchScreen:
    """Told by a batch what happens.

    Args:
        console: a terminal gets the moving line and a line for every failure; anything else a line for every item.
        total: how many items are to be done.
        clock: the loop's time; safe to read from rich's thread.
    """

    console: Console
    total: int
    clock: Callable[[], float]
    spending: Spending = field(factory=Spending)
    running: int = 0
    ended: int = 0
    failed: int = 0
    began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.began = self.clock()

    def __call__(self, event: Began | ItemEnded) -> None:
        """Take one event."""
        if isinstance(event, Began):
            self.running += 1
            return
        self.running -= 1
        if isinstance(event.outcome, BudgetExceeded):
            return  # nothing was sent: it counts as not begun
        self.ended += 1
        failed = not isinstance(event.outcome, ImageResult)
        self.failed += failed
        if failed or not self.console.is_terminal:
            self.say(f"[{self.ended}/{self.total}] {_sentence(event)}")

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the moving line meanwhile, on a terminal."""
        if not self.console.is_terminal:
            yield
            return
        with Live(self, console=self.console, refresh_per_second=8, transient=True):
            yield

    def say(self, sentence: str) -> None:
        """Print a sentence above the moving line."""
        self.console.print(Text(sentence), soft_wrap=True)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the moving line; where room is short, without its bar."""
        head, tail = f"{self.ended}/{self.total}", "  ".join(self._tail())
        width = min(LONGEST_BAR, options.max_width - cell_len(head) - cell_len(tail) - 4)
        full, empty = "#-" if options.ascii_only else "━─"
        done = width * self.ended // max(1, self.total)
        bar = (full * done, "green"), (empty * (width - done), "dim"), "  "
        shown = bar if width >= SHORTEST_BAR else ()
        yield Text.assemble(head, "  ", *shown, tail, no_wrap=True, overflow="ellipsis")

    def _tail(self) -> Iterator[str]:
        elapsed = self.clock() - self.began
        if self.ended and elapsed > 0:
            yield f"{number(60 * self.ended / elapsed)}/min"
            yield f"ETA {_clock_time((self.total - self.ended) * elapsed / self.ended)}"
        yield money(self.spending.cost)
        if self.failed:
            yield f"{self.failed} failed"
        yield f"{self.running} running"


def _clock_time(value: float) -> str:
    if value >= A_DAY:
        return f"{value / 3600:.0f} h"
    return str(timedelta(seconds=round(value))).removeprefix("0:")


def _sentence(event: ItemEnded) -> str:
    if not isinstance(event.outcome, ImageResult):
        return f"{event.item.id}: {str(event.outcome).partition(chr(10))[0]}"
    result = event.outcome
    how = ", by a fallback" if result.fell_back else ""
    missing = f", {len(result.missing)} missing" if result.missing else ""
    files = " ".join(map(str, event.paths))
    return (
        f"{event.item.id}: {files}, {result.provider}{how}, "
        f"{seconds(result.record.seconds)}, {money(result.cost)}{missing}"
    )
