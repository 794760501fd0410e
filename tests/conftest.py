"""A PostgreSQL server of the tests' own, where Debian's is installed; SQLite files in a folder of the test's own."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class Cluster:
    """A server on a port of its own, run as the user postgres."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self.port = taken.getsockname()[1]
        shutil.chown(folder, "postgres", "postgres")
        self.ctl("initdb", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
        self.start()

    def ctl(self, program, *arguments):
        """Run one of the server's programs on its folder."""
        user = () if os.getuid() else ("runuser", "-u", "postgres", "--")
        subprocess.run(
            [*user, BIN / program, "-D", self.folder, *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def start(self):
        """Start it and wait until it answers."""
        self.ctl("pg_ctl", "-w", "start")

    def stop(self, mode="fast"):
        """Stop it; "immediate" is as good as a crash."""
        self.ctl("pg_ctl", "-w", "-m", mode, "stop")

    @property
    def pid(self):
        """The server's first process."""
        return int((self.folder / "postmaster.pid").read_text().splitlines()[0])

    def url(self, database="postgres"):
        """Give a URL."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def database(self):
        """Make a new, empty database and give its URL."""
        name = f"d{time.monotonic_ns()}"
        subprocess.run([BIN / "createdb", "--maintenance-db", self.url(), name], check=True, timeout=30)
        return self.url(name)


@pytest.fixture(scope="session")
def cluster():
    """Give a running server, or skip with the reason."""
    if BIN is None or os.getuid():
        pytest.skip("needs Debian's postgresql, and root to run it as the user postgres")
    pytest.importorskip("asyncpg")
    with tempfile.TemporaryDirectory(prefix="pixroute-postgres-") as folder:  # pytest's own no other user may enter
        running = Cluster(Path(folder))
        yield running
        running.stop("immediate")
