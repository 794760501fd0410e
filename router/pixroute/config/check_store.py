"""Rules of `check` on the store that processes share: whether its file lies where it keeps locks and outlives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

from pixroute.config.build import Built
from pixroute.config.walk import ConfigFinding, Walk

MOUNTS = Path("/proc/self/mountinfo")
_REMOTE = "does not keep the locks of a SQLite file: its money can be counted wrongly"
_WRONG = MappingProxyType(
    {
        "nfs": _REMOTE,
        "nfs4": _REMOTE,
        "cifs": _REMOTE,
        "smb3": _REMOTE,
        "9p": _REMOTE,
        "fuse.sshfs": _REMOTE,
        "tmpfs": "is memory: what was spent is forgotten when the machine starts anew",
        "overlay": "is a container's own layer: what was spent is forgotten with the container, and no other sees it",
    }
)


def store(built: Built, _: Sequence[Walk]) -> Iterator[ConfigFinding]:
    """Look at the file system on which a SQLite store lies; where it cannot be told, nothing is said."""
    shared = built.config.shared
    if shared is None or not isinstance(shared.store, Path):
        return
    try:
        kind = file_system(shared.store.resolve(), MOUNTS.read_text("utf-8", "replace"))
    except OSError:
        return
    if (why := _WRONG.get(kind)) is not None:
        yield ConfigFinding(
            level="warning",
            path="shared.store",
            message=f"{shared.store} lies on {kind}, which {why}",
            fix="name a file on this machine's own disk (in a container: on a volume), or PostgreSQL",
        )


def file_system(path: Path, mounts: str) -> str:
    """Give the type of the file system that a path lies on, by Linux's mountinfo; empty: it is not told there."""
    found = (0, "")
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
        if path.is_relative_to(point):
            found = max(found, (len(point), after.split(" ")[0]), key=lambda one: one[0])
    return found[1]


RULES = (store,)
