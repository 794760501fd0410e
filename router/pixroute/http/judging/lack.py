"""What this machine lacks: descriptors, ports, memory, disk, threads. It says nothing of anybody else."""

from __future__ import annotations

import errno as errors
import os
import socket
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pixroute.http.judging.observation import MAYBE_BILLED, UNSENT
from pixroute.outcome import Billing, Blame, Failure, FailureKind, Stage

_DESCRIPTORS = "Raise its limit (`ulimit -n`) or set `max_in_flight`"
_DISK = "Make room there, or give another `into`"
LACKS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        errors.EMFILE: ("This process has no file descriptor left", _DESCRIPTORS),
        errors.ENFILE: ("This machine has no file descriptor left", "Raise its limit (`fs.file-max`)"),
        errors.EADDRNOTAVAIL: ("This machine has no local port left for a connection", "Set `max_in_flight`"),
        errors.ENOBUFS: ("This machine has no network buffer left", "Set `max_in_flight`"),
        errors.ENOMEM: ("This process has no memory left", "Set `max_in_flight`, or give it more memory"),
        errors.EAGAIN: ("This process can start no further thread", "Raise its limit (`ulimit -u`)"),
        errors.ENOSPC: ("The disk is full", _DISK),
        errors.EDQUOT: ("The disk quota is used up", _DISK),
        errors.EROFS: ("The disk is read-only", "Give another `into`"),
        errors.EIO: ("The disk cannot be written or read", "Look at this machine's disk"),
    }
)
"""What an error number says this machine lacks, and what to do."""


def lacking(error: BaseException, *, sent: bool) -> int | None:
    """Give the error number of what is lacking, if that is why an exception was raised."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno in LACKS and not isinstance(one, BlockingIOError):
            return one.errno
        if isinstance(one, MemoryError) or (isinstance(one, socket.gaierror) and one.errno == socket.EAI_MEMORY):
            return errors.ENOMEM
        if isinstance(one, RuntimeError) and "can't start new thread" in str(one):
            return errors.EAGAIN
    return None if sent or _descriptor_left() else errors.EMFILE


def lack(error: BaseException, stage: Stage) -> Failure | None:
    """Make a failure of an exception that this machine caused; before anything was sent, whatever it could not open."""
    number = lacking(error, sent=stage >= Stage.SEND)
    if number is not None:
        return wanting(number, stage)
    if stage >= Stage.SEND or not isinstance(error, OSError | ImportError):
        return None
    why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return Failure(
        kind=FailureKind.CONNECT,
        message=f"This machine could not get ready to send: {why}.",
        advice=f"Check the files that the configuration names, and the installation; {UNSENT}.",
        stage=stage,
        billing=Billing.FREE,
        blame=Blame.OURS,
    )


def wanting(number: int, stage: Stage) -> Failure:
    """Tell what is lacking and what to do."""
    message, advice = LACKS[number]
    sent = stage >= Stage.SEND
    return Failure(
        kind=FailureKind.DISCONNECTED if sent else FailureKind.CONNECT,
        message=f"{message}.",
        advice=f"{advice}; {MAYBE_BILLED if sent else UNSENT}.",
        stage=stage,
        billing=Billing.AMBIGUOUS if sent else Billing.FREE,
        blame=Blame.OURS,
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception, what it carries and what it came from."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        left += [one.__cause__, one.__context__, getattr(one, "os_error", None)]
        left += one.exceptions if isinstance(one, BaseExceptionGroup) else ()


def _descriptor_left() -> bool:
    """Tell whether a descriptor can be had: without one the system's resolver says that a name does not exist."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno not in {errors.EMFILE, errors.ENFILE}
    return True
