"""`pixroute calibrate`: what it asks before it pays, and what it says after."""

import asyncio
import re
import tomllib
from decimal import Decimal
from io import StringIO

import pytest

from pixroute import FailureKind, Policy
from pixroute.cli.calibrate import CalibrateJob, Pair, _question, _run
from pixroute.cli.choose import RouterSource
from pixroute.provider import Capabilities
from pixroute.testing import FakeProvider, fail, fake_router, picture


@pytest.fixture
def measure(capsys):
    """Calibrate these providers, eight calls each."""

    def measure(*sizes, **named):
        source = RouterSource(
            open=lambda observers: fake_router(**named, policy=Policy(), observers=observers.values()),
            sentence="Using fakes.",
            emulated=False,
        )
        job = CalibrateJob(source=source, chain=None, providers=(), sizes=sizes, calls=8, concurrency=2, prompt="x")
        return asyncio.run(_run(job)), capsys.readouterr().out

    return measure


def test_every_provider_is_measured_alone(measure):
    """No retry and no fallback: each gets its own calls and no other's."""
    good, bad = FakeProvider(), FakeProvider(picture(), fail(FailureKind.OVERLOADED), picture())

    code, out = measure("1K", good=good, bad=bad)

    assert (code, len(good.calls), len(bad.calls)) == (0, 8, 8)
    assert "good 1K: 8 of 8 delivered" in out
    assert "bad 1K: 7 of 8 delivered; failed: 1 x overloaded" in out
    assert "Cost: $0.60." in out


def test_the_lines_to_paste_are_a_configuration(measure):
    """What could not be made is left out."""
    small = FakeProvider(capabilities=Capabilities(resolutions={"1K"}))

    code, out = measure("1K", "4K", small=small)

    assert code == 0
    assert "small 4K: left out, makes 1K" in out
    assert "time-out: 2 x P99, rounded up to 10 s." in out
    pasted = tomllib.loads(out.partition("For the configuration:\n")[2])
    assert pasted["providers"]["small"]["latency"].keys() == {"1K"}


def test_a_provider_that_only_fails_is_soon_given_up(measure):
    """Failures may cost as much as pictures."""
    dead = FakeProvider(fail(FailureKind.DISCONNECTED))

    code, out = measure("1K", dead=dead)

    assert code == 1
    assert 3 <= len(dead.calls) <= 4
    assert "For the configuration" not in out


@pytest.mark.parametrize(
    ("prices", "question"),
    [
        ([Decimal("0.09"), Decimal("0.04")], "This makes 40 paid calls, for up to $2.60. Go on?"),
        ([Decimal("0.09"), None], "for up to $1.80, and an unknown price for each call to p1 at 4K. Go on?"),
        ([], "This makes 0 paid calls, for up to nothing. Go on?"),
    ],
)
def test_the_question_says_what_it_costs(prices, question):
    """And that a price is unknown."""
    pairs = [
        Pair(provider=f"p{place}", size="4K", price=price, currency="USD", unable=None)
        for place, price in enumerate(prices)
    ]

    assert _question(pairs, 20).endswith(question)


@pytest.mark.slow  # a router for real providers is opened, with all that TLS needs
def test_without_consent_nothing_is_sent(pixroute, write_config, monkeypatch):
    """It asks, and takes anything but yes for no."""
    monkeypatch.setenv("KEY", "any")
    write_config("nano-banana-pro-https", 'base_url = "https://127.0.0.1:9"')
    monkeypatch.setattr("sys.stdin", StringIO("n\n"))

    run = pixroute("calibrate", "--size", "4K", "-n", "5")

    assert run.code == 0
    assert "a 4K: 5 x $0.09\nThis makes 5 paid calls, for up to $0.45. Go on?" in run.out
    assert run.out.endswith("Nothing was sent.\n")


@pytest.mark.slow  # pictures are made and sent for real
def test_emulated_it_asks_nothing_and_tells_times_of_life(pixroute):
    """Fifty times what the emulator took."""
    run = pixroute("calibrate", "--emulated", "--size", "2K", "-n", "3", "--provider", "seedream")

    assert (run.code, run.err) == (0, "")
    p50 = re.search(r"2K = \[(\d+)", run.out)
    assert int(p50[1]) >= 6
    assert "50 times." in run.out


def test_an_unknown_provider_is_told(pixroute):
    """With those that there are."""
    run = pixroute("calibrate", "--emulated", "--provider", "nobody")

    assert run.code == 2
    assert "chain default has no provider nobody; it has banana-http, banana-https, seedream." in run.err
