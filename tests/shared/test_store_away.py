"""What befalls a store, one case after the other: who needs it not is not kept, who does is told within a second.

Each is told once, with what to do, and is over without a restart.
"""

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from contextlib import asynccontextmanager, closing, suppress
from decimal import Decimal
from pathlib import Path

import pytest
from tests.conftest import until

from pixroute import BudgetExceeded, Router
from pixroute.config.shared import SharedSettings
from pixroute.events import StoreChanged
from pixroute.secret import Secret
from pixroute.shared.budgets import Budget, Covers
from pixroute.testing import FakeProvider

PAUSE = float(os.environ.get("PIXROUTE_PAUSE", "3"))
"""Seconds for which a server is silent; 30 once before a release."""
BUDGETS = {"red": Budget(limit=2, per="month", when=Covers(tags={"team": "red"}))}
RED = {"team": "red"}


class Away:
    """A router whose store is about to be away."""

    def __init__(self, store, *, word="refuse"):
        self.events = []
        place = store if isinstance(store, Path) else Secret(lambda: store)
        self.router = Router(
            providers={"one": FakeProvider(price="0.10", latency=(0.2, 1.0, 3.0))},
            chains={"default": ["one"]},
            budgets=BUDGETS,
            shared=SharedSettings(store=place, on_store_down=word),
            observers={"events": self.events.append},
        )

    @asynccontextmanager
    async def running(self):
        """Spend a tenth, and go on."""
        async with self.router:
            await self.router.generate("seen", tags=RED)
            await asyncio.sleep(0.2)  # it is settled
            yield self

    async def timed(self, **said):
        """Give what came of a request and how long it took."""
        began = time.monotonic()
        try:
            ended = await self.router.generate("a lighthouse", **said)
        except BudgetExceeded as error:
            ended = error
        return ended, time.monotonic() - began

    async def is_served(self):
        """Tell whether a request is paid for again."""
        return not isinstance((await self.timed(tags=RED))[0], BudgetExceeded)

    @property
    def state(self):
        """What `health()` says of the store."""
        return next(entry.state for entry in self.router.health() if entry.key == "kept")

    @property
    def told(self):
        """What was told of the store, as state and text."""
        return [
            (event.state, event.text)
            for event in self.events
            if isinstance(event, StoreChanged) and event.port == "kept"
        ]

    async def is_back(self):
        """Wait until it is."""

        async def back():
            return self.state == "reachable"

        assert await until(back, 4)


async def examined(away, breaks, mends, advice, *, lasts=0.5, spent=2):
    """Break the store, ask, mend it, and ask again."""
    async with away.running():
        await breaks()
        plain, kept_plain = await away.timed()
        first, kept_first = await away.timed(tags=RED)
        second, kept_second = await away.timed(tags=RED)
        state = away.state
        await asyncio.sleep(lasts)
        told = list(away.told)
        await mends()
        await away.is_back()
        again, _ = await away.timed(tags=RED)
        await asyncio.sleep(0.3)
        (entry,) = await away.router.budgets()
        told_after = away.told

    assert (plain.provider, state) == ("one", "away")
    assert "the store that keeps it is away" in str(first)
    assert "the store that keeps it is away" in str(second)
    assert kept_plain < 0.25, "who does not need it does not wait"
    assert kept_first < 1.5, "within a second"
    assert kept_second < 0.25, "it is known to be away"
    assert [word for word, _ in told] == ["away"], told
    assert advice in told[0][1], told
    assert "back" in [word for word, _ in told_after]
    assert again.provider == "one"
    assert (entry.spent, entry.reserved) == (Decimal(spent) / 10, 0)
    return told_after


# SQLite


async def test_a_file_that_another_holds(tmp_path):
    """Locked for longer than a second."""
    away = Away(tmp_path / "state.db")
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:

        async def lock():
            other.execute("BEGIN EXCLUSIVE")

        async def unlock():
            other.execute("ROLLBACK")

        told = await examined(away, lock, unlock, "another process holds it; if nobody should, end whoever does")
    assert [word for word, _ in told] == ["away", "back"]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 KiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False, capture_output=True)
    if made.returncode:
        pytest.skip("needs root, to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_file_that_cannot_be_written(small_disk):
    """Mounted read-only; when it is writable again, so is what was opened."""

    def mounted(how):
        async def remount():
            await asyncio.to_thread(subprocess.run, ["mount", "-o", f"remount,{how}", small_disk], check=True)

        return remount

    away = Away(small_disk / "state.db")

    async def read_only():
        for _ in range(100):  # a disk with a file open for writing cannot be made so, and it is opened anew each second
            stores = away.router._life.shared.gate.stores
            for database in (stores.kept, stores.told._database):
                await asyncio.to_thread(database._let_go)
            with suppress(subprocess.CalledProcessError):
                return await mounted("ro")()
        raise AssertionError("never read-only")

    told = await examined(away, read_only, mounted("rw"), "give this process's user the right to, or mount it writable")
    assert [word for word, _ in told] == ["away", "back"]


async def test_a_full_disk(small_disk):
    """No room for another page."""
    away = Away(small_disk / "state.db")
    rubbish = small_disk / "rubbish"

    async def fill():
        with rubbish.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 512)
            except OSError:
                pass

    async def empty():
        rubbish.unlink()

    told = await examined(away, fill, empty, "its disk is full or failing; make room")
    assert [word for word, _ in told] == ["away", "back"]


async def test_a_file_that_is_damaged(tmp_path):
    """It is moved away, a new one is made, and what this process spent is written into it."""
    store = tmp_path / "state.db"

    async def damage():
        (tmp_path / "garbage").write_bytes(b"no database at all" * 1000)
        (tmp_path / "garbage").replace(store)

    async def move_away():
        store.replace(tmp_path / "damaged.db")

    told = await examined(Away(store), damage, move_away, "it is damaged; move it away, and a new one is made")
    assert [word for word, _ in told] == ["away", "back", "replaced"]


async def test_an_older_copy_of_a_file(tmp_path):
    """What this process spent since counts at once again; it is told, once."""
    store, copy = tmp_path / "state.db", tmp_path / "copy.db"
    async with Away(store).running() as away:
        await asyncio.to_thread(shutil.copy, store, copy)
        for _ in range(3):
            await away.timed(tags=RED)
        await asyncio.sleep(0.3)
        copy.replace(store)
        (between,) = await away.router.budgets()
        await away.timed(tags=RED)
        await asyncio.sleep(0.3)
        (after,) = await away.router.budgets()
        told = away.told

    assert between.spent == Decimal("0.1"), "that copy knew no more"
    assert after.spent == Decimal("0.5")
    assert [word for word, _ in told] == ["replaced"]
    assert "look at the budgets" in told[0][1]


# PostgreSQL


@pytest.fixture
def guarded(cluster):
    """Give a database of a role with a password, of which an operator can do all that one does."""
    return Guarded(cluster)


class Guarded:
    """A database and its role."""

    def __init__(self, cluster):
        self.cluster, self.name = cluster, f"g{time.monotonic_ns()}"
        self.sql(f"CREATE ROLE {self.name} LOGIN PASSWORD 'right'")
        self.sql(f"GRANT guarded TO {self.name}")
        self.sql(f"CREATE DATABASE {self.name} OWNER {self.name}")

    @property
    def url(self):
        """Where the router goes."""
        return f"postgresql://{self.name}:right@127.0.0.1:{self.cluster.port}/{self.name}"

    def sql(self, *statements):
        """Do as the server's operator."""
        for statement in statements:
            self.cluster.sql(statement)

    def does(self, *statements):
        """Give what does that, and throws everybody out."""
        out = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'"

        async def do():
            await asyncio.to_thread(self.sql, *statements, out)

        return do


async def test_a_wrong_password(guarded):
    """Somebody changed it."""
    change = f"ALTER ROLE {guarded.name} PASSWORD "
    away = Away(guarded.url)
    told = await examined(
        away, guarded.does(change + "'other'"), guarded.does(change + "'right'"), "it refuses the user or the password"
    )
    assert [word for word, _ in told] == ["away", "back"]


async def test_no_connection_is_left(guarded):
    """The server's, or the role's."""
    limit = f"ALTER ROLE {guarded.name} CONNECTION LIMIT "
    told = await examined(
        Away(guarded.url),
        guarded.does(limit + "0"),
        guarded.does(limit + "-1"),
        "raise max_connections, or put a pooler",
    )
    assert [word for word, _ in told] == ["away", "back"]


async def test_a_replica(guarded):
    """It takes no writes."""
    says = f"ALTER DATABASE {guarded.name} SET default_transaction_read_only = "
    told = await examined(
        Away(guarded.url), guarded.does(says + "on"), guarded.does(says + "off"), "give the primary's address"
    )
    assert [word for word, _ in told] == ["away", "back"]


async def test_an_emptied_database(guarded):
    """Its tables are gone: they are made anew, and hold what this process spent."""
    async with Away(guarded.url).running() as away:
        tables = "pixroute_store, pixroute_process, pixroute_lease, pixroute_wait, pixroute_spent, pixroute_doubt"
        guarded.cluster.sql(f"DROP TABLE {tables}", guarded.name)
        await away.timed(tags=RED)
        await away.is_back()
        ended, _ = await away.timed(tags=RED)
        await asyncio.sleep(0.3)
        (entry,) = await away.router.budgets()
        told = [word for word, _ in away.told]

    assert ended.provider == "one"
    assert entry.spent == Decimal("0.2")
    assert told[-1] == "replaced"


@pytest.mark.slow  # the server is silent for seconds
async def test_a_server_that_is_silent(guarded):
    """Stopped as by a hung disk: connections stay, and nothing answers."""

    async def stop():
        guarded.cluster.signal(signal.SIGSTOP)

    async def go_on():
        guarded.cluster.signal(signal.SIGCONT)

    try:
        told = await examined(
            Away(guarded.url), stop, go_on, "is it running, and does this machine reach it?", lasts=PAUSE
        )
    finally:
        guarded.cluster.signal(signal.SIGCONT)
    assert [word for word, _ in told] == ["away", "back"]


@pytest.mark.slow  # the server is started anew
async def test_a_server_that_is_killed(guarded):
    """And comes back after a while."""

    async def kill():
        await asyncio.to_thread(guarded.cluster.stop, "immediate")

    async def start():
        await asyncio.to_thread(guarded.cluster.start)

    told = await examined(Away(guarded.url), kill, start, "is it running, and does this machine reach it?")
    assert [word for word, _ in told] == ["away", "back"]


@pytest.mark.slow  # the server is started anew, twice
async def test_a_server_restored_from_an_older_copy(guarded, tmp_path):
    """Nothing counts below what the living spent."""
    cluster, copy = guarded.cluster, tmp_path / "copy"
    async with Away(guarded.url).running() as away:
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(subprocess.run, ["cp", "-a", cluster.folder, copy], check=True)
        await asyncio.to_thread(cluster.start)
        assert await until(away.is_served, 5)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(
            subprocess.run, f"rm -rf {cluster.folder}/* && cp -a {copy}/. {cluster.folder}", shell=True
        )
        await asyncio.to_thread(cluster.start)
        await away.timed(tags=RED)
        await away.is_back()
        await away.timed(tags=RED)
        await asyncio.sleep(0.3)
        (entry,) = await away.router.budgets()
        told = [word for word, _ in away.told]

    assert entry.spent >= Decimal("0.3")
    assert "replaced" in told


async def test_alone_a_budget_gives_its_share(guarded):
    """What was left when it was last seen, divided by the processes seen then; spent is not counted twice."""
    async with Away(guarded.url, word="share").running() as away, Away(guarded.url, word="share").running() as other:
        await away.timed(tags=RED)
        await other.timed(tags=RED)
        await asyncio.sleep(0.3)
        await guarded.does(f"ALTER ROLE {guarded.name} CONNECTION LIMIT 0")()
        mine = [(await away.timed(tags=RED))[0] for _ in range(12)]
        others = [(await other.timed(tags=RED))[0] for _ in range(12)]
        await guarded.does(f"ALTER ROLE {guarded.name} CONNECTION LIMIT -1")()
        await away.is_back()
        await other.is_back()
        (entry,) = await away.router.budgets()

    served = [sum(not isinstance(end, BudgetExceeded) for end in ended) for ended in (mine, others)]
    assert sum(served) <= 16, "twenty, of which four were spent"
    assert min(served) >= 7, served
    assert entry.spent == Decimal(4 + sum(served)) / 10 <= 2
