"""What is shown while a request runs."""

from io import BytesIO, TextIOWrapper

import pytest
from rich.console import Console

from pixroute import Billing, Quantiles, Stage
from pixroute.cli.screen import Screen
from pixroute.cost import Cost
from pixroute.events import AttemptFinished, AttemptStarted, RetryScheduled

EXPECTED = {"banana": Quantiles(40, 60, 80)}


def started(attempt="a-1", part=0):
    return AttemptStarted(
        at=0.0,
        request="a",
        part=part,
        attempt=attempt,
        provider="banana",
        model=None,
        resolution="4K",
        ends_at=600.0,
        price=Cost(),
    )


def finished(attempt="a-1"):
    return AttemptFinished(
        at=44.0,
        request="a",
        attempt=attempt,
        provider="banana",
        stage=Stage.DONE,
        billing=Billing.BILLED,
        cost=Cost(),
        seconds=44.0,
    )


def console(*, terminal=True, encoding="utf-8"):
    return Console(
        file=TextIOWrapper(BytesIO(), encoding), width=80, force_terminal=terminal, color_system=None, markup=False
    )


def written(console):
    console.file.flush()
    return console.file.buffer.getvalue().decode()


def drawn(elapsed, *, expected=EXPECTED, encoding="utf-8"):
    """The one line of an attempt in flight."""
    terminal = console(encoding=encoding)
    screen = Screen(console=terminal, expected=expected, clock=lambda: elapsed)
    screen(started())
    terminal.print(screen)
    return written(terminal).rstrip("\n")


@pytest.mark.parametrize(
    ("elapsed", "bar"),
    [
        (0, "─────────┿─────────┿────"),
        (25, "━━━━━━───┿─────────┿────"),
        (90, "━━━━━━━━━┿━━━━━━━━━┿━───"),
        (300, "━┿━┿━━━━━━━━────────────"),
    ],
)
def test_a_bar_shows_the_time_against_what_is_usual(elapsed, bar):
    """It reaches a little beyond P99, marks P50 and P99, and once that is over goes to the cut."""
    assert bar in drawn(elapsed)


def test_a_line_fits_into_80_columns():
    """Provider, bar, elapsed, the usual times and the cut."""
    line = drawn(25)

    assert line.startswith("banana ━")
    assert line.rstrip().endswith("25 s P50 40  P99 80  cut 600 s")
    assert len(line) <= 80


def test_without_usual_times_the_bar_goes_to_the_cut():
    """A provider that nobody knows yet has no marks."""
    assert "━━━━━━━━━━━━────────────" in drawn(300, expected={})


def test_a_terminal_without_unicode_is_drawn_in_ascii():
    """No character that it cannot show."""
    assert "######---|" in drawn(25, encoding="ascii")


def test_what_is_over_is_a_sentence():
    """An attempt that ended leaves the bars, and its line stays above them."""
    terminal = console()
    screen = Screen(console=terminal, expected=EXPECTED)

    screen(started())
    screen(finished())

    assert written(terminal) == "banana: picture after 44 s, $0\n"
    assert not screen.running


def test_without_a_terminal_the_start_is_a_line_too():
    """In a log there are no bars; several parts are told apart."""
    log = console(terminal=False)
    screen = Screen(console=log, expected=EXPECTED)

    screen(started(part=1))
    screen(RetryScheduled(at=10.0, request="a", provider=None, retry_at=15.5))

    assert written(log) == ("banana (part 2): asked; usually 40 to 80 s, cut at 600 s\nall: begun again in 5.5 s\n")


def test_bars_live_on_a_terminal_alone():
    """A quiet screen shows nothing and still counts."""
    terminal = console()
    screen = Screen(console=terminal, quiet=True)

    with screen.live():
        screen(started())
        screen(finished())

    assert written(terminal) == ""
    assert len(screen.finished) == 1
