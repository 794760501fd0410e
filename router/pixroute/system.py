"""What systems differ in, in one place: each with what is done where the system lacks it."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any

IS_WINDOWS = sys.platform == "win32"
"""There an open file cannot be renamed, and nobody blocks a signal."""


@contextmanager
def handled(handlers: Mapping[str, Callable[[], object]]) -> Iterator[None]:
    """Call a handler in the running loop at each signal, by name, meanwhile.

    A signal that the system does not have (SIGHUP on Windows) never comes. A loop that takes no signals hears of
    them from the interpreter, which tells the main thread alone.
    """
    loop, undo = asyncio.get_running_loop(), list[Callable[[], object]]()
    try:
        for name, handler in handlers.items():
            if (number := getattr(signal, name, None)) is not None:
                undo.append(_handle(loop, number, handler))
        yield
    finally:
        for each in undo:
            each()


def _handle(loop: asyncio.AbstractEventLoop, number: int, handler: Callable[[], object]) -> Callable[[], object]:
    try:
        loop.add_signal_handler(number, handler)
    except NotImplementedError:

        def tell(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(handler)

        before = signal.signal(number, tell)
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)


def keep_alive_options(
    *, idle: int, interval: int, count: int, unacknowledged: int | None
) -> dict[str, tuple[int, int]]:
    """Give the TCP options that keep a connection alive, by name: the option and its value; those the system has.

    Args:
        idle: seconds of silence before the first probe.
        interval: seconds between probes.
        count: probes without an answer that end the connection.
        unacknowledged: seconds that what was sent may stay unacknowledged; None leaves it to the system.
    """
    wanted = {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPALIVE": idle,  # macOS calls it so
        "TCP_KEEPINTVL": interval,
        "TCP_KEEPCNT": count,
        "TCP_USER_TIMEOUT": unacknowledged and unacknowledged * 1000,
    }
    return {name: (getattr(socket, name), value) for name, value in wanted.items() if value and hasattr(socket, name)}


def share_port(sock: socket.socket) -> None:
    """Let several processes listen on the port that is bound next.

    Raises:
        OSError: this system does not have it.
    """
    option = getattr(socket, "SO_REUSEPORT", None)
    if option is None:
        raise OSError("this system lets only one process listen on a port (it has no SO_REUSEPORT)")
    sock.setsockopt(socket.SOL_SOCKET, option, 1)


def bound(host: str, port: int, *, is_shared: bool) -> socket.socket:
    """Give a socket that is bound to an address, which others may share.

    Raises:
        OSError: the address cannot be had.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            share_port(sock)
        sock.bind((host.strip("[]"), port))
    except BaseException:
        sock.close()
        raise
    return sock


def lock(file: IO[Any], *, wait: bool = True) -> None:
    """Keep other processes of ours from a file until it is closed; nothing is kept where files have no such locks.

    Args:
        file: open; its name is what is locked.
        wait: for whoever has it.

    Raises:
        BlockingIOError: somebody has it, and `wait` is false.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_raised_here(number: signal.Signals) -> Iterator[None]:
    """Block a signal from outside meanwhile; where nobody can, it stays as it is."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def let_through(number: signal.Signals) -> Iterator[None]:
    """Let a blocked signal come meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
