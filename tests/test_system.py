"""What a system lacks is taken away, and everything goes on without it."""

import asyncio
import os
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from pixroute import system

SOURCES = [path for root in ("router", "plugins") for path in (Path(__file__).parents[1] / root).rglob("*.py")]
SYSTEMS_OWN = re.compile(
    r"sys\.platform|os\.name\b|hasattr\((?:socket|signal|os), |import fcntl|SO_REUSEPORT|TCP_KEEP|add_signal_handler"
    r"|pthread_sig"
)
OPTIONS = ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")


def test_only_one_module_asks_what_the_system_has():
    """A difference between systems is known in one place."""
    asking = {path.name for path in SOURCES if SYSTEMS_OWN.search(path.read_text(encoding="utf-8"))}

    assert asking == {"system.py"}


@pytest.mark.parametrize("missing", [(), ("TCP_USER_TIMEOUT",), ("TCP_KEEPIDLE", "TCP_KEEPINTVL"), OPTIONS], ids=str)
def test_a_connection_is_kept_alive_as_far_as_the_system_can(missing, monkeypatch):
    """An option that is not there is not set; the others are."""
    there = {name for name in OPTIONS if hasattr(socket, name)} - {*missing}
    for name in missing:
        monkeypatch.delattr(socket, name, raising=False)

    options = system.keep_alive_options(idle=30, interval=10, count=3, unacknowledged=60)

    assert options.keys() == there
    assert all(value == {"TCP_USER_TIMEOUT": 60_000}.get(name, value) for name, (_, value) in options.items())


@pytest.mark.parametrize("has_signals", [True, False])
async def test_a_signal_is_heard_with_and_without_the_loop(has_signals, monkeypatch):
    """A loop without signals hears of them all the same, and afterwards nothing is left of it."""
    before, heard = signal.getsignal(signal.SIGTERM), asyncio.Event()
    if not has_signals:
        monkeypatch.setattr(asyncio.get_running_loop(), "add_signal_handler", refuse, raising=False)

    with system.handled({"SIGTERM": heard.set}):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(heard.wait(), 5)

    assert signal.getsignal(signal.SIGTERM) == before


def refuse(*_):
    """Do as the loop of Windows does."""
    raise NotImplementedError


async def test_a_signal_that_the_system_does_not_have_never_comes(monkeypatch):
    """The others are heard."""
    heard = []
    monkeypatch.delattr(signal, "SIGHUP")

    with system.handled({"SIGHUP": lambda: heard.append("hup"), "SIGTERM": lambda: heard.append("term")}):
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)

    assert heard == ["term"]


def test_a_port_that_cannot_be_shared_says_so(monkeypatch):
    """Several processes on one port need an option of the system."""
    with socket.socket() as sock:
        system.share_port(sock)
        monkeypatch.delattr(socket, "SO_REUSEPORT")
        with pytest.raises(OSError, match="only one process"):
            system.share_port(sock)


def test_a_lock_is_for_one_and_for_nobody_where_there_are_none(tmp_path, monkeypatch):
    """The second is told, unless the system has no such locks."""
    path = tmp_path / "file"
    with path.open("w") as first, path.open("w") as second:
        system.lock(first)
        with pytest.raises(BlockingIOError):
            system.lock(second, wait=False)

        monkeypatch.setitem(sys.modules, "fcntl", None)
        system.lock(second, wait=False)


@pytest.mark.parametrize("has_masks", [True, False])
def test_a_signal_is_blocked_and_let_through_where_that_can_be(has_masks, monkeypatch):
    """Where nobody can, it comes as ever."""
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append("now"))
    if not has_masks:
        monkeypatch.delattr(signal, "pthread_sigmask")
    try:
        with system.only_raised_here(signal.SIGUSR1):
            signal.raise_signal(signal.SIGUSR1)
            blocked = list(heard)
            with system.let_through(signal.SIGUSR1):
                let_through = list(heard)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert (blocked, let_through) == (([], ["now"]) if has_masks else (["now"], ["now"]))
