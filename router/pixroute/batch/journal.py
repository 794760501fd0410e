"""The file that a batch goes on from: which items were begun, and what became of them.

One JSON object a line, on disk before what follows from it. It holds ids, hashes and file names, and no prompt.
Beside it lies a ledger (`pixroute.ledger`), whose attempts carry the item's id as the tag `batch_item`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import field, frozen

from pixroute.batch.items import Item
from pixroute.system import lock

Facts = Mapping[str, Any]


class Journal:
    """The journal of one run, open for writing; only one run at a time may have it (not guarded on Windows).

    Raises:
        BlockingIOError: another run has it.
        OSError: it cannot be written.
    """

    def __init__(self, path: Path, *, emulated: bool) -> None:
        self._file = path.open("a+b", buffering=0)
        try:
            lock(self._file, wait=False)
        except OSError:
            self._file.close()
            raise
        if self._file.tell() and _last_byte(path) != b"\n":
            self._file.write(b"\n")  # a run was killed in the middle of a line
        self._append({"opened": _wall_time(), "emulated": emulated})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begun(self, item: Item) -> None:
        """Write that an item is about to be sent."""
        self._append({"begun": _wall_time(), "item": item.id, "content": item.content})

    def finished(self, item: Item, facts: Facts) -> None:
        """Write that all pictures of an item that came are on disk."""
        self._append({"finished": _wall_time(), "item": item.id, "content": item.content, **facts})

    def failed(self, item: Item, facts: Facts) -> None:
        """Write that an item came to nothing."""
        self._append({"failed": _wall_time(), "item": item.id, **facts})

    def _append(self, facts: Facts) -> None:
        line = json.dumps(facts, default=str).encode() + b"\n"
        if self._file.write(line) < len(line):
            raise OSError(f"{self._file.name}: no room for a whole line")
        os.fsync(self._file)


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read()


def _wall_time() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")  # for people; no duration is taken from it


@frozen(kw_only=True)
class History:
    """What all runs so far came to; the facts of an item are those of its last line.

    `open` are the items whose last line says that they were begun. `emulated` is None before the first run.
    """

    finished: Mapping[str, Facts] = field(factory=dict)
    failed: Mapping[str, Facts] = field(factory=dict)
    open: Mapping[str, Facts] = field(factory=dict)
    emulated: bool | None = None


def read_journal(path: Path) -> History:
    """Read a journal; a torn line counts for nothing, for what follows from it did not happen.

    Raises:
        OSError: it is there and cannot be read.
    """
    last: dict[str, tuple[str, Facts]] = {}
    emulated = None
    for facts in map(_facts, path.read_bytes().splitlines() if path.exists() else ()):
        word = next((word for word in ("begun", "finished", "failed") if word in facts), None)
        if word:
            last[facts["item"]] = word, facts
        emulated = facts.get("emulated", emulated)
    pick = {word: {id_: facts for id_, (each, facts) in last.items() if each == word} for word, _ in last.values()}
    return History(
        finished=pick.get("finished", {}), failed=pick.get("failed", {}), open=pick.get("begun", {}), emulated=emulated
    )


def _facts(line: bytes) -> Facts:
    try:
        facts = json.loads(line)
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}
