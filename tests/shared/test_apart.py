"""A process that is cut off from its store, and one whose clock is wrong."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.conftest import until

NAME = f"pix{os.getpid() % 10000}"
pytestmark = pytest.mark.slow  # interpreters are started


class Asker:
    """The process of `asker.py`."""

    def __init__(self, process):
        self._process = process

    async def ask(self, word, within=10):
        """Say a word and give what it answers."""
        self._process.stdin.write(f"{word}\n".encode())
        line = await asyncio.wait_for(self._process.stdout.readline(), within)
        return json.loads(line)

    async def is_back(self):
        """Tell whether it reaches its store."""
        return (await self.ask("health"))["said"] == "reachable"


@asynccontextmanager
async def asking(store, *before):
    """Start one, by a command that stands before it."""
    process = await asyncio.create_subprocess_exec(
        *before,
        sys.executable,
        Path(__file__).with_name("asker.py"),
        store,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Asker(process)
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), 20)


def ip(*words, check=True):
    """Run `ip`."""
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture
def elsewhere(cluster):
    """A network namespace from which the server is reached over a wire that can be cut."""
    if shutil.which("ip") is None or ip("netns", "add", NAME, check=False).returncode:
        pytest.skip("network namespaces are not permitted here, or iproute2 is not installed")
    try:
        ip("link", "add", f"{NAME}a", "type", "veth", "peer", "name", f"{NAME}b", "netns", NAME)
        ip("addr", "add", "10.213.7.1/30", "dev", f"{NAME}a")
        ip("link", "set", f"{NAME}a", "up")
        for words in (("addr", "add", "10.213.7.2/30", "dev", f"{NAME}b"), ("link", "set", f"{NAME}b", "up")):
            ip("-n", NAME, *words)
        cluster.listen("10.213.7.1")
        yield lambda way: ip("link", "set", f"{NAME}a", way)
    finally:
        ip("netns", "del", NAME)
        ip("link", "del", f"{NAME}a", check=False)


async def test_a_partition(cluster, elsewhere):
    """Cut off it goes on alone, and is told once; when the wire is whole again, it is back without a restart."""
    url = cluster.database().replace("127.0.0.1", "10.213.7.1")
    async with asking(url, "ip", "netns", "exec", NAME) as asker:
        before = await asker.ask("red")
        await asyncio.sleep(0.3)
        elsewhere("down")
        plain = await asker.ask("plain")
        first, second = await asker.ask("red"), await asker.ask("red")
        away = await asker.ask("health")
        elsewhere("up")
        await asyncio.sleep(0.2)
        assert await until(asker.is_back, 8)
        again = await asker.ask("red")
        await asyncio.sleep(0.3)
        spent = await asker.ask("budget")

    assert (before["said"], plain["said"], again["said"]) == ("one", "one", "one")
    assert "the store that keeps it is away" in first["said"]
    assert plain["seconds"] < 0.4
    assert first["seconds"] < 1.5
    assert second["seconds"] < 0.25
    assert (away["said"], away["told"]) == ("away", ["away"])
    assert spent["told"] == ["away", "back"]
    assert spent["said"].startswith("0.2 0 0 ")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_clock_that_is_an_hour_ahead(kind, cluster, tmp_path):
    """Leases go by the store's clock: one process an hour ahead and one in time have the same money and lose none.

    A file has no clock of its own: there each process's clock is the store's. A lease of the one in time is over for
    the one ahead, so its money counts as possibly spent until it settles; its settlement counts it right.
    """
    if shutil.which("faketime") is None:
        pytest.skip("faketime is not installed")
    store = str(tmp_path / "state.db") if kind == "sqlite" else cluster.database()
    async with asking(store) as punctual, asking(store, "faketime", "-f", "+1h") as ahead:
        assert (await ahead.ask("health"))["now"] - time.time() > 3500
        for _ in range(5):
            asked = await asyncio.gather(punctual.ask("red"), ahead.ask("red"))
            assert [one["said"] for one in asked] == ["one", "one"]
        await asyncio.sleep(0.3)
        spent = [(await asker.ask("budget"))["said"].split() for asker in (punctual, ahead)]
        told = (await ahead.ask("health"))["told"]

    assert [one[:3] for one in spent] == [["1", "0", "0"]] * 2
    assert told == []
