"""What happens, shown while it happens: a sentence for what is over, a bar for every attempt in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from attrs import define, field
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pixroute.cli.words import billed, money, number, seconds
from pixroute.events import AnyEvent, AttemptFinished, AttemptStarted, Event, ProviderSkipped, RetryScheduled
from pixroute.latency import Quantiles
from pixroute.outcome import Failure

BAR = 24
"""Characters."""
BEYOND = 1.25


@define
class Screen:
    """An observer that tells a console.

    Args:
        console: a terminal gets bars; anything else a plain line when an attempt starts.
        expected: usual times by provider.
        clock: the loop's time; safe to read from rich's thread.
        parts: of how many parts the request is; several are told apart.
        quiet: keep count of what happens and show nothing.
    """

    console: Console
    expected: dict[str, Quantiles] = field(factory=dict)
    clock: Callable[[], float] = float
    quiet: bool = False
    running: dict[str, AttemptStarted] = field(factory=dict)
    finished: list[AttemptFinished] = field(factory=list)

    def __call__(self, event: AnyEvent) -> None:
        """Take one event."""
        match event:
            case AttemptStarted():
                self.running[event.attempt] = event
            case AttemptFinished():
                self.running.pop(event.attempt, None)
                self.finished.append(event)
        if not self.quiet and (line := self._line(event)):
            self.console.print(Text(line), soft_wrap=not self.console.is_terminal)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show bars meanwhile, on a terminal."""
        if self.quiet or not self.console.is_terminal:
            yield
            return
        with Live(self, console=self.console, refresh_per_second=12, transient=True):
            yield

    def _line(self, event: AnyEvent) -> str | None:
        match event:
            case AttemptStarted() if not self.console.is_terminal:
                return f"{_who(event, event.provider)}: asked{self._prospect(event)}"
            case AttemptFinished(failure=Failure() as failure):
                head = f"{_who(event, event.provider)}: {failure.kind} after {seconds(event.seconds)}"
                return f"{head}, {billed(event.billing)}: {failure}"
            case AttemptFinished():
                return f"{_who(event, event.provider)}: picture after {seconds(event.seconds)}, {money(event.cost)}"
            case RetryScheduled(provider=None):
                return f"{_who(event, 'all')}: begun again in {seconds(event.retry_at - event.at)}"
            case RetryScheduled():
                who = _who(event, str(event.provider))
                return f"{who}: is asked once more in {seconds(event.retry_at - event.at)}"
            case ProviderSkipped() if all(event.provider != attempt.provider for attempt in self.finished):
                return f"{_who(event, event.provider)}: skipped, {event.reason}"
        return None

    def _prospect(self, event: AttemptStarted) -> str:
        cut = f"cut at {seconds(event.ends_at - event.at)}"
        usual = self.expected.get(event.provider)
        return f"; usually {number(usual.p50)} to {seconds(usual.p99)}, {cut}" if usual else f"; times unknown, {cut}"

    # Drawn by rich's thread, many times a second

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw a bar for every attempt in flight."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=22)
        grid.add_column(no_wrap=True, width=BAR)
        grid.add_column(no_wrap=True, justify="right")
        grid.add_column(no_wrap=True, overflow="ellipsis")
        for event in list(self.running.values()):
            elapsed = self.clock() - event.at
            bar = self._bar(event, elapsed, ascii_only=options.ascii_only)
            grid.add_row(_who(event, event.provider), bar, seconds(elapsed), Text(self._marks(event), style="dim"))
        yield grid

    def _bar(self, event: AttemptStarted, elapsed: float, *, ascii_only: bool) -> Text:
        """Draw the time passed, with marks at P50 and P99; it reaches a little beyond P99, later to the cut."""
        full, empty, mark = "#-|" if ascii_only else "━─┿"
        cut = event.ends_at - event.at
        usual = self.expected.get(event.provider)
        whole = min(cut, BEYOND * usual.p99) if usual and elapsed < BEYOND * usual.p99 else cut
        places = {int(BAR * time / whole) for time in (usual.p50, usual.p99)} if usual else set()
        done = min(BAR, int(BAR * elapsed / whole))
        style = "green" if usual is None or elapsed <= usual.p99 else "yellow"
        drawn = "".join(mark if place in places else full if place < done else empty for place in range(BAR))
        return Text.assemble((drawn[:done], style), (drawn[done:], "dim"))

    def _marks(self, event: AttemptStarted) -> str:
        usual = self.expected.get(event.provider)
        cut = f"cut {seconds(event.ends_at - event.at)}"
        return f"P50 {number(usual.p50)}  P99 {number(usual.p99)}  {cut}" if usual else f"times unknown  {cut}"


def _who(event: Event, name: str) -> str:
    return f"{name} (part {event.part + 1})" if event.part else name
