"""What was begun under an `Idempotency-Key`, in a SQLite file that the processes of one machine share.

A row is written before anything is sent for it. A process shows that it lives by a lock on a file of its own; what a
dead one left behind is free again if nothing was sent, and doubtful if something was.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import define, field

from pixroute.content import Content
from pixroute.cost import Cost
from pixroute.result import Image
from pixroute.serve.answer import GatewayAnswer
from pixroute.serve.call import Outcome
from pixroute.serve.problem import GatewayProblem
from pixroute.serve.repeats import KEEP, Elsewhere, Fresh, Name, doubtful, other_body

_SCHEMA = """
CREATE TABLE IF NOT EXISTS repeats (
    caller TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, owner TEXT NOT NULL, state TEXT NOT NULL,
    at REAL NOT NULL, told TEXT, bytes INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (caller, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (
    caller TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL, told TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY (caller, key, number)
);
"""
_BUSY = 10.0
"""Seconds to wait for another process's transaction."""


@define(eq=False)
class SqliteShelf:
    """A `Shelf` in a file.

    Args:
        path: of the file; beside it lie the locks of the processes that use it.
        most: answers that are kept.
        most_bytes: bytes of their pictures.
        clock: seconds since 1970.

    Raises:
        sqlite3.Error, OSError: the file cannot be had.
    """

    path: Path
    most: int
    most_bytes: int
    clock: Callable[[], float] = time.time
    _owner: str = field(factory=lambda: secrets.token_hex(8))
    _lock: threading.Lock = field(factory=threading.Lock)
    _base: sqlite3.Connection = field(init=False)
    _alive: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        flags = os.O_CREAT | os.O_RDWR
        self._alive = os.open(self._lock_file(self._owner), flags, 0o600)
        fcntl.flock(self._alive, fcntl.LOCK_EX)
        os.close(os.open(self.path, flags, 0o600))  # its pictures are nobody else's
        self._base = sqlite3.connect(self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False)
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.execute("PRAGMA synchronous = FULL")  # what may be billed is written before it is sent
        self._base.executescript(_SCHEMA)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()
            self._lock_file(self._owner).unlink(missing_ok=True)
            os.close(self._alive)

    # What a shelf does

    def begin(self, name: Name) -> Fresh | Elsewhere | Outcome:
        """Take the name, or tell what became of it."""
        with self._lock, self._base:
            self._base.execute("BEGIN IMMEDIATE")
            self._forget()
            row = self._base.execute(
                "SELECT digest, owner, state, told FROM repeats WHERE caller = ? AND key = ?", (name.caller, name.key)
            ).fetchone()
            if row is None:
                self._insert(name)
                return Fresh()
            digest, owner, state, told = row
            if digest != name.digest:
                raise other_body()
            if state == "over":
                return self._read(name, told)
            if owner == self._owner or self._lives(owner):
                return Elsewhere()
            if state == "begun":
                self._delete(name)
                self._insert(name)
                return Fresh()
            self._update(name, "over", _written(problem := doubtful()), 0)
            return problem

    def sending(self, name: Name) -> None:
        """Note that something may be billed from now on."""
        try:
            with self._lock, self._base:
                self._base.execute(
                    "UPDATE repeats SET state = 'sent' WHERE caller = ? AND key = ?", (name.caller, name.key)
                )
        except sqlite3.Error as error:
            raise OSError(errno.EIO, f"the repeats file cannot be written: {error}") from error

    def settle(self, name: Name, outcome: Outcome) -> None:
        """Keep what it came to."""
        with self._lock, self._base:
            self._base.execute("BEGIN IMMEDIATE")
            images = outcome.images if isinstance(outcome, GatewayAnswer) else ()
            for number, image in enumerate(images):
                self._base.execute(
                    "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?)",
                    (name.caller, name.key, number, _picture_told(image), image.data),
                )
            size = outcome.size if isinstance(outcome, GatewayAnswer) else 0
            self._update(name, "over", _written(outcome), size)
            self._forget()

    def release(self, name: Name) -> None:
        """Give the name back."""
        with self._lock, self._base:
            self._delete(name)

    # Rows

    def _insert(self, name: Name) -> None:
        self._base.execute(
            "INSERT INTO repeats (caller, key, digest, owner, state, at) VALUES (?, ?, ?, ?, 'begun', ?)",
            (name.caller, name.key, name.digest, self._owner, self.clock()),
        )

    def _update(self, name: Name, state: str, told: str, size: int) -> None:
        self._base.execute(
            "UPDATE repeats SET state = ?, told = ?, bytes = ?, at = ? WHERE caller = ? AND key = ?",
            (state, told, size, self.clock(), name.caller, name.key),
        )

    def _delete(self, name: Name) -> None:
        for table in ("repeats", "pictures"):
            self._base.execute(f"DELETE FROM {table} WHERE caller = ? AND key = ?", (name.caller, name.key))  # noqa: S608 - our own names

    def _read(self, name: Name, told: str) -> Outcome:
        rows = self._base.execute(
            "SELECT told, data FROM pictures WHERE caller = ? AND key = ? ORDER BY number", (name.caller, name.key)
        )
        return _read(told, [_picture(json.loads(text), data) for text, data in rows])

    def _forget(self) -> None:
        """Drop what is over and old, and the oldest of it beyond the bounds."""
        rows = self._base.execute(
            "SELECT caller, key, digest, at, bytes FROM repeats WHERE state = 'over' ORDER BY at DESC"
        ).fetchall()
        size, oldest = 0, self.clock() - KEEP
        for number, (caller, key, digest, at, held) in enumerate(rows, 1):
            size += held
            if at < oldest or number > self.most or size > self.most_bytes:
                self._delete(Name(caller=caller, key=key, digest=digest))

    # Who lives

    def _lock_file(self, owner: str) -> Path:
        return self.path.with_name(f"{self.path.name}.{owner}.lock")

    def _lives(self, owner: str) -> bool:
        """Tell whether a process holds its lock; what a dead one left is removed."""
        path = self._lock_file(owner)
        try:
            descriptor = os.open(path, os.O_RDWR)
        except FileNotFoundError:
            return False
        with closing(os.fdopen(descriptor)) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            path.unlink(missing_ok=True)
        return False


def _written(outcome: Outcome) -> str:
    if isinstance(outcome, GatewayAnswer):
        told: dict[str, Any] = {
            "cost": _cost_told(outcome.cost),
            "request_id": outcome.request_id,
            "fell_back": outcome.fell_back,
            "adjustments": list(outcome.adjustments),
            "missing": list(outcome.missing),
            "usage": outcome.usage,
        }
        return json.dumps({"answer": told}, default=str)
    names = ("status", "message", "kind", "type", "code", "param", "request_id")
    problem: dict[str, Any] = {name: getattr(outcome, name) for name in names}
    return json.dumps({"problem": problem | {"cost": _cost_told(outcome.cost)}})


def _read(text: str, images: list[Image]) -> Outcome:
    told = json.loads(text)
    if "problem" in told:
        fields = told["problem"]
        return GatewayProblem(**{**fields, "cost": _cost(fields["cost"])})
    fields = told["answer"]
    lists = {name: tuple(fields[name]) for name in ("adjustments", "missing")}
    return GatewayAnswer(**{**fields, **lists, "cost": _cost(fields["cost"]), "images": tuple(images)})


def _picture_told(image: Image) -> str:
    names = ("format", "width", "height", "provider", "model", "revised_prompt")
    return json.dumps({name: getattr(image, name) for name in names} | {"cost": _cost_told(image.cost)})


def _picture(told: Mapping[str, Any], data: bytes) -> Image:
    return Image(**{**told, "cost": _cost(told["cost"]), "content": Content(data)})


def _cost_told(cost: Cost | None) -> Any:
    if cost is None:
        return None
    amounts = [None if one is None else str(one) for one in (cost.certain, cost.possible)]
    return [*amounts, cost.currency]


def _cost(told: Any) -> Any:
    if told is None:
        return None
    certain, possible = (None if one is None else Decimal(one) for one in told[:2])
    return Cost(certain=certain, possible=possible, currency=told[2])
