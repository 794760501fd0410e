"""What the benchmarks of the gateway have in common: servers in processes of their own, and a configuration."""

import os
import re
import subprocess
import sys
from pathlib import Path

COMMAND = "import sys; from pixroute.cli import main; sys.exit(main(sys.argv[1:]))"
CONFIG = """
[chains]
default = ["a"]
[providers.a]
type = "openai-images"
base_url = "{url}/v1"
api_key = {{ env = "KEY" }}
plaintext = "accept"
[serve]
port = 0
access_log = false
quiet_for = {every}
heartbeat_every = {every}
"""
LISTENS = re.compile(r"(?:running on |Running on |Listening: )\s*(http://127\.0\.0\.1:(\d+))")


WATCHED = Path(__file__).with_name("gateway_watched.py")


def gateway(folder):
    """Start `pixroute serve` with the configuration of a folder."""
    return Process(COMMAND, "serve", cwd=folder, env={**os.environ, "KEY": "any"})


def watched(folder, *arguments):
    """Start it with somebody in its loop who notes how long it computes."""
    said = (str(WATCHED), *arguments)
    return Process(*said, program=(sys.executable, "-u"), cwd=folder, env={**os.environ, "KEY": "any"})


class Process:
    """A server in a process of its own."""

    def __init__(self, *command, program=(sys.executable, "-uc"), **options):
        self._process = subprocess.Popen(
            [*program, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        found = next(found for line in self._process.stdout if (found := LISTENS.search(line)))
        self.url, self.port = found[1], int(found[2])

    def memory(self, field="VmRSS") -> int:
        """Bytes that are resident; `VmHWM`: the most since `forget_peak`."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(rf"{field}:\s+(\d+)", status)[1]) * 1024

    def forget_peak(self):
        """Let the most begin anew."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def stall(self) -> float:
        """Seconds of the longest stretch that `gateway_watched` computed since it was asked last."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    @property
    def cpu(self) -> float:
        """Seconds of a processor that it has used."""
        # in nanoseconds; /proc/PID/stat has ticks of 10 ms
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(one.read_text(encoding="ascii").split()[0]) for one in threads) / 1e9

    def end(self):
        """End it."""
        self._process.terminate()
        self._process.wait()
