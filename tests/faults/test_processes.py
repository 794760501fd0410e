"""Rows 32, 45 and 48: clocks that jump and signals that end, each in a process of its own.

Row 49, SIGKILL, is `test_nothing_is_lost_when_the_process_is_killed` of the ledger's tests.
"""

import asyncio
import json
import pathlib
import signal
import sys
import time
from email.utils import formatdate

import pytest

from pixroute.ledger import read_ledger
from pixroute.outcome import Billing
from pixroute.testing.fake import blank_png
from pixroute.testing.faults import ScriptedServer, Step

pytestmark = pytest.mark.slow  # each test starts an interpreter

CHILD = pathlib.Path(__file__).with_name("service.py")


@pytest.fixture
def faketime():
    """Give the environment under which a process reads another wall clock, its other clocks left alone."""
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed")
    return {"LD_PRELOAD": str(found[0]), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_NO_CACHE": "1"}


async def start(*arguments, **environment):
    """Start the service; it tells what happens as lines of JSON."""
    return await asyncio.create_subprocess_exec(
        sys.executable, CHILD, *map(str, arguments), stdout=asyncio.subprocess.PIPE, env=environment
    )


async def next_line(process):
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 20))


def overloaded(**headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Step.json({"error": {"message": "overloaded"}}, status=503, headers=named)


@pytest.mark.parametrize("clock", ["+3600", "-3600"])
async def test_row_32_a_date_to_wait_for_is_read_on_the_servers_clock(faketime, clock):
    """An hour's error of our clock does not matter, for the answer carries its own Date."""
    now = time.time()
    step = overloaded(Retry_After=formatdate(now + 120, usegmt=True), Date=formatdate(now, usegmt=True))
    async with ScriptedServer(step) as server:
        service = await start("hint", server.origin, **faketime, FAKETIME=clock)
        told = await next_line(service)
        await service.communicate()

    assert told["wall"] - now == pytest.approx(float(clock), abs=20)
    assert told["hint"] == pytest.approx(120, abs=1)
    assert told["open for"] == pytest.approx(120, abs=1)


@pytest.mark.parametrize("jump", ["+3600", "-3600", "summer time"])
async def test_row_45_a_wall_clock_that_jumps_leaves_an_open_breaker_alone(faketime, tmp_path, jump):
    """The breaker opens for as long as it said, by the clock of this machine, whatever the wall clock does."""
    clock = tmp_path / "clock"
    clock.write_text("+0")
    async with ScriptedServer(*[overloaded()] * 2, Step.reply(200, b"late")) as server:
        service = await start("open", server.origin, **faketime, FAKETIME_TIMESTAMP_FILE=str(clock))
        opened = await next_line(service)
        at = time.monotonic()
        if jump == "summer time":
            service.send_signal(signal.SIGUSR1)
        else:
            clock.write_text(jump)
        await server.received(3)
        seconds = time.monotonic() - at
        told = await next_line(service)
        await service.communicate()

    assert told["jumped"] == pytest.approx(3600 if jump == "summer time" else float(jump), abs=1)
    assert seconds == pytest.approx(opened["open for"], rel=0.01, abs=0.1)


async def test_row_48_sigterm_with_twenty_in_flight(delivers, tmp_path):
    """What can still finish does, the rest is cancelled; the ledger knows all, and the process ends in time."""
    drain, released = 1.0, asyncio.Event()
    late = Step(lambda _: released.wait()) + delivers(blank_png(1024, 1024))
    async with ScriptedServer(*[late] * 10, Step.hang()) as server:
        service = await start("serve", server.origin, tmp_path / "ledger.jsonl", drain)
        await server.received(20)
        at = time.monotonic()
        service.send_signal(signal.SIGTERM)
        released.set()
        lines, _ = await service.communicate()
        seconds = time.monotonic() - at
    report = read_ledger(tmp_path / "ledger.jsonl")

    assert service.returncode == 0
    assert seconds <= drain + 1
    assert json.loads(lines.splitlines()[-1]) == {"pictures": 10, "cancelled": 10, "refused": 1}
    assert report.unsettled == ()
    billing = [entry.billing for entry in report.entries]
    assert (billing.count(Billing.BILLED), billing.count(Billing.AMBIGUOUS)) == (10, 10)
