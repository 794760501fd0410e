"""What is shown while a batch runs."""

from decimal import Decimal
from io import BytesIO, TextIOWrapper

import pytest
from rich.console import Console

from pixroute.cli.batch_screen import BatchScreen
from pixroute.cost import Cost


def drawn(*, width, ended, total, minutes, encoding="utf-8", failed=0):
    """The moving line."""
    terminal = Console(file=TextIOWrapper(BytesIO(), encoding), width=width, force_terminal=True, color_system=None)
    times = iter([0.0, 60.0 * minutes])
    screen = BatchScreen(console=terminal, total=total, clock=lambda: next(times))
    screen.ended, screen.running, screen.failed = ended, 8, failed
    screen.spending.settled = Cost(certain=Decimal("48.48"), possible=Decimal("10.08"))
    terminal.print(screen)
    terminal.file.flush()
    return terminal.file.buffer.getvalue().decode(encoding).rstrip("\n")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (160, f"500/1000  {'━' * 24}{'─' * 24}  50/min  ETA 10:00  $48.48 + $10.08 possible  8 running"),
        (80, "500/1000  ━━━━━━━───────  50/min  ETA 10:00  $48.48 + $10.08 possible  8 running"),
        (65, "500/1000  50/min  ETA 10:00  $48.48 + $10.08 possible  8 running"),
        (50, "500/1000  50/min  ETA 10:00  $48.48 + $10.08 poss…"),
    ],
)
def test_the_line_tells_rate_time_left_and_money(width, line):
    """The bar takes what room there is, or goes."""
    assert drawn(width=width, ended=500, total=1000, minutes=10) == line


@pytest.mark.parametrize(("ended", "left"), [(7, "ETA 236 h"), (500, "ETA 1:40:00"), (1000, "ETA 00:00")])
def test_a_line_fits_into_80_columns(ended, left):
    """Also in a long, dear batch with failures."""
    line = drawn(width=80, ended=ended, total=1000, minutes=100, failed=12)

    assert left in line
    assert len(line) <= 80
    assert line.endswith("12 failed  8 running")


def test_a_terminal_without_unicode_is_drawn_in_ascii():
    """No character that it cannot show."""
    assert "####----" in drawn(width=80, ended=5, total=10, minutes=1, encoding="ascii")
