"""Rows 26, 28 and 29, and the tail stall: how much comes, and when it is enough."""

import asyncio
import gc
import gzip
import pathlib
import sys
import time
import weakref

import pytest

from pixroute import FailureKind, Policy, Stage
from pixroute.http.pace import MIB, Pace
from pixroute.outcome import Billing
from pixroute.testing.emulator import Emulator
from pixroute.testing.faults import ScriptedServer, Step

K, BILLED = FailureKind, Billing.BILLED
UNHURRIED = {"policy": Policy(), "pace": Pace()}
HEAVY_SERVER = pathlib.Path(__file__).with_name("heavy_server.py")


class Peak:
    """Measures by how much this process grew, at most, within a `with`."""

    def __enter__(self):
        pathlib.Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
        self._before = self._status("VmRSS")
        return self

    def __exit__(self, *_):
        self.growth = self._status("VmHWM") - self._before

    @staticmethod
    def _status(name):
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def endless(piece, *, head):
    """Write a head and then the same piece for as long as somebody reads."""

    async def run(peer):
        await peer.send(head)
        while True:
            await peer.send(piece)

    return Step(run)


JSON_HEAD = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"data": [{"b64_json": "'


@pytest.mark.slow  # inflates as far as a picture may go
async def test_row_26_a_gzip_bomb(fails_over):
    """A body is counted as it inflates: 300 KB that would be 300 MB are given up at one picture's size."""
    bomb = gzip.compress(b'{"data": [{"b64_json": "' + b"A" * 300_000_000 + b'"}]}')
    assert len(bomb) < 400_000
    async with ScriptedServer(Step.reply(200, bomb, {"Content-Encoding": "gzip"})) as server:
        with Peak() as peak:
            told = await fails_over(server.origin, K.BAD_IMAGE, Stage.BODY, BILLED, **UNHURRIED)

    assert peak.growth <= 80 * MIB
    assert "bytes" in told.first.failure.message


@pytest.mark.slow  # 64 MiB come over the wire
async def test_row_28_a_picture_without_end(fails_over):
    """No picture is larger than its cap: it is read so far and not a piece further."""
    async with ScriptedServer(endless(b"A" * MIB, head=JSON_HEAD)) as server:
        told = await fails_over(server.origin, K.BAD_IMAGE, Stage.BODY, BILLED, says="bytes", **UNHURRIED)

    assert told.first.facts["wire_bytes"] <= 65 * MIB


@pytest.mark.slow  # 64 MiB come over the wire
async def test_row_28_a_body_of_many_pictures(fails_over):
    """Of the body as a whole no more is read than of one picture, for one was asked."""
    picture = b"A" * 32 * MIB + b'"}, {"b64_json": "'
    async with ScriptedServer(endless(picture, head=JSON_HEAD)) as server:
        told = await fails_over(server.origin, K.BAD_IMAGE, Stage.BODY, BILLED, says="67,108,864 bytes", **UNHURRIED)

    assert told.first.facts["wire_bytes"] <= 65 * MIB


async def most_held(memory):
    """Look at how much all bodies hold, at most, until cancelled."""
    most = 0
    try:
        while True:
            most = max(most, memory.held)
            await asyncio.sleep(0.001)
    except asyncio.CancelledError:
        return most


async def lags(every=0.005):
    """Measure how late the loop is by its own work, until cancelled; what other processes took is not its."""
    loop, late = asyncio.get_running_loop(), []
    try:
        while True:
            due, worked = loop.time() + every, time.thread_time()
            await asyncio.sleep(every)
            late.append(min(loop.time() - due, time.thread_time() - worked))
    except asyncio.CancelledError:
        return sorted(late)


@pytest.fixture
async def heavy_server():
    """Give the origin of a server in a process of its own, whose pictures weigh 25 MB."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, HEAVY_SERVER, "25000000", stdin=pipe, stdout=pipe)
    yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    process.stdin.close()
    await process.wait()


@pytest.mark.slow  # 1.7 GB come over the wire
async def test_row_29_fifty_heavy_bodies_at_once(wired, heavy_server):
    """Fifty pictures of 25 MB take turns within 256 MiB, and the loop goes on serving everybody else.

    Beside the bodies there are fifty connections' buffers, and pictures on their way to who asked for them.
    """
    async with wired(heavy_server, fallback=None, settings={"latency": None, "api": "images"}, **UNHURRIED) as wire:

        async def ask(number):
            result = await wire.router.generate(f"picture {number}", size="1K")
            return result.image.content.size  # the picture itself is given back at once

        lag, held = asyncio.create_task(lags()), asyncio.create_task(most_held(wire.transport.memory))
        with Peak() as peak:
            sizes = await asyncio.gather(*map(ask, range(50)))
        lag.cancel()
        held.cancel()
        late, most = await lag, await held

    p99 = late[int(0.99 * len(late))]
    print(f"\n50 x 25 MB: {most / MIB:.0f} MiB held, {peak.growth / MIB:.0f} grown; loop late p99 {1000 * p99:.0f} ms")
    assert sizes == [25_000_000] * 50
    assert most <= 256 * MIB
    assert peak.growth <= (256 + 64) * MIB
    assert p99 < 0.05


async def test_row_29_a_picture_given_back_is_gone(wired, delivers, heavy_png):
    """Nothing of the router holds a picture that its caller has let go of."""
    async with ScriptedServer(delivers(heavy_png(100_000))) as server, wired(server.origin) as wire:
        gc.collect()
        gc.disable()
        result = await wire.router.generate("a lighthouse", size="1K")
        gone = weakref.ref(result.image.content)
        del result
        await asyncio.sleep(0)
        left = gone()
        gc.enable()

    assert left is None


@pytest.mark.slow  # the emulated picture takes half a second
@pytest.mark.parametrize("variant", ["A", "B", "C"])
@pytest.mark.parametrize("api", ["images", "native"])
async def test_a_tail_stall_costs_nothing(wired, api, variant):
    """The document is complete, so the picture is there at once, whether the body ever ends or not."""
    async with Emulator(time_scale=0.01, seed=1) as emulator:
        emulator.set_fault(api, f"tail-stall:variant={variant}")
        async with wired(emulator.http_url, settings={"api": api}) as wire:
            told = await wire.ask()

    assert told.result.provider == "primary"
    assert told.first.facts["rescued"]
    assert told.first.seconds - told.first.facts["first_byte"] < 0.25
