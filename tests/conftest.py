"""A PostgreSQL server of the tests' own, where Debian's is installed; SQLite files in a folder of the test's own."""

import asyncio
import gc
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("busy", deadline=None)  # how long an example takes tells how busy the machine is
settings.load_profile("busy")

POOLER = """
[databases]
* = host=127.0.0.1 port={server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
logfile = {folder}/log
pidfile = {folder}/pid
"""
BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


async def until(holds, within):
    """Wait until an awaitable function tells true, for so many seconds at most; give what it told last."""
    for _ in range(int(within / 0.1)):
        if await holds():
            return True
        await asyncio.sleep(0.1)
    return await holds()


def free_port():
    """Give a port that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Cluster:
    """A server on a port of its own, run as the user postgres."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        shutil.chown(folder, "postgres", "postgres")
        self.ctl("initdb", "-A", "trust", "-U", "postgres", "-N", "-E", "UTF8", "--locale=C")
        with (folder / "postgresql.conf").open("a") as settings:
            settings.write(f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\n")
            settings.write("fsync = off\nfull_page_writes = off\n")  # its processes are killed here, never the system
        rules = folder / "pg_hba.conf"
        rules.write_text("host all +guarded 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self.start()
        self.sql("CREATE ROLE guarded")  # its members need their password

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

    def sql(self, statement, database="postgres"):
        """Run a statement as the server's operator."""
        subprocess.run([BIN / "psql", "-qXc", statement, self.url(database)], check=True, timeout=30)

    def listen(self, address):
        """Listen there too, for everybody who comes that way."""
        with (self.folder / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/24 trust\n")
        with (self.folder / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = '127.0.0.1,{address}'\n")
        self.stop()
        self.start()

    def signal(self, number):
        """Send a signal to all processes of the server."""
        children = subprocess.run(["pgrep", "-P", str(self.pid)], check=False, capture_output=True, text=True).stdout
        for pid in (self.pid, *map(int, children.split())):
            with suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(pid, number)

    @property
    def pid(self):
        """The server's first process."""
        return int((self.folder / "postmaster.pid").read_text().splitlines()[0])

    def heal(self):
        """Let it run, whatever was done to it."""
        try:
            self.signal(signal.SIGCONT)
        except (OSError, ValueError, IndexError):  # it is down
            self.start()

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


@pytest.fixture(scope="session")
def pooler(cluster):
    """Give what makes a URL go through Debian's pgbouncer in transaction mode, with three connections for all."""
    if shutil.which("pgbouncer") is None:
        pytest.skip("needs Debian's pgbouncer")
    with tempfile.TemporaryDirectory(prefix="pixroute-pgbouncer-") as folder:
        shutil.chown(folder, "postgres", "postgres")
        port, settings = free_port(), Path(folder) / "pgbouncer.ini"
        settings.write_text(POOLER.format(server=cluster.port, port=port, folder=folder))
        running = subprocess.Popen(
            ["runuser", "-u", "postgres", "--", "pgbouncer", "-q", settings], stderr=subprocess.DEVNULL
        )
        for _ in range(100):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield lambda url: url.replace(f":{cluster.port}/", f":{port}/")
        running.terminate()
        running.wait(10)


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_is_heard():
    """Children are begun as from a terminal, also where the tests run in the background and ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="module")
def the_past_is_put_aside():
    """A test that collects garbage looks at what its own module made, not at all that a worker has ever kept."""
    gc.collect()
    gc.freeze()
